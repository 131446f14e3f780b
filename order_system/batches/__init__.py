"""A file of orders, run as one workflow: `client.BatchClient`. `reports` has the plan and what became of each
line, and needs no server; `files` reads the file itself."""
