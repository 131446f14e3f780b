"""Transfers of files: uploads, their plans, and downloads."""
