"""The person who is called for where something never works: says that it was done by hand."""

import asyncio
import contextlib

from temporalio.service import RPCError

from order_system.book.reading import answers_of
from order_system.domain.answers import ParcelFate, Remedy, Resolution
from order_system.domain.errors import AnswerRefused, NoWorkerAnswers, OrderSystemError
from order_system.domain.ids import order_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.steps import Step
from tests.chaos.cases import Blow
from tests.chaos.diary import Entry
from tests.chaos.run import Run
from tests.fixtures.steering.waiting import eventually

STEP_UNDONE_BY = {
    **dict.fromkeys(("refund", "void payment"), Step.PAYMENT),
    "release": Step.INVENTORY,
    "void": Step.SHIPPING,
}
CALLS_WITHIN_SECONDS = 600.0
"""So soon an order calls for a person, and takes the answer, at the product's own pace."""


class Person:
    def __init__(self, run: Run, terminated: set[str]) -> None:
        self._run = run
        self._terminated = terminated

    async def answer(self, entry: Entry) -> None:
        """Raises TimeoutError if the order never calls for a person, or does not take the answer."""
        with self._run.busy_with(entry.order_id):
            await self._answer(entry, max(30.0, CALLS_WITHIN_SECONDS * self._run.arena.pace))

    async def _answer(self, entry: Entry, seconds: float) -> None:
        order_id = entry.order_id
        await eventually(lambda: self._calls(order_id), seconds, f"{order_id} to call for a person")
        if entry.blow == Blow.STUCK_FOR_GOOD:
            await self._terminate(order_id)
        resolution = self._resolution(entry)
        await eventually(
            lambda: self._takes(order_id, resolution), seconds, f"{order_id} to take a person's answer"
        )
        self._run.arena.stage.first_to_mark(f"{entry.place}.answered")
        self._run.arena.diary.write(**entry.then("answered"))

    async def _calls(self, order_id: str) -> bool:
        with contextlib.suppress(OrderSystemError, RPCError):
            return (await self._run.orders.status(order_id)).status is OrderStatus.NEEDS_ATTENTION
        return False

    async def _terminate(self, order_id: str) -> None:
        self._terminated.add(order_id)
        while True:
            with contextlib.suppress(RPCError):
                await self._run.temporal.get_workflow_handle(order_workflow_id(order_id)).terminate("chaos")
                return
            await asyncio.sleep(0.3)

    async def _takes(self, order_id: str, resolution: Resolution) -> bool:
        attention = self._run.arena.system.attention_client(self._run.temporal)
        try:
            await attention.answer(order_id, resolution)
        except (AnswerRefused, NoWorkerAnswers, OrderSystemError, RPCError):
            await asyncio.sleep(0.5)
            # It may have been heard although nobody told us so: by the order, or by the reconciler.
            with contextlib.suppress(OrderSystemError, RPCError):
                book = self._run.arena.system.book
                record = (await self._run.found([order_id]))[order_id]
                return bool(
                    (await self._run.orders.status(order_id)).answers
                    or await book.database.read(answers_of, record.ref)
                )
            return False
        return True

    def _resolution(self, entry: Entry) -> Resolution:
        """A commit that never works is about a parcel that is gone."""
        call = entry.point.partition(" ")[2]
        step = STEP_UNDONE_BY.get(call, Step.SHIPPING)
        gone = ParcelFate.DISPATCHED if call == "commit" else ParcelFate.VOIDED
        return Resolution(
            who="ada@chaos",
            note="done by hand",
            step=step,
            remedy=Remedy.HANDLED,
            parcel=gone if step is Step.SHIPPING else None,
        )
