"""Mails by SMTP, with their templates."""
