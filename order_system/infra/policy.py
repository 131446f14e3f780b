"""Time-outs and limits of processes, commands, database and server; others are in `domain/policy.py`."""

from datetime import timedelta

WORKER_DRAIN = timedelta(seconds=15)
"""How long a worker drains: longer than EFFECT_ATTEMPT, so that no effect ends between claim and record."""

PROCESSES_LIMIT = 64
"""The most worker processes under one supervisor: a typing error must not bring the machine down."""

PROCESS_SETTLED = timedelta(seconds=30)
"""A worker process that lived shorter than this died at once. One that lived longer is replaced at once."""

PROCESS_AGAIN = timedelta(milliseconds=500)

PROCESS_AGAIN_LIMIT = timedelta(seconds=30)
"""The pause before a process that died at once is started again. It doubles each time in a row, up to the
limit. The supervisor never gives up: the cause may be mended while it waits."""

PROCESS_ENDS = timedelta(seconds=25)
"""How long a worker process that was told to end may take before it is killed. Longer than WORKER_DRAIN, as
it also closes server and database; shorter than what docker-compose.yml grants the container."""

PATIENCE_LIMIT = 10_000
"""The most attempts that ORDER_PATIENCE may name: their pauses come to three and a half days."""

KEY_AGAIN = timedelta(minutes=1)
"""The pause after a month's first key could not be written. Until then, the last month's key seals."""

KEY_SETTLED = timedelta(seconds=30)
"""How long a new key must have sealed before an older one may be destroyed: by then the last payload that the
older key sealed has reached the server, and lists show it."""

FAILURE_STACK = 1_000
"""How many characters of a stack are sent, the innermost calls: the server keeps only 4 KB of a failure."""

CONNECT = timedelta(seconds=5)
"""How long a command waits for the Temporal server before it says that there is none."""

BOOK_LOOK = timedelta(seconds=2)
"""How often a worker makes sure that its order book is still there, and that its server is still the same."""

BOOKS_DIFFER_AFTER = timedelta(seconds=5)
"""How long an order has been open before `attention` looks whether another book's worker keeps it waiting."""

WRONG_BOOK_AGAIN = timedelta(seconds=1)
"""How soon work is offered again after another book's worker refused it. The pauses do not grow, since a
worker of the right book may take it next."""

CONNECT_AGAIN = timedelta(seconds=2)
"""The pause between two attempts to reach the server or, for a worker, its database."""

DATABASE_CONNECT = timedelta(seconds=5)
"""How long PostgreSQL may take to accept a connection: shorter than EFFECT_ATTEMPT. The URL's own
`connect_timeout` wins. The driver takes two seconds at least."""

DATABASE_GONE = timedelta(seconds=15)
"""A connection to PostgreSQL counts as dead after so long without any acknowledgement, and a call that waits
on it fails. The URL's own `keepalives_...` and `tcp_user_timeout` win."""

SERVER_AWAY = timedelta(minutes=1)
"""How long a command that follows an order or a batch waits for a server that has gone, as in a restart."""

SEARCH_ATTRIBUTES_KNOWN = timedelta(seconds=90)
"""How long a worker waits until the server has taken up search attributes that it has just registered."""

RPC = timedelta(seconds=10)
"""One call from a client to the server."""

SERVER_KNOWN = timedelta(seconds=10)
"""How long a worker assumes, without asking, that the server at its address is still the same."""

QUERY = timedelta(seconds=5)
"""A query needs a worker; without one the answer comes from server and book alone."""

STEP_TAKES_LONG = timedelta(seconds=3)
"""A step that runs for longer may have met trouble: the server is asked which."""

ANSWER = timedelta(seconds=15)
"""How long a person's answer may take to be accepted, and as long again to be carried out, which includes an
attempt under way: that is not interrupted. Only a worker accepts an answer."""

CHOSEN = timedelta(seconds=40)
"""How long one action on many orders may take in all: less than a proxy waits."""

FORGET_WITHIN = timedelta(seconds=40)
"""How long the server may take to delete the workflows of an order: by default it notes only every 30 seconds
that one has closed, and deletes none before."""

FORGET_AGAIN = timedelta(milliseconds=250)
"""The pause between two looks whether the workflows are deleted."""

SCHEDULE_UPDATES = 5
"""How many attempts to write the reconciler's schedule are made while others write it at the same moment."""

HEARTBEAT = timedelta(seconds=2)
"""How often a worker sends the server a heartbeat; the SDK takes a second at least."""

WORKER_SILENT = timedelta(seconds=8)
"""A worker that was silent for so long counts as taking no work: it has missed three heartbeats."""

WORKER_HEARD = HEARTBEAT + timedelta(seconds=1)
"""How long to listen for a heartbeat before we say that there is no worker. With WORKER_SILENT, this is less
than the 15 seconds within which an outage must be reported."""

WORKER_SEEN = timedelta(seconds=1)
"""The pause between two looks for a worker: the server shows a worker at most so long after its start."""

HEARTBEATS_KNOWN = timedelta(minutes=10)
"""Older heartbeats are ignored; if no worker has a newer one, the pollers decide."""

POLLED_WITHIN = timedelta(minutes=2)
"""Where there are no heartbeats, a worker that polled within this time counts as there, since a long poll
takes a minute; unless work has waited for WORKER_SILENT."""

WAITING_ASKED = timedelta(seconds=2)
"""How long a list of orders waits for the server to say which of them wait for a person."""

ANSWERS = timedelta(seconds=3)
"""How long a server has to answer the smallest question, for a page."""

ANSWER_ASSUMED = timedelta(seconds=2)
"""How long it counts as there, or as away, after that."""

WATCH_METRICS = timedelta(seconds=3)
"""How often a process reads the metrics of book and server; scrapes in between see the same values."""

WATCH_POLL = timedelta(milliseconds=250)
"""How often a live view asks for the progress of what it shows."""

LAST_BREATH = timedelta(milliseconds=100)
"""How long a short client program waits before it ends: then the SDK's threads must be done with Python."""

EMBEDDED_START = timedelta(seconds=30)

EMBEDDED_STOP = timedelta(seconds=10)
"""How long the embedded server may take to answer (EMBEDDED_START), and to stop before it is killed."""

EMBEDDED_POLL = timedelta(milliseconds=50)
"""How often to look whether the embedded server answers, or whether its other users have left."""

DATABASE_BUSY = timedelta(seconds=5)
"""How long a transaction waits for another one before it fails: on SQLite for the one writer, on PostgreSQL
for a row. Shorter than EFFECT_ATTEMPT: the thread of a caller that has given up is soon free again."""

DATABASE_AGAIN = timedelta(milliseconds=10)
"""The pause of a process that waits for another one to set up SQLite's file."""

ORDERS_PER_LOOK = 200
"""How many orders of a batch one query to the server, and one to the book, looks up."""

WATCH_AT_ONCE = 20
"""How many orders are queried or submitted at once: enough to keep a server busy without drowning it."""

ANSWER_SHOWN = timedelta(seconds=5)
"""How long a command that has sent an answer goes on looking at its result."""

WORD_ABOUT_WAITING = timedelta(seconds=10)
"""A command that has waited this long for a workflow says so: perhaps no worker runs."""

ATTENTION_RENEWED = timedelta(seconds=2)
"""How often `attention --watch` looks again."""


def watch_pause(orders: int) -> float:
    """Return the seconds between two looks at so many orders: a live view must not load the server."""
    return max(WATCH_POLL.total_seconds(), orders * 0.02)
