"""What waits for a person, and the answers to it: `client.AttentionClient`, `concerns.Concern`. How it is
found is in `finder` (orders that tell) and `stuck` (what only the server can tell)."""
