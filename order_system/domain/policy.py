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
"""Of a local activity: a query of its workflow waits for it. After that it counts as unanswered."""

FIRST_ATTEMPT_STARTS = timedelta(seconds=1)
"""How long it may wait for a place in a busy worker. Both together stay far below EFFECT_ATTEMPT: after that
its deadline has passed, reckoned from the start of its workflow task, by the server's clock."""

FIRST_CALL = timedelta(seconds=1.5)
"""GATEWAY_CALL of a local activity."""

EVENTS_BETWEEN_TASKS = 3
"""A history grows by so many at least from one task to the next: completed, scheduled, started."""

ONCE = RetryPolicy(maximum_attempts=1)
"""The server sees no attempt of a local activity, so further ones are regular."""

EFFECT_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
    non_retryable_error_types=NEVER_RETRIED,
)
"""Without limit, as far as the server knows: it would count attempts that a full disk of ours failed, too.
The activity itself gives up, once attempts that reached the gateway have used the patience."""

PATIENCE: dict[Step, int] = dict.fromkeys(Step, 40)
"""Attempts that reach a step's gateway before the step has failed. A gateway that refuses connections is
tried for 17 minutes: pauses of 0.5, 1, 2, 4, 8, 16 seconds, and 33 of 30 seconds."""

DEMO_PATIENCE: dict[Step, int] = dict.fromkeys(Step, 6)
"""For the simulated gateways, whose stories are to be told in half a minute: 15.5 seconds of pauses."""

RETRY_AFTER_AT_MOST = timedelta(minutes=10)
"""A provider may ask for a longer pause between two attempts than ours. Longer than this it is not kept."""

UNDO_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=0,
)
"""Without limit: money and stock are owed until they are given back."""

# --- what comes first, of what waits for a worker -------------------------------------------------

UNDO_FIRST = Priority(priority_key=1)
"""What gives money and stock back."""

BY_HAND = Priority(priority_key=2)
"""Orders that are submitted one by one. What says nothing has 3: a batch itself, the reconciler, events."""


def batch_priority(name: str) -> Priority:
    """Of a batch's orders: equal shares, where the server knows fairness. A key has 64 bytes at most."""
    key = name if len(name) <= 64 else hashlib.sha256(name.encode()).hexdigest()
    return Priority(priority_key=4, fairness_key=key)


# --- the saga -------------------------------------------------------------------------------------

ATTENTION_AFTER = timedelta(seconds=30)
"""An undo that takes longer makes the order show `needs_attention`; it goes on being retried."""

HOLD_LIMIT = timedelta(days=30)
"""The longest `hold_on_failure` that an order may ask for: its money and stock are kept meanwhile."""

ORDER_TAKES_AT_MOST = timedelta(minutes=10)
"""Longer than any order takes whose gateways answer, unless it waits for a person. Where nothing has moved
for as long, something is wrong, a gateway that is away for one, and `attention` lists it."""

RETRIED_AGAIN_AND_AGAIN = 3
"""From this attempt on an activity that is retried without limit is worth a person's look."""

ATTEMPT_NOTED = timedelta(milliseconds=500)
"""How long an attempt that has ended waits at most for the book to note how."""

ATTEMPTS_TOLD_APART = 100
"""Further ones of the same effect or undo are told together, by what the last one said: an undo that is stuck
over a weekend is tried thousands of times."""

RETRIES_HISTORY_EVENTS = 20_000
"""From here on an order takes no answer that would try something again: the server ends a workflow at 51,200
events, and those that end the waiting must still be heard."""

UNDO_AGAIN_AFTER = timedelta(seconds=10)
"""An undo activity that was ended by hand from outside is scheduled again after this pause."""

CHILD_BUSY_POLL = timedelta(seconds=2)
CHILD_BUSY_LIMIT = timedelta(minutes=5)
"""After a reset a child of the earlier run may still hold the ID: how often to try, and for how long.
Longer than any step takes with all its attempts used."""

# --- batches --------------------------------------------------------------------------------------

BATCH_WINDOW = 50
BATCH_WINDOW_LIMIT = 1_000
"""Orders under way at once; the server holds at most 2,000 pending children of one workflow."""

BATCH_REFILL = 0.1
"""The part of a full window that must be free before orders are started again, in a group."""

BATCH_PAGE_BYTES = 32_000
"""Of the file in one page: about 200 orders of one line, well below the 2 MB that a payload may have."""

BATCH_PAGE_ORDERS = 250
"""Orders to start in one page, however short their rows: what is left of it travels in one message, too."""

BATCH_ORDERS_APART = 100
"""Orders whose rows stand apart: with more, the file is refused. Requests for a page name each."""

BATCH_PAGE_BYTES_LIMIT = 2_000_000
BATCH_PAGES_WHEN_STOPPING = 500
"""A stopped batch only counts: larger pages, and no more of them (six events each) than its history bears."""

BATCH_HISTORY_EVENTS = 4_000
"""From here on a batch continues as new. The server suggests it at 4,096."""

BATCH_HISTORY_EVENTS_LEAST = 40
"""With fewer, a run would continue as new before it has done anything."""

