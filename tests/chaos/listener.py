"""Reads what the workers note, and does what they ask for: processes and the database are not theirs."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from order_system.domain import policy
from tests.chaos.books import OTHER_BOOKS
from tests.chaos.cases import NEVER_WORKS, TERMINATES, Blow
from tests.chaos.diary import Entry
from tests.chaos.faults import WAITS_FOR_A_COMMAND
from tests.chaos.person import Person
from tests.chaos.plan import PlannedOrder
from tests.chaos.points import gateway_at
from tests.chaos.run import Run
from tests.chaos.starter import submit_other_content
from tests.fixtures.steering.waiting import eventually

LISTEN_SECONDS = 0.1
DOWN_SECONDS = 6.0
"""How long the database is locked or refuses, at the product's own pace: longer than it waits for a lock."""
SERVER_DOWN_SECONDS = 0.5
BOOK_AWAY_SECONDS = 120.0
GATEWAY_AWAY_SECONDS = 300.0
FROZEN = 1.1
"""Of an attempt's time: by then another worker has taken over."""


class Listener:
    def __init__(self, run: Run, submit: Callable[[PlannedOrder], Awaitable[None]]) -> None:
        self._run = run
        self._arena = run.arena
        self._planned = {order.order_id: order for order in run.plan.orders}
        self._submit = submit
        self._server_is_down = asyncio.Lock()
        self.terminated: set[str] = set()
        """Orders that no workflow may be at work on any more."""
        self._person = Person(run, self.terminated)

    async def listen(self) -> None:
        while True:
            for entry in self._arena.entries.new_entries():
                await self._heed(entry)
            await asyncio.sleep(LISTEN_SECONDS)

    async def _heed(self, entry: Entry) -> None:
        arena, pace = self._arena, self._arena.pace
        if entry.what.startswith("accepted") and entry.blow in TERMINATES:
            self._is_terminated(entry)
        if entry.what != "fired":
            return
        match entry.blow:
            case _ if entry.blow in TERMINATES:
                self.terminated.add(entry.order_id)
            case _ if entry.blow in NEVER_WORKS:
                arena.in_background(self._person.answer(entry))
            case Blow.FREEZE:
                self._arena.in_background(self._wake(entry.pid))
            case Blow.SERVER:
                self._arena.in_background(self._restart_server(entry))
            case Blow.LOCKED:
                await self._arena.lock_database(DOWN_SECONDS * pace)
                self._grant(entry)
            case Blow.REFUSING | Blow.BOOK_AWAY:
                seconds = DOWN_SECONDS if entry.blow == Blow.REFUSING else BOOK_AWAY_SECONDS
                arena.exists_for(arena.stage.database_refuses, seconds * pace)
                self._grant(entry)
            case _ if entry.blow in OTHER_BOOKS:
                arena.in_background(OTHER_BOOKS[entry.blow](arena, entry))
                self._grant(entry)
            case Blow.GATEWAY_AWAY:
                away = arena.stage.away(gateway_at(entry.point))
                arena.exists_for(away, GATEWAY_AWAY_SECONDS * pace)
                self._grant(entry)
            case _:
                pass

    def _grant(self, entry: Entry) -> None:
        self._arena.stage.first_to_mark(f"{entry.name}.granted")

    def _is_terminated(self, entry: Entry) -> None:
        planned = self._planned[entry.order_id]
        if entry.blow == Blow.OTHER_CONTENT:
            submitting = submit_other_content(self._run, planned)
            self._arena.in_background(self._resubmit(entry, submitting, WAITS_FOR_A_COMMAND * 0.8))
        elif entry.blow == Blow.TERMINATE and planned.resubmit:
            seconds = policy.EFFECT_ATTEMPT.total_seconds()
            self._arena.in_background(self._resubmit(entry, self._submit(planned), seconds))

    async def _resubmit(self, entry: Entry, submitting: Awaitable[None], seconds: float) -> None:
        """At once; and when that has settled the older submission, its last attempt may go on."""
        older = (await self._run.found([entry.order_id])).get(entry.order_id)
        submitted = asyncio.ensure_future(submitting)

        async def settled() -> bool:
            return (await self._run.found([entry.order_id])).get(entry.order_id) != older

        with contextlib.suppress(TimeoutError):  # by then the attempt has gone on by itself
            await eventually(settled, seconds, f"{entry.order_id} to be settled")
        self._grant(entry)
        await submitted

    async def _wake(self, pid: int) -> None:
        await asyncio.sleep(policy.EFFECT_ATTEMPT.total_seconds() * FROZEN * self._arena.pace)
        self._arena.wake(pid)

    async def _restart_server(self, entry: Entry) -> None:
        async with self._server_is_down:
            await self._arena.kill_server()
            self._grant(entry)
            await asyncio.sleep(SERVER_DOWN_SECONDS)
            await self._arena.start_server()
