"""Every time-out and limit of gateways over HTTP."""

from datetime import timedelta

from order_system.domain.policy import GATEWAY_CALL

CONNECT = timedelta(seconds=3)
"""For a connection, new or free. Where there is none by then, nothing was sent."""

ANSWER = GATEWAY_CALL - timedelta(seconds=1)
"""From the call to the end of its answer: so the client can still say what it has waited for."""

STATEMENT = timedelta(minutes=1)
"""The same of the statement of accounts, which is long, and which the audit alone asks for."""

KEPT_OPEN = timedelta(seconds=2)
"""How long a connection is kept that is not used. Shorter than servers do: a request that meets the closing
of its connection counts as unanswered."""

SIGNATURE_HOLDS = timedelta(minutes=5)
"""So much older or newer than the server's clock may the time of a signature be."""
