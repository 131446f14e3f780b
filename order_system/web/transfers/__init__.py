"""Files in and out: uploads, their plans, downloads."""
