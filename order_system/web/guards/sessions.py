"""The cookie of somebody who has given a key once: a secret of its own, and never the key.

What a cookie opens is kept in this process alone. So a restart ends all sessions, and so does changing the
keys.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from starlette.responses import Response

from order_system.infra.web_keys import WebKey, holder_of
from order_system.web import policy

COOKIE = "order_session"


class Sessions:
    def __init__(self, keys: Sequence[WebKey], now: Callable[[], datetime]) -> None:
        self._keys = tuple(keys)
        self._now = now
        self._open: dict[str, tuple[WebKey, datetime]] = {}
        """By cookie: whose it is, and until when. Those that are over go when the next one is opened."""

    def opened_with(self, secret: str) -> str | None:
        """The cookie's value for whoever holds this key; None if nobody does, or does not any more."""
        holder, now = holder_of(secret, self._keys), self._now()
        if holder is None or holder.expired(now):
            return None
        cookie = secrets.token_urlsafe(32)
        self._open = {each: session for each, session in self._open.items() if session[1] > now}
        self._open[cookie] = holder, now + policy.WEB_SESSION
        return cookie

    def holder(self, cookie: str) -> WebKey | None:
        """None if the cookie is not ours, or too old, or its key is."""
        now = self._now()
        holder, expires = self._open.get(cookie, (None, now))
        return holder if holder and expires > now and not holder.expired(now) else None

    def close(self, cookie: str) -> None:
        """Whoever has kept a copy of it is signed out, too."""
        self._open.pop(cookie, None)


def set_cookie(response: Response, value: str, *, secure: bool) -> None:
    """`secure` if the browser came by https."""
    age = int(policy.WEB_SESSION.total_seconds())
    response.set_cookie(COOKIE, value, max_age=age, httponly=True, samesite="strict", secure=secure)
