"""Every timeout, retry policy and limit, named by what it is for. No other file holds a literal one.

Budgets count attempts, never elapsed time: schedule-to-close and schedule-to-start timeouts also run
while no worker does, so a long deployment would refund every order under way."""

import hashlib
from datetime import timedelta

from temporalio.common import Priority, RetryPolicy

from order_system.domain.errors import NEVER_RETRIED
from order_system.domain.steps import Step

# --- activities -----------------------------------------------------------------------------------

EFFECT_ATTEMPT = timedelta(seconds=10)
"""Start-to-close of one attempt at an effect or an undo. Short, since a cancel waits for it."""

GATEWAY_CALL = timedelta(seconds=8)
"""A call to the outside world gives up before its attempt does, so that the attempt can still say so."""

FIRST_ATTEMPT = timedelta(seconds=2)
"""A local activity's attempt; then it counts as unanswered. Short, since a query of its workflow waits."""

FIRST_ATTEMPT_STARTS = timedelta(seconds=1)
"""How long that attempt may wait for a place in a busy worker. Both together stay far below EFFECT_ATTEMPT,
after which its deadline has passed, counted from the start of its workflow task by the server's clock."""

FIRST_CALL = timedelta(seconds=1.5)
"""The GATEWAY_CALL of a local activity."""

EVENTS_BETWEEN_TASKS = 3
"""From one task to the next a history grows by at least so many events: completed, scheduled, started."""

ONCE = RetryPolicy(maximum_attempts=1)
"""For a local activity: the server does not see its attempts, so further attempts are regular activities."""

EFFECT_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    maximum_interval=timedelta(seconds=30),
    non_retryable_error_types=NEVER_RETRIED,
)
"""The server has no limit: it would also count attempts that failed because our own disk was full. The
activity itself gives up, once attempts that reached the gateway have used up the patience."""

PATIENCE: dict[Step, int] = dict.fromkeys(Step, 40)
"""Attempts that reach a step's gateway before the step has failed. A gateway that refuses connections is
tried for 17 minutes: pauses of 0.5, 1, 2, 4, 8, 16 seconds, and 33 of 30 seconds."""

DEMO_PATIENCE: dict[Step, int] = dict.fromkeys(Step, 6)
"""For the simulated gateways, whose stories must fit into half a minute: 15.5 seconds of pauses."""

RETRY_AFTER_AT_MOST = timedelta(minutes=10)
"""A provider may ask for a longer pause between two attempts than ours. We wait no longer than this."""

UNDO_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=30))
"""Without limit: money and stock are owed until they are given back."""

# --- which of the waiting tasks a worker takes first ----------------------------------------------

UNDO_FIRST = Priority(priority_key=1)
"""Undos, which give money and stock back."""

BY_HAND = Priority(priority_key=2)
"""Orders that are submitted one by one. The default is 3: a batch itself, the reconciler, events."""


def batch_priority(name: str) -> Priority:
    """The priority of a batch's orders: equal shares if the server knows fairness. A key has <= 64 bytes."""
    key = name if len(name) <= 64 else hashlib.sha256(name.encode()).hexdigest()
    return Priority(priority_key=4, fairness_key=key)


# --- the saga -------------------------------------------------------------------------------------

ATTENTION_AFTER = timedelta(seconds=30)
"""An undo that takes longer makes the order show `needs_attention`; it goes on being retried."""

HOLD_LIMIT = timedelta(days=30)
"""The longest `hold_on_failure` that an order may ask for: its money and stock are kept meanwhile."""

ORDER_TAKES_AT_MOST = timedelta(minutes=10)
"""Longer than any order takes whose gateways answer, unless it waits for a person. If nothing has moved for
so long, something is wrong, for example a gateway is down, and `attention` lists the order."""

RETRIED_AGAIN_AND_AGAIN = 3
"""From this attempt on an activity that is retried without limit is worth a person's look."""

ATTEMPT_NOTED = timedelta(milliseconds=500)
"""The longest that an attempt waits, once it has ended, for the book to note how."""

ATTEMPTS_TOLD_APART = 100
"""Further attempts at the same effect or undo are shown as one, with the words of the last: an undo that is
stuck over a weekend is tried thousands of times."""

RETRIES_HISTORY_EVENTS = 20_000
"""From here on an order takes no answer that would try something again: the server ends a workflow at 51,200
events, and answers that end the waiting must still be heard."""

UNDO_AGAIN_AFTER = timedelta(seconds=10)
"""An undo activity that was ended by hand from outside is scheduled again after this pause."""

CHILD_BUSY_POLL = timedelta(seconds=2)
"""After a reset a child of the earlier run may still hold the ID: the first pauses between two tries."""

CHILD_BUSY_LIMIT = timedelta(minutes=5)
"""An order that met such a child before the patch `wait-for-a-busy-child` gives up after this time."""

CHILD_CANCELLED = timedelta(minutes=10)
"""How long a child may take to end after its cancel; it needs the rest of an attempt, at most. Then it counts
as gone. What it may still do is stopped by the undo's fences."""

# --- batches --------------------------------------------------------------------------------------

BATCH_WINDOW = 50
BATCH_WINDOW_LIMIT = 1_000
"""Orders under way at once; the server holds at most 2,000 pending children of one workflow."""

BATCH_REFILL = 0.1
"""The part of a full window that must be free before orders are started again, in a group."""

BATCH_PAGE_BYTES = 32_000
"""Bytes of the file in one page: about 200 orders of one line, well below the 2 MB limit of a payload."""

BATCH_PAGE_ORDERS = 250
"""Orders to start in one page, however short their rows: the rest of a page must fit into one message."""

BATCH_ORDERS_APART = 100
"""A file with more orders whose rows stand apart is refused: each request for a page names them all."""

