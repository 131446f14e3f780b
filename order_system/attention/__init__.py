"""What waits for a person, and the answers to it: `client.AttentionClient`, `concerns.Concern`. The search is
in `finder`; `stuck` has what only the server knows of a workflow."""
