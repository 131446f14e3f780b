"""Limits how large and how slow the body of a request may be, and how many wrong keys an address may send. It
is ASGI middleware in front of every route.

A body is passed on as it comes, and counted: its reader gets an error as soon as it is too large or too slow.
The parser limits how deeply a body may be nested. A declared length counts only if it is too large."""

import asyncio
import math
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import structlog
from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_system.web import policy

log = structlog.stdlib.get_logger(__name__)

UPLOADS = frozenset({"/api/batches", "/batches"})
"""The paths where a program, or the form of the pages, may post a file."""


@dataclass
class BodyLimits:
    """Limits the body of each request. Raises HTTPException: 413 at once if the declared length is too large;
    408 or 413 while the body is read."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = scope["method"] == "POST" and scope["path"] in UPLOADS
        most = policy.UPLOAD_BYTES if upload else policy.JSON_BODY_BYTES
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and (len(declared) > 15 or int(declared) > most):
            raise _too_large(most)
        idle = policy.UPLOAD_IDLE if upload else policy.JSON_BODY_WITHIN
        within = policy.UPLOAD_WITHIN if upload else policy.JSON_BODY_WITHIN
        await self.app(scope, _metered(receive, most, idle, within), send)


class WrongKeys:
    """Counts the wrong keys that came from each address lately. From an address with too many, no key is
    taken, not even a right one: otherwise a guesser would learn which key is right."""

    def __init__(self) -> None:
        self._sent: Counter[str] = Counter()
        self._since = -math.inf

    def too_many(self, request: HTTPConnection) -> bool:
        if time.monotonic() - self._since > policy.WRONG_KEYS_WITHIN.total_seconds():
            self._sent.clear()
            self._since = time.monotonic()
        return self._sent[_address(request)] >= policy.WRONG_KEYS

    def note(self, request: HTTPConnection) -> None:
        self._sent[_address(request)] += 1
        log.warning("a wrong key", client=_address(request), path=request.scope["path"][:200])


def _address(request: HTTPConnection) -> str:
    return request.client.host if request.client else ""


def _metered(receive: Receive, most: int, idle: timedelta, within: timedelta) -> Receive:
    clock = asyncio.get_running_loop().time
    deadline = clock() + within.total_seconds()
    size = 0
    at_end = False

    async def metered() -> Message:
        nonlocal size, at_end
        if at_end:
            return await receive()  # the app waits for the client to leave, for as long as it takes
        try:
            async with asyncio.timeout_at(min(clock() + idle.total_seconds(), deadline)):
                message = await receive()
        except TimeoutError:
            raise _refused(408, "the body did not come in time") from None
        size += len(message.get("body", b""))
        if size > most:
            raise _too_large(most)
        at_end = not message.get("more_body", False)
        return message

    return metered


def _too_large(most: int) -> HTTPException:
    return _refused(413, f"the body is larger than {most // 1_000_000} MB")


def _refused(status: int, detail: str) -> HTTPException:
    """Refuse the request, and close the connection: the rest of the body would pass for the next request."""
    return HTTPException(status, detail, {"Connection": "close"})
