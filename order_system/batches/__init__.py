"""A file of orders, run as one workflow by `client.BatchClient`. `reports` tells the plan and what became of
each line, and needs no server. `files` reads the file itself."""