BATCH_PATIENCE = timedelta(minutes=5)
"""An order that takes longer is handed on by its ID and frees its place in the window."""

BATCH_HANDED_ON_LIMIT = 1_000
"""When so many take too long, something is wrong with more than these: from then on they keep their places,
and a full window starts nothing. Their IDs have to fit into one message, too."""

BATCH_DRAIN = timedelta(seconds=5)
"""How long a batch that must continue as new waits for its orders to end. It starts none meanwhile, so this
is short; the next run looks up the others, which keep their places."""

BATCH_LAST_TASK = timedelta(milliseconds=1)
"""A timer before a run ends: the SDK tells the signals of a task before its cancel, which would be lost."""

BATCH_CANCEL_FOLLOWS = timedelta(seconds=10)
"""Whoever has the orders of a batch cancelled cancels the batch next; it waits this long for that."""

BATCH_LOOK_SOON = timedelta(seconds=1)
BATCH_LOOK_AGAIN = timedelta(seconds=10)
"""Orders of an earlier run are looked up after the first, and then at intervals that grow to the second."""

BATCH_LAST_LOOK = timedelta(minutes=2)
"""So long a batch looks at its end for orders that it handed on. What is still open then needs attention."""

BATCH_PACE_STEP = timedelta(seconds=5)
BATCH_PACE_OVER = timedelta(seconds=60)
"""The pace of a batch is measured over this time, give or take a step."""

PAGE_ATTEMPT = timedelta(seconds=30)
FILE_ATTEMPT = timedelta(minutes=10)
"""One page; and one pass over a whole file, for its checksum."""

PAGE_HEARTBEAT = timedelta(seconds=10)
FILE_HEARTBEAT = timedelta(seconds=20)
"""So soon a worker that died while it read is missed. Longer than what lies between two beats: a piece of the
file from a slow store, or a call to a busy book."""

HEARTBEAT_EVERY = timedelta(seconds=1)
"""A thread that reads beats no more often than this: the loop that carries its beats has other work."""

PAGE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=0,
    non_retryable_error_types=["FileChanged", "FileRefused"],
)
"""A page that cannot be read or looked up is tried again: "unknown" must never read as "new"."""

# --- the reconciler -------------------------------------------------------------------------------

RECONCILE_MIN_AGE = timedelta(minutes=1)
"""A run on schedule leaves out open submissions that are younger than this, or than its interval if that is
shorter: nearly all of them are under way, and the server need not be asked about each."""

RECONCILE_PAGE = 100
"""Submissions, or keys in doubt, that are read at once, and settled side by side."""

RECONCILE_AT_ONCE = 20
"""Calls that one activity has under way at once, to the server or to a gateway."""

RECONCILE_NAMED = 20
"""Orders that a report names of each kind; all are counted."""

RECONCILE_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=5,
)
"""With a limit, unlike UNDO_RETRY: what does not work now is "not yet", and the next run's."""

SETTLE_ATTEMPT = timedelta(seconds=20)
"""One attempt at an undo by the reconciler: a question to the server, and a call to a gateway."""

KEYS_ATTEMPT = timedelta(minutes=2)
"""One page of keys in doubt, if each gateway call takes all its time."""

KEYS_HEARTBEAT = timedelta(seconds=20)
"""Longer than the gateway calls that are under way at once: so soon a worker that died is missed."""

IN_DOUBT_HORIZON = timedelta(hours=1)
"""How long a key is asked for again after its undo found nothing. The attempt that was not answered was
given up long before; this is for a request that is still queued somewhere between us and the gateway."""

NOTICE_HORIZON = timedelta(days=1)
"""How long the reconciler tries to send a notice that an order owes which is gone. Then a person has to."""

RECONCILE_HISTORY_EVENTS = 4_000
"""From here on a run continues as new at the next page; a page adds about 1,300 at most."""

RECONCILE_RUN = timedelta(hours=1)
"""A run that takes longer is ended by the server, so that one stuck on a bug keeps no other away."""

FORGET_EVERY = timedelta(days=1)
FORGET_RUN = timedelta(minutes=50)
FORGET_HEARTBEAT = timedelta(minutes=2)
"""What is due is forgotten once a day, for less than RECONCILE_RUN, with a heartbeat at each order. What is
left then is done the next day."""

RECONCILER_ASLEEP = 3
"""A reconciler that has not run for so many of its periods waits for a person."""

RECONCILE_CATCH_UP = timedelta(minutes=1)
"""Of the runs that a server missed while it was down, one of the last minute is made up for."""

# --- webhooks -------------------------------------------------------------------------------------

WEBHOOK_ANSWER = timedelta(seconds=15)
"""How long a receiver may take to answer."""

WEBHOOK_ATTEMPT = timedelta(seconds=20)

WEBHOOK_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(hours=1),
    maximum_attempts=84,
    non_retryable_error_types=NEVER_RETRIED,
)
"""Pauses of 1, 2, 4 seconds and so on, and of an hour later on: three days. Then a person is called."""

BATCH_END_TOLD = timedelta(days=1)
"""How long after a batch has ended the reconciler may be off, and its end is still told."""
