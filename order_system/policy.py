"""Every timeout, retry policy and limit, named by what it is for. No other file holds a literal one.

Budgets count attempts, never elapsed time: schedule-to-close and schedule-to-start timeouts also run
while no worker does, so a long deployment would refund every order under way.
"""

from datetime import timedelta

from temporalio.common import RetryPolicy

from order_system.errors import NEVER_RETRIED

# --- activities -----------------------------------------------------------------------------------

EFFECT_ATTEMPT = timedelta(seconds=10)
"""Start-to-close of one attempt at an effect or an undo. Short, since a cancel waits for it."""

GATEWAY_CALL = timedelta(seconds=8)
"""A call to the outside world gives up before its attempt does, so that the attempt can still say so."""

EFFECT_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=6,
    non_retryable_error_types=NEVER_RETRIED,
)
"""About 16 seconds of waiting between six attempts; then the step has failed and is undone."""

NOTIFY_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=5,
    non_retryable_error_types=NEVER_RETRIED,
)
"""Best effort: afterwards the order says that its notice failed."""

UNDO_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=0,
)
"""Without limit: money and stock are owed until they are given back."""

# --- the saga -------------------------------------------------------------------------------------

ATTENTION_AFTER = timedelta(seconds=30)
"""An undo that takes longer makes the order show `needs_attention`; it goes on being retried."""

UNDO_AGAIN_AFTER = timedelta(seconds=10)
"""An undo activity that was ended by hand from outside is scheduled again after this pause."""

CHILD_BUSY_POLL = timedelta(seconds=2)
CHILD_BUSY_LIMIT = timedelta(minutes=5)
"""After a reset a child of the earlier run may still hold the ID: how often to try, and for how long.
Longer than any step takes with all its attempts used."""

# --- worker and clients ---------------------------------------------------------------------------

WORKER_DRAIN = timedelta(seconds=15)
"""On SIGTERM: longer than EFFECT_ATTEMPT, so that no effect is interrupted between claim and record."""

CONNECT = timedelta(seconds=5)
"""How long a command waits for the Temporal server before it says that there is none."""

CONNECT_AGAIN = timedelta(seconds=2)
"""The pause of a worker that waits for its server."""

RPC = timedelta(seconds=10)
"""One call from a client to the server."""

QUERY = timedelta(seconds=5)
"""A query needs a worker; without one the answer comes from server and book alone."""

WATCH_POLL = timedelta(milliseconds=250)
"""How often a live view asks for the progress of what it shows."""

LAST_BREATH = timedelta(milliseconds=100)
"""What a short client program waits before it ends: the SDK's threads must be done with Python by then."""

EMBEDDED_START = timedelta(seconds=30)
EMBEDDED_STOP = timedelta(seconds=10)
"""How long the embedded server may take to answer, and to stop before it is killed."""

EMBEDDED_POLL = timedelta(milliseconds=50)
"""How often to look whether the embedded server answers, or whether its other users have left."""

DATABASE_BUSY = timedelta(seconds=5)
"""How long SQLite waits for another writer before it reports that the database is locked."""


def watch_pause(orders: int) -> float:
    """Seconds between two looks at this many orders: a live view must not load the server it watches."""
    return max(WATCH_POLL.total_seconds(), orders * 0.02)
