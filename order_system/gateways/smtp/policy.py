"""Of mails. A call ends with `domain.policy.GATEWAY_CALL` in any case."""

from datetime import timedelta

ANSWER = timedelta(seconds=5)
"""How long the mail server may take to accept the connection, and to answer each command."""
