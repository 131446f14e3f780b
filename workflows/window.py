"""The orders of a batch that are under way, at most `size` at once.

An order leaves in one of three ways. Its workflow ends, and tells this run. Or an earlier run started it: the
server does not tell this run of its end, so we ask the order book now and then. Or it takes too long, and is
handed on: it stays known by its ID and frees its place."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow

from workflows.batch_orders import OrderHandle, cancel_submission, look_up, run_order

with workflow.unsafe.imports_passed_through():
    from order_system.domain import policy
    from order_system.domain.batch import BatchState, OrderUnderWay
    from order_system.domain.order import Order
    from workflows.tally import BatchTally


@dataclass
class _Open:
    since: datetime
    submission: str | None = None
    """None until the order's workflow has started."""
    awaited: bool = False
    """True if this run started the order, and so is told of its end."""
    starting: bool = False
    """True until the server has answered the start and, after a refusal, the reason is known. The server
    drops an unanswered start when this run ends, so the run must not end before."""


class OrderWindow:
    def __init__(self, size: int, tally: BatchTally, state: BatchState) -> None:
        self.size = size
        self._tally = tally
        self._in_place = {
            order_id: _Open(each.since, each.submission) for order_id, each in state.under_way.items()
        }
        self._handed_on = {
            order_id: _Open(tally.started_at, submission) for order_id, submission in state.handed_on.items()
        }
        self._handed_on_limit = policy.BATCH_HANDED_ON_LIMIT
        self._filling = True
        self._cancelling = False
        self._tasks: set[asyncio.Task[None]] = set()
        """Kept here, since the event loop keeps only weak references to its tasks."""
        self._bug: BaseException | None = None

    def open(self) -> None:
        self._in_background(self._hand_on_what_takes_too_long())
        self._in_background(self._look_for_orders_of_earlier_runs())

    def has_room(self) -> bool:
        """True if orders may start. A window that has been full is refilled in groups: orders that start
        together share a workflow task, which costs three events."""
        free = self.size - len(self._in_place)
        group = max(1, round(self.size * policy.BATCH_REFILL))
        return free >= group or (self._filling and free > 0)

    def under_way(self) -> dict[str, OrderUnderWay]:
        """Return the orders that the next run takes over. Call it after `drain`."""
        return {
            order_id: OrderUnderWay(submission=each.submission, since=each.since)
            for order_id, each in self._in_place.items()
            if each.submission is not None
        }

    def handed_on(self) -> dict[str, str | None]:
        return {order_id: each.submission for order_id, each in self._handed_on.items()}

    async def until(self, condition: Callable[[], bool], *, within: timedelta | None = None) -> None:
        """Wait. Raises TimeoutError, or the bug of a background task: else nobody would see it."""
        await workflow.wait_condition(lambda: self._bug is not None or condition(), timeout=within)
        if self._bug is not None:
            raise self._bug

    # --- from its start to its end ---------------------------------------------------------------

    def start(self, order: Order) -> None:
        self._in_place[order.order_id] = _Open(workflow.now(), awaited=True, starting=True)
        self._filling = len(self._in_place) < self.size
        self._tally.move("not_started", "running")
        self._in_background(self._see_through(order))

    async def _see_through(self, order: Order) -> None:
        each = self._in_place[order.order_id]

        def started(child: OrderHandle) -> None:
            each.submission, each.starting = child.first_execution_run_id, False
            if self._cancelling:
                self._cancel(order.order_id, each)

        ended_as = await run_order(order, started)
        each.starting = False
        if ended_as is None:
            each.awaited = False
            self._hand_on(order.order_id)
        else:
            self._leaves(order.order_id, ended_as)

    def _leaves(self, order_id: str, counted_as: str) -> None:
        """Count the order's end once, whether its workflow or the order book reports it first."""
        if self._in_place.pop(order_id, None) or self._handed_on.pop(order_id, None):
            self._tally.move("running", counted_as)

    def cancel_orders(self) -> None:
        """Cancel the orders under way, those handed on, and those that are just starting. Idempotent."""
        if self._cancelling:
            return
        self._cancelling = True
        for order_id, each in self._all():
            self._cancel(order_id, each)

    def _cancel(self, order_id: str, each: _Open) -> None:
        """Cancel from outside, not by the child's handle: the SDK fails a task for ever if the task cancels a
        terminated child, and it reports the termination only after the signal that makes us cancel."""
        if each.submission is not None:
            self._in_background(cancel_submission(order_id, each.submission))

    # --- those that take too long ----------------------------------------------------------------

    async def _hand_on_what_takes_too_long(self) -> None:
        """Hand slow orders on: one that waits for a person must not keep its place for ever. No timer runs
        while nothing is under way: a batch may be paused for months, and its history must not grow."""
        while True:
            await workflow.wait_condition(lambda: bool(self._in_place) and not self._too_many_handed_on())
            oldest = min(each.since for each in self._in_place.values())
            await workflow.sleep(max(oldest + policy.BATCH_PATIENCE - workflow.now(), policy.BATCH_LAST_TASK))
            longest = workflow.now() - policy.BATCH_PATIENCE
            for order_id, each in [*self._in_place.items()]:
                if each.since <= longest and not self._too_many_handed_on():
                    self._hand_on(order_id)

    def _too_many_handed_on(self) -> bool:
        return len(self._handed_on) >= self._handed_on_limit

    def _hand_on(self, order_id: str) -> None:
        if order_id in self._in_place:
            self._handed_on[order_id] = self._in_place.pop(order_id)

    # --- those of earlier runs -------------------------------------------------------------------

    async def _look_for_orders_of_earlier_runs(self) -> None:
        pause = policy.BATCH_LOOK_SOON
        while True:
            await workflow.wait_condition(
                lambda: (
                    self._too_many_handed_on() or not all(each.awaited for each in self._in_place.values())
                )
            )
            await workflow.sleep(pause)
            await self._look_up()
            pause = min(pause * 2, policy.BATCH_LOOK_AGAIN)

    async def _look_up(self) -> None:
        unknown = {order_id: each.submission for order_id, each in self._all() if not each.awaited}
        if unknown:
            for order_id, counted_as in (await look_up(unknown)).items():
                self._leaves(order_id, counted_as)

    # --- the end of a run ------------------------------------------------------------------------

    async def drain(self, stopped: Callable[[], bool]) -> None:
        """Prepare to continue as new: let orders end for a while, then wait until every submission is known,
        also of the orders that were handed on before the server had answered their start."""
        with suppress(TimeoutError):
            await self.until(
                lambda: stopped() or not any(each.awaited for each in self._in_place.values()),
                within=policy.BATCH_DRAIN,
            )
        await self.until(lambda: stopped() or all(each.submission for each in self._in_place.values()))
        await workflow.sleep(policy.BATCH_LAST_TASK)
        while self._is_starting_any() and not stopped():
            await self.until(lambda: stopped() or not self._is_starting_any())
            await workflow.sleep(policy.BATCH_LAST_TASK)

    async def see_out(self) -> None:
        """At the batch's end, wait until every order has ended, or was skipped or refused. One that takes too
        long counts as needing attention; one that an older version never started, as not started."""
        self._handed_on_limit += len(self._in_place)
        await self.until(lambda: not self._in_place)
        until = workflow.now() + policy.BATCH_LAST_LOOK
        while self._handed_on:
            await self._look_up()
            if workflow.now() >= until:
                if not self._is_starting_any():
                    break
                await self.until(lambda: not self._is_starting_any())
                until = workflow.now() + policy.BATCH_LAST_LOOK
            with suppress(TimeoutError):
                await self.until(lambda: not self._handed_on, within=policy.BATCH_LOOK_AGAIN)
        for order_id, each in [*self._handed_on.items()]:
            if each.submission is None:
                self._leaves(order_id, "not_started")
            else:
                self._tally.move("running", "needing_attention")

    def _is_starting_any(self) -> bool:
        return any(each.starting for _, each in self._all())

    def _all(self) -> list[tuple[str, _Open]]:
        return [*self._in_place.items(), *self._handed_on.items()]

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._is_done)

    def _is_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._bug = self._bug or task.exception()
