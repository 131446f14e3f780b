"""Breaks the connection of a call, as its client sees it."""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from types import coroutine
from typing import Any

CUT_OFF = "cut off by this check"
IN_A_CALL = ContextVar("in a call of the gateway", default=False)


@contextmanager
def connections_of_calls() -> Generator[list[asyncio.Transport]]:
    """Yield a list of the connections that calls have opened, and keep it up to date."""
    loop, opened = asyncio.get_running_loop(), list[asyncio.Transport]()
    connect: Any = loop.create_connection

    async def create_connection(*arguments: Any, **named: Any) -> tuple[asyncio.Transport, Any]:
        transport, protocol = await connect(*arguments, **named)
        if IN_A_CALL.get():
            opened[:] = [transport, *(each for each in opened if not each.is_closing())]
        return transport, protocol

    loop.create_connection = create_connection
    try:
        yield opened
    finally:
        loop.create_connection = connect


@coroutine
def severed(call: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Await a call, and turn a cancel that says CUT_OFF into a broken connection, wherever the call waits. So
    its client sees trouble, and not a caller that has given up. Clients cancel calls of their own, too."""
    waiting = call.__await__()
    try:
        waits_for = next(waiting)
        while True:
            try:
                yield waits_for
            except asyncio.CancelledError as cancel:
                ours = cancel.args == (CUT_OFF,)
                waits_for = waiting.throw(ConnectionResetError(CUT_OFF) if ours else cancel)
            else:
                waits_for = next(waiting)
    except StopIteration as answered:
        return answered.value
