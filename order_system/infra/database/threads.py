"""Threads that carry out what an event loop hands them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Answer = TypeVar("Answer")
Work = Callable[[Callable[[], bool]], Answer]
"""It is handed a function that says whether its caller has given up meanwhile."""


class Threads:
    """So many at most, each started when there is work for it. An executor of the standard library does the
    same for more than twice the processor time, which with some 17 transactions an order shows."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._threads: list[Thread] = []
        self._handed = SimpleQueue[tuple[Work[Any], asyncio.AbstractEventLoop, asyncio.Future[Any]] | None]()

    async def carry_out(self, work: Work[Answer]) -> Answer:
        """In the order in which it is asked for. Once begun it ends, whether or not somebody waits for it."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Answer] = loop.create_future()
        self._handed.put((work, loop, told))
        if len(self._threads) < self._most:
            thread = Thread(target=self._serve, name=f"{self._name}_{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        try:
            return await told
        finally:
            del told  # which has the exception, which has this frame

    def _serve(self) -> None:
        while (handed := self._handed.get()) is not None:
            work, loop, told = handed
            try:
                tell, what = told.set_result, work(told.cancelled)
            except BaseException as failure:
                tell, what = told.set_exception, failure
            with suppress(RuntimeError):  # the loop is closed, and nobody is left to be told
                loop.call_soon_threadsafe(_unless_done, told, tell, what)
            del handed, work, loop, told, tell, what  # an exception has this frame, too

    def end(self) -> None:
        """Waits for what was handed over."""
        for _ in self._threads:
            self._handed.put(None)
        for thread in self._threads:
            thread.join()


def _unless_done(told: asyncio.Future[Any], tell: Callable[[Any], None], what: Any) -> None:
    if not told.done():
        tell(what)
