"""The command line: a module for each command or group of commands, in a folder for each topic. `app.py` has
the list of commands."""
