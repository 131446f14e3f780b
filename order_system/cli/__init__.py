"""The command line: a module for each command, or for those that belong together, in a folder for each topic.
`app.py` has the list of commands."""
