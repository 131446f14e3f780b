"""Every time-out and limit of pages and API."""

from datetime import timedelta

JSON_BODY_BYTES = 1_000_000
"""The most bytes of a JSON body. The largest order that the strict reader takes is well below."""

JSON_BODY_WITHIN = timedelta(seconds=10)
"""How long a request may take from its head to the end of a JSON body."""

WRONG_KEYS = 20

WRONG_KEYS_WITHIN = timedelta(minutes=1)
"""Once an address has sent so many wrong keys, none of its keys is taken for the rest of this time."""

HEAD_WITHIN = timedelta(seconds=10)
"""How long a new connection, or one whose answer has ended, may take to send the head of a request. Without
this limit, anybody could take all connections by sending nothing, even without a key."""

UPLOAD_BYTES = 500_000_000
"""The most bytes of an uploaded file of orders: some two million orders of one line."""

UPLOAD_IDLE = timedelta(seconds=10)

UPLOAD_WITHIN = timedelta(minutes=30)
"""An upload is given up if it sends nothing for UPLOAD_IDLE, or is not done within UPLOAD_WITHIN."""

WEB_SESSION = timedelta(hours=12)
"""How long a browser stays logged in; a restart of `serve` ends it sooner."""

EVENTS_POLL = timedelta(seconds=1)
"""The shortest pause between two looks at an order whose events somebody listens to."""

ASK_AGAIN = timedelta(seconds=5)
"""How long a caller is told to wait when server, worker or database does not answer."""

CONNECTIONS_AT_ONCE = 500
"""The most connections of one process; further ones are answered with 503."""

EVENTS_HEARTBEAT = timedelta(seconds=15)
"""The longest pause between two looks: they find what no history tells, such as the next attempt. A listener
receives something this often, so that neither it nor a proxy takes the stream for dead."""

EVENTS_AT_ONCE = 100
"""The most listeners of one process; each of them has a long poll at the server."""

PAGE_RENEWED = timedelta(seconds=2)

PAGE_RENEWED_SELDOM = timedelta(seconds=10)
"""How often an open page is renewed; SELDOM is for one where nothing is under way, or that asks a lot."""

READY_WITHIN = timedelta(seconds=2)
"""How long database and server may take to answer before the process calls itself not ready."""

WEB_CLOSE = timedelta(seconds=5)
"""How long requests under way may take when `serve` is told to stop."""
