"""Reads what the workers note, and does what they ask for: processes and the database are not theirs."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from order_system.domain import policy
from tests.chaos.cases import Blow
from tests.chaos.diary import Entry
from tests.chaos.plan import PlannedOrder
from tests.chaos.run import Run
from tests.fixtures.steering.waiting import eventually

LISTEN_SECONDS = 0.05
DOWN_SECONDS = 6.0
"""How long the database is locked or refuses, at the product's own pace: longer than it waits for a lock."""
SERVER_DOWN_SECONDS = 0.5
FROZEN = 1.1
"""Of an attempt's time: by then another worker has taken over."""


class Listener:
    def __init__(self, run: Run, submit: Callable[[PlannedOrder], Awaitable[None]]) -> None:
        self._arena = run.arena
        self._planned = {order.order_id: order for order in run.plan.orders}
        self._submit = submit
        self._server_is_down = asyncio.Lock()
        self.terminated: set[str] = set()
        """Orders that no workflow may be at work on any more."""

    async def listen(self) -> None:
        while True:
            for entry in self._arena.entries.new_entries():
                await self._heed(entry)
            await asyncio.sleep(LISTEN_SECONDS)

    async def _heed(self, entry: Entry) -> None:
        pace = self._arena.pace
        if (
            entry.what.startswith("accepted")
            and entry.blow == Blow.TERMINATE
            and self._planned[entry.order_id].resubmit
        ):
            self._arena.in_background(self._resubmit(entry))
        if entry.what != "fired":
            return
        match entry.blow:
            case Blow.TERMINATE:
                self.terminated.add(entry.order_id)
            case Blow.FREEZE:
                self._arena.in_background(self._wake(entry.pid))
            case Blow.SERVER:
                self._arena.in_background(self._restart_server(entry))
            case Blow.LOCKED:
                await self._arena.lock_database(DOWN_SECONDS * pace)
                self._grant(entry)
            case Blow.REFUSING:
                await self._arena.refuse_database(DOWN_SECONDS * pace)
                self._grant(entry)
            case _:
                pass

    def _grant(self, entry: Entry) -> None:
        self._arena.stage.first_to_mark(f"{entry.name}.granted")

    async def _resubmit(self, entry: Entry) -> None:
        """At once; and when that has settled the older submission, its last attempt may go on."""
        book = self._arena.system.book
        older = (await book.find([entry.order_id])).get(entry.order_id)
        await self._submit(self._planned[entry.order_id])

        async def settled() -> bool:
            return (await book.find([entry.order_id])).get(entry.order_id) != older

        with contextlib.suppress(TimeoutError):  # by then the attempt has gone on by itself
            await eventually(
                settled, policy.EFFECT_ATTEMPT.total_seconds(), f"{entry.order_id} to be settled"
            )
        self._grant(entry)

    async def _wake(self, pid: int) -> None:
        await asyncio.sleep(policy.EFFECT_ATTEMPT.total_seconds() * FROZEN * self._arena.pace)
        self._arena.wake(pid)

    async def _restart_server(self, entry: Entry) -> None:
        async with self._server_is_down:
            await self._arena.kill_server()
            self._grant(entry)
            await asyncio.sleep(SERVER_DOWN_SECONDS)
            await self._arena.start_server()
