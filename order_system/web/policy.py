"""Every time-out and limit of pages and API."""

from datetime import timedelta

JSON_BODY_BYTES = 1_000_000
"""Of a request that is one JSON document. The largest order that the strict reader takes is well below it."""

JSON_BODY_WITHIN = timedelta(seconds=10)
"""From a request's head to the end of such a body."""

WRONG_KEYS = 20

WRONG_KEYS_WITHIN = timedelta(minutes=1)
"""From an address that has sent so many wrong keys, no key is taken for the rest of this time."""

HEAD_WITHIN = timedelta(seconds=10)
"""From a new connection, or the end of an answer on it, to the end of the next request's head. Without it,
anybody could keep all the connections that there may be, key or no key, by sending nothing."""

UPLOAD_BYTES = 500_000_000
"""Of a file of orders that is uploaded: some two million orders of one line."""

UPLOAD_IDLE = timedelta(seconds=10)

UPLOAD_WITHIN = timedelta(minutes=30)
"""An upload that sends nothing for the first, or is not done within the second, is given up."""

WEB_SESSION = timedelta(hours=12)
"""How long a browser stays logged in; a restart of `serve` ends it sooner."""

EVENTS_POLL = timedelta(seconds=1)
"""From one look at an order, for somebody who listens to its events, to the next: at least."""

ASK_AGAIN = timedelta(seconds=5)
"""What a caller is told to wait when server, worker or database does not answer."""

CONNECTIONS_AT_ONCE = 500
"""Of one process; whoever comes then is told 503."""

EVENTS_HEARTBEAT = timedelta(seconds=15)
"""The same at most: what no history tells, such as the next attempt, is found then. And a listener hears
something this often, so that neither it nor a proxy takes the stream for dead."""

EVENTS_AT_ONCE = 100
"""Listeners of one process; each of them has a long poll at the server."""

PAGE_RENEWED = timedelta(seconds=2)

PAGE_RENEWED_SELDOM = timedelta(seconds=10)
"""How often an open page is renewed; and one on which nothing is under way, or that asks a lot."""

READY_WITHIN = timedelta(seconds=2)
"""What database and server may take to answer before the process calls itself not ready."""

WEB_CLOSE = timedelta(seconds=5)
"""How long requests under way may take when `serve` is told to stop."""