BATCH_PAGE_BYTES_LIMIT = 2_000_000
BATCH_PAGES_WHEN_STOPPING = 500
"""A stopped batch only counts: larger pages, and only as many (six events each) as its history can bear."""

BATCH_HISTORY_EVENTS = 4_000
"""From here on a batch continues as new. The server suggests it at 4,096."""

BATCH_HISTORY_EVENTS_LEAST = 40
"""With fewer, a run would continue as new before it has done anything."""

BATCH_PATIENCE = timedelta(minutes=5)
"""An order that takes longer is handed on by its ID and frees its place in the window."""

BATCH_HANDED_ON_LIMIT = 1_000
"""When so many orders take too long, more is wrong than these orders. From then on slow ones keep their
places, and a full window starts nothing. The IDs must also fit into one message."""

BATCH_DRAIN = timedelta(seconds=5)
"""How long a batch that must continue as new waits for its orders to end. It starts none meanwhile, so this
is short; the next run looks up the others, which keep their places."""

BATCH_LAST_TASK = timedelta(milliseconds=1)
"""A timer before a run ends: the SDK tells a task's signals before its cancel, which would else be lost."""

BATCH_CANCEL_FOLLOWS = timedelta(seconds=10)
"""A client that cancels the orders of a batch cancels the batch next. The batch waits this long for that."""

BATCH_LOOK_SOON = timedelta(seconds=1)
BATCH_LOOK_AGAIN = timedelta(seconds=10)
"""Orders of an earlier run are looked up after the first time, then at intervals that grow to the second."""

BATCH_LAST_LOOK = timedelta(minutes=2)
"""How long a batch, at its end, looks for orders that it handed on. Those open after that need attention."""

BATCH_PACE_STEP = timedelta(seconds=5)
BATCH_PACE_OVER = timedelta(seconds=60)
"""The pace of a batch is measured over this time, give or take a step."""

PAGE_ATTEMPT = timedelta(seconds=30)
FILE_ATTEMPT = timedelta(minutes=10)
"""Reading one page; and one pass over a whole file, for its checksum."""

PAGE_HEARTBEAT = timedelta(seconds=10)
FILE_HEARTBEAT = timedelta(seconds=20)
"""How soon a worker that died while it read is missed. Longer than the time between two heartbeats, in which
it reads a piece of the file from a slow store, or calls a busy book."""

HEARTBEAT_EVERY = timedelta(seconds=1)
"""A reading thread sends heartbeats no more often than this: the loop that carries them has other work."""

PAGE_RETRY = RetryPolicy(
    maximum_interval=timedelta(seconds=30), non_retryable_error_types=["FileChanged", "FileRefused"]
)
"""A page that cannot be read or looked up is tried again: "unknown" must never count as "new"."""

# --- the reconciler -------------------------------------------------------------------------------

RECONCILE_MIN_AGE = timedelta(minutes=1)
"""A run on schedule leaves out open submissions that are younger than this, or than its interval if that is
shorter: nearly all of them are under way, and the server need not be asked about each."""

RECONCILE_PAGE = 100
"""Submissions, or keys in doubt, that are read at once, and settled side by side."""

RECONCILE_AT_ONCE = 20
"""Calls that one activity has under way at once, to the server or to a gateway."""

RECONCILE_NAMED = 20
"""How many orders of each kind a report names. It counts all."""

RECONCILE_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=5,
)
"""With a limit, unlike UNDO_RETRY: an undo that does not work now is left to the next run."""

SETTLE_ATTEMPT = timedelta(seconds=20)
"""One attempt at an undo by the reconciler: a question to the server, and a call to a gateway."""

KEYS_ATTEMPT = timedelta(minutes=2)
"""One page of keys in doubt, if each gateway call takes all its time."""

KEYS_HEARTBEAT = timedelta(seconds=20)
"""How soon a worker that died is missed. Longer than the gateway calls that are under way at once."""

IN_DOUBT_HORIZON = timedelta(hours=1)
"""How long we ask about a key again after its undo found nothing. The attempt that was not answered was given
up long before; this is for a request that is still queued somewhere between us and the gateway."""

NOTICE_HORIZON = timedelta(days=1)
"""How long the reconciler tries to send a notice that no workflow is left to send. Then a person must."""

RECONCILE_HISTORY_EVENTS = 4_000
"""From here on a run continues as new at the next page; a page adds about 1,300 at most."""

RECONCILE_RUN = timedelta(hours=1)
"""The server ends a run that takes longer, so that a run that is stuck on a bug does not block the next."""

FORGET_EVERY = timedelta(days=1)
FORGET_RUN = timedelta(minutes=50)
FORGET_HEARTBEAT = timedelta(minutes=2)
"""Orders that are due are forgotten once a day, for less than RECONCILE_RUN, with a heartbeat at each. Those
that are left are forgotten the next day."""

RECONCILER_ASLEEP = 3
"""If the reconciler has not run for so many of its periods, it needs attention."""

RECONCILE_CATCH_UP = timedelta(minutes=1)
"""Of the runs that a server missed while it was down, only one of the last minute is made up for."""

# --- webhooks -------------------------------------------------------------------------------------

WEBHOOK_ANSWER = timedelta(seconds=15)
"""How long a receiver may take to answer."""

WEBHOOK_ATTEMPT = timedelta(seconds=20)

WEBHOOK_RETRY = RetryPolicy(
    maximum_interval=timedelta(hours=1), maximum_attempts=84, non_retryable_error_types=NEVER_RETRIED
)
"""Pauses of 1, 2, 4 seconds and so on, and of an hour later on: three days. Then a person is called."""

BATCH_END_TOLD = timedelta(days=1)
"""If the reconciler is off when a batch ends, it still reports that end for so long."""
