"""The command line, a folder for each topic; `app.py` has the list of commands."""
