"""The time-outs of the built-in gateways. `domain.policy.GATEWAY_CALL` bounds each call of any gateway."""

from datetime import timedelta

from order_system.domain.policy import GATEWAY_CALL

# --- over HTTP, and to Stripe ---------------------------------------------------------------------

CONNECT = timedelta(seconds=3)
"""The time to get a connection, new or free. If there is none by then, nothing was sent."""

ANSWER = GATEWAY_CALL - timedelta(seconds=1)
"""The time from a call to the end of its answer. Below GATEWAY_CALL, so the client can name what was late."""

STATEMENT = timedelta(minutes=1)
"""The same for the statement of accounts, which is long. Only the audit asks for it."""

ANSWER_BYTES = 300_000
"""The most that is read of an answer, but for the statement. Receipts have a few hundred bytes."""

KEPT_OPEN = timedelta(seconds=2)
"""How long an unused connection is kept. Servers keep it longer: a request on a connection that the server is
closing would count as unanswered."""

SIGNATURE_HOLDS = timedelta(minutes=5)
"""How far the time of a signature may be from the server's clock, either way."""

SEARCH_IS_LATE = timedelta(minutes=10)
"""How long Stripe's search may miss a new payment; usually it is a minute. The list has it at once, but must
be read within one call. After an outage of Stripe it may be an hour: the reconciler asks again that long."""

# --- mails ----------------------------------------------------------------------------------------

MAIL_SERVER = timedelta(seconds=5)
"""The time to accept the connection, and the time to answer each command."""

# --- `Remembered` ---------------------------------------------------------------------------------

SENT_ONCE = timedelta(seconds=30)
"""The time for a call that is never made twice; it continues after its caller has given up. After this time,
no process waits for its answer any more."""

WAITS = GATEWAY_CALL - timedelta(seconds=2)
"""How long the next caller waits for a call under way. If our database takes this long, no call is begun."""

LOOKS_AGAIN = timedelta(milliseconds=100)
"""The pause between two looks at a call that is under way, maybe in another process."""
