"""Time-outs and limits of processes, database and calls to the server; others are in `domain/policy.py`."""

from datetime import timedelta

WORKER_DRAIN = timedelta(seconds=15)
"""On SIGTERM: longer than EFFECT_ATTEMPT, so that no effect is interrupted between claim and record."""

PROCESSES_LIMIT = 64
"""Worker processes under one supervisor: a slip of the finger must not bring the machine down."""

PROCESS_SETTLED = timedelta(seconds=30)
"""A worker process that lived shorter than this died at once. One that lived longer is replaced at once."""

PROCESS_AGAIN = timedelta(milliseconds=500)

PROCESS_AGAIN_LIMIT = timedelta(seconds=30)
"""The pause before a process that died at once is started again; doubled each time it does so in a row, up to
the limit. Nothing gives up: whatever is wrong may be mended while we wait."""

PROCESS_ENDS = timedelta(seconds=25)
"""How long a worker process that was told to end may take before it is killed. Longer than WORKER_DRAIN, as
it takes leave of server and database, too; shorter than what docker-compose.yml grants the container."""

PATIENCE_LIMIT = 10_000
"""Of the setting: attempts, with three days and a half of pauses."""

KEY_AGAIN = timedelta(minutes=1)
"""The pause after a month's first key could not be written. Until it is, the last month's seals."""

KEY_SETTLED = timedelta(seconds=30)
"""How long a new key has sealed before an older one may be destroyed: what was just sealed by that one has
reached the server by then, and lists show it."""

FAILURE_STACK = 1_000
"""Characters of a stack, the innermost calls: of a failure the server keeps 4 KB, causes included."""

CONNECT = timedelta(seconds=5)
"""How long a command waits for the Temporal server before it says that there is none."""

BOOK_LOOK = timedelta(seconds=2)
"""How often a worker makes sure that its order book is still there, and that its server is still the same."""

BOOKS_DIFFER_AFTER = timedelta(seconds=5)
"""How long an order has been open before `attention` looks whether another book's worker keeps it waiting."""

WRONG_BOOK_AGAIN = timedelta(seconds=1)
"""How soon work is offered again that a worker of another book has refused: not after growing pauses, since
each time a worker of the right one may be the next."""

CONNECT_AGAIN = timedelta(seconds=2)
"""The pause of whoever waits for a server or, as a worker, for its database."""

DATABASE_CONNECT = timedelta(seconds=5)
"""How long PostgreSQL may take to accept a connection: shorter than EFFECT_ATTEMPT. The URL's own
`connect_timeout` wins. The driver takes two seconds at least."""

DATABASE_GONE = timedelta(seconds=15)
"""A connection to PostgreSQL on which nothing has been acknowledged for so long is taken for dead, and who
waits on it is told. The URL's own `keepalives_...` and `tcp_user_timeout` win."""

SERVER_AWAY = timedelta(minutes=1)
"""How long whoever follows an order or a batch waits for a server that has gone, as in a restart."""

SEARCH_ATTRIBUTES_KNOWN = timedelta(seconds=90)
"""How long a worker waits until the server has taken up search attributes that it has just registered."""

RPC = timedelta(seconds=10)
"""One call from a client to the server."""

SERVER_KNOWN = timedelta(seconds=10)
"""How long a worker takes the server at its address for the one that it was."""

QUERY = timedelta(seconds=5)
"""A query needs a worker; without one the answer comes from server and book alone."""

STEP_TAKES_LONG = timedelta(seconds=3)
"""A step that is under way for longer meets trouble, perhaps: the server is asked which."""

ANSWER = timedelta(seconds=15)
"""How long a person's answer may wait to be heard, and again to be carried out: that includes an attempt
under way, which is not interrupted. Without a worker it is not heard."""

CHOSEN = timedelta(seconds=40)
"""How long one answer to many may take for all of them: less than a proxy waits."""

FORGET_WITHIN = timedelta(seconds=40)
"""How long the server may take to delete the workflows of an order: by default it notes only every 30 seconds
that one has closed, and deletes none before."""

FORGET_AGAIN = timedelta(milliseconds=250)
"""The pause before it is looked whether they are deleted."""

SCHEDULE_UPDATES = 5
"""How often the reconciler's schedule is written, if somebody else writes it at the same moment each time."""

HEARTBEAT = timedelta(seconds=2)
"""How often a worker tells the server that it is there; at least a second."""

WORKER_SILENT = timedelta(seconds=8)
"""A worker of which nothing was heard for so long takes no work: it has missed three heartbeats."""

WORKER_HEARD = HEARTBEAT + timedelta(seconds=1)
"""How long to listen for a heartbeat before it is said that there is no worker: with WORKER_SILENT, less than
the 15 seconds within which an outage is to be told."""

WORKER_SEEN = timedelta(seconds=1)
"""The pause between two looks for a worker; so late, at most, the server tells of one that has started."""

HEARTBEATS_KNOWN = timedelta(minutes=10)
"""Workers whose last heartbeat is older are not looked at: the pollers decide then."""

POLLED_WITHIN = timedelta(minutes=2)
"""Where there are no heartbeats: a worker that has asked for work so lately is there, since its long poll
takes a minute; unless work has waited for WORKER_SILENT."""

WAITING_ASKED = timedelta(seconds=2)
"""How long a list of orders waits for the server's word about which of them wait for a person."""

WATCH_METRICS = timedelta(seconds=3)
"""How often a process reads what it shows of book and server as metrics: scrapes until then see the same."""

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
"""How long a transaction waits for another one before it fails: on SQLite for the one writer, on PostgreSQL
for a row. Shorter than EFFECT_ATTEMPT: the thread of a caller who has given up is soon free again."""

DATABASE_AGAIN = timedelta(milliseconds=10)
"""The pause of a process that waits for another one to make SQLite's file what it shall be."""

ORDERS_PER_LOOK = 200
"""Orders of a batch that are looked up on the server and in the book by one query each."""

WATCH_AT_ONCE = 20
"""Orders that are asked about, or submitted, at once: they keep a server busy, and do not drown it."""


def watch_pause(orders: int) -> float:
    """Seconds between two looks at this many orders: a live view must not load the server it watches."""
    return max(WATCH_POLL.total_seconds(), orders * 0.02)
