"""Files that come in and go out: uploads, their plans, and downloads."""
