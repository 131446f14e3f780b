"""The cookie of somebody who has given a key once: signed, and never the key itself.

The secret that signs is the process's own, so a restart ends all sessions, and so does changing the keys.
"""

import base64
import hashlib
import hmac
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
        self._secret = secrets.token_bytes(32)

    def opened_with(self, secret: str) -> str | None:
        """The cookie's value for whoever holds this key; None if nobody does."""
        holder = holder_of(secret, self._keys)
        if holder is None:
            return None
        expires = int((self._now() + policy.WEB_SESSION).timestamp())
        content = f"{self._keys.index(holder)}.{expires}"
        return f"{content}.{self._signature(content)}"

    def holder(self, cookie: str) -> WebKey | None:
        """None if the cookie is not ours, or too old."""
        content, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(self._signature(content).encode(), signature.encode("utf-8", "replace")):
            return None
        number, expires = content.split(".")
        return self._keys[int(number)] if int(expires) > self._now().timestamp() else None

    def _signature(self, content: str) -> str:
        signed = hmac.new(self._secret, content.encode("utf-8", "replace"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def set_cookie(response: Response, value: str, *, secure: bool) -> None:
    """`secure` if the browser came by https."""
    response.set_cookie(
        COOKIE,
        value,
        max_age=int(policy.WEB_SESSION.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=secure,
    )


def clear_cookie(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
