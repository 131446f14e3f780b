"""The command line: a module for each command, or for those that belong together."""
