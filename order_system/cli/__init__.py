"""The command line: a module for each command or group, in a folder for each topic. `app.py` lists them."""
