"""Threads that carry out what an event loop hands them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

Answer = TypeVar("Answer")
Work = Callable[[Callable[[], bool]], Answer]
"""It is handed a function that says whether its caller has given up meanwhile."""


class Threads:
    """So many at most, each started when there is work for it. The standard library sees to that, and to
    their end; but how it tells an event loop costs as much again as all the rest, and so we tell it."""

    def __init__(self, most: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(most, name)

    async def carry_out(self, work: Work[Answer]) -> Answer:
        """In the order in which it is asked for. Once begun it ends, whether or not somebody waits for it.
        Raises RuntimeError after the `end`."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Answer] = loop.create_future()
        try:
            self._threads.submit(_carry_out, work, loop, told)
            return await told
        finally:
            told.cancel()  # unless it is done

    def end(self) -> None:
        """Waits for what was handed over."""
        self._threads.shutdown()


def _carry_out(work: Work[Any], loop: asyncio.AbstractEventLoop, told: asyncio.Future[Any]) -> None:
    if told.cancelled():
        return
    try:
        tell, what = told.set_result, work(told.cancelled)
    except BaseException as failure:
        tell, what = told.set_exception, failure
    with suppress(RuntimeError):  # the loop is closed, and nobody is left to be told
        loop.call_soon_threadsafe(_unless_done, told, tell, what)


def _unless_done(told: asyncio.Future[Any], tell: Callable[[Any], None], what: Any) -> None:
    if not told.done():
        tell(what)
