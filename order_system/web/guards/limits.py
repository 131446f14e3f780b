"""How much, how deep and how slow a request may be. ASGI middleware in front of every route.

A JSON body is read here, all of it, before its route hears of the request: too large, too slow or too deeply
nested, it is refused without a trace. An upload is handed on as it comes, and counted on its way. What a
request says of its own length is believed only where it is against it.
"""

import asyncio
import re
from datetime import timedelta

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_system.intake.documents import MAX_DEPTH
from order_system.web import policy
from order_system.web.problems import problem_response

UPLOADS = frozenset({"/api/batches", "/batches"})
"""Where a file may be posted: by a program, and by the form of the pages."""

_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""Possessive: what could be tried again would have to be remembered, at a hundred bytes a character."""
_BRACKETS = re.compile(rb"[\[\]{}]")


class BodyRefused(Exception):
    """While a route was reading the body. `status` is 408 or 413."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class BodyGone(Exception):
    """Whoever was sending the body has left."""


class BodyLimits:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._limited(scope, receive, send)
        except BodyRefused as refused:
            # The connection is closed, since what is left of the body would be read as the next request.
            answer = problem_response(refused.status, refused.detail, headers={"Connection": "close"})
            await answer(scope, receive, send)
        except BodyGone:
            return

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        upload = scope["method"] == "POST" and scope["path"] in UPLOADS
        most = policy.UPLOAD_BYTES if upload else policy.JSON_BODY_BYTES
        declared = headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > 15 or int(declared) > most):
            raise _too_large(most)
        if upload:
            metered = _Metered(receive, most, idle=policy.UPLOAD_IDLE, within=policy.UPLOAD_WITHIN)

            async def unless_refused(message: Message) -> None:
                if metered.refused is not None:  # and who was reading a form made something else of that
                    raise metered.refused
                await send(message)

            await self._app(scope, metered, unless_refused)
            return
        body = await _whole_body(
            _Metered(receive, most, idle=policy.JSON_BODY_WITHIN, within=policy.JSON_BODY_WITHIN)
        )
        if _depth(body) > MAX_DEPTH:
            raise BodyRefused(422, f"the body is nested too deeply: at most {MAX_DEPTH} levels")
        await self._app(scope, _replayed(body, receive), send)


class _Metered:
    """Receives a body, as long as it is neither too large nor too slow. Raises BodyRefused."""

    def __init__(
        self,
        receive: Receive,
        most: int,
        *,
        idle: timedelta,
        within: timedelta,
    ) -> None:
        self._receive = receive
        self._most = most
        self._idle = idle.total_seconds()
        self._deadline = asyncio.get_running_loop().time() + within.total_seconds()
        self._bytes = 0
        self._at_end = False
        self.refused: BodyRefused | None = None

    async def __call__(self) -> Message:
        try:
            return await self._next()
        except BodyRefused as refused:
            self.refused = refused
            raise

    async def _next(self) -> Message:
        if self._at_end:
            return await self._receive()  # somebody waits for the client to leave: for as long as it takes
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(min(now + self._idle, self._deadline)):
                message = await self._receive()
        except TimeoutError:
            raise BodyRefused(408, "the body did not come in time") from None
        if message["type"] != "http.request":
            self._at_end = True
            return message
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            raise _too_large(self._most)
        self._at_end = not message.get("more_body", False)
        return message


async def _whole_body(receive: _Metered) -> bytes:
    """Raises BodyRefused, BodyGone."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BodyGone
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _depth(body: bytes) -> int:
    """How deeply brackets are nested outside of strings, whether or not it is JSON."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _too_large(most: int) -> BodyRefused:
    return BodyRefused(413, f"the body is larger than {most // 1_000_000} MB")
