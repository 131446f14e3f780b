"""Mails by SMTP. The templates are beside."""
