"""Every time-out of the gateways that come with us; `domain.policy.GATEWAY_CALL` bounds each call."""

from datetime import timedelta

from order_system.domain.policy import GATEWAY_CALL

# --- over HTTP, and to Stripe ---------------------------------------------------------------------

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

SEARCH_IS_LATE = timedelta(minutes=10)
"""So long Stripe's search may not know a payment; mostly it is a minute. The list has it at once, but must be
read within a call. After an outage of Stripe's it may be an hour: so long the reconciler asks again."""

# --- mails ----------------------------------------------------------------------------------------

MAIL_SERVER = timedelta(seconds=5)
"""How long it may take to accept the connection, and to answer each command."""

# --- `Remembered` ---------------------------------------------------------------------------------

SENT_ONCE = timedelta(seconds=30)
"""A call that is never made twice may take so long, and goes on when its caller has given up. After that its
answer is not waited for any more, by whichever process it was made."""

WAITS = GATEWAY_CALL - timedelta(seconds=2)
"""For a call under way, before whoever asks is told so. If our database takes so long, no call is begun."""

LOOKS_AGAIN = timedelta(milliseconds=100)
"""At a call that is under way, maybe in another process."""
