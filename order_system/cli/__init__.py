"""The command line: one module a command, over `OrderClient` and `BatchClient`."""
