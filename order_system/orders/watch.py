"""Reads the state of the system for metrics, again and again: money at risk, what is open and what waits, the
task queue and its workers. Each process that shows metrics does this, so none depends on another."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from temporalio.common import MetricMeter
from temporalio.service import RPCError

from order_system.book.standing import Place
from order_system.domain import metrics
from order_system.domain.errors import OrderSystemError
from order_system.domain.money import decimals
from order_system.domain.policy import ATTENTION_AFTER
from order_system.domain.steps import Effect
from order_system.infra import policy
from order_system.infra.temporal.workers import Workers
from order_system.orders.lists import OrderLists

log = structlog.stdlib.get_logger(__name__)


class Watch:
    def __init__(self, lists: OrderLists, meter: MetricMeter) -> None:
        self._lists = lists
        self._workers = Workers(lists.temporal, lists.task_queue)
        self._meter = meter
        self._seen: set[Place] = set()

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """Watch for the length of the block."""
        metrics.begin_at_zero(self._meter)
        looking = asyncio.create_task(self._look_again_and_again())
        try:
            yield
        finally:
            looking.cancel()

    async def _look_again_and_again(self) -> None:
        while True:
            try:
                async with asyncio.timeout(policy.RPC.total_seconds()):
                    await self.look()
            except (OrderSystemError, RPCError, TimeoutError) as trouble:  # the last metric tells their age
                log.debug("metrics of book and server are not renewed", reason=str(trouble))
            await asyncio.sleep(policy.WATCH_METRICS.total_seconds())

    async def look(self) -> None:
        """Read all once, and set the metrics. Raises OrderSystemError, and the SDK's RPCError."""
        now, meter = datetime.now(UTC), self._meter
        standing = await self._lists.book.standing(stuck_before=now - ATTENTION_AFTER)
        waiting = await self._lists.waiting_ids()
        sums = standing.at_risk(waiting, now)
        for place in self._seen | sums.keys():  # what is gone is set to 0
            orders, minor = sums.get(place, (0, 0))
            money = minor / 10 ** decimals(place[1])
            metrics.note("orders_at_risk", meter, *place, value=orders)
            metrics.note("money_at_risk", meter, *place, value=money)
        self._seen |= sums.keys()
        metrics.note("orders_open", meter, value=standing.open_orders)
        metrics.note("orders_waiting", meter, value=len(waiting))
        for effect in Effect:
            metrics.note("effects_in_doubt", meter, effect, value=standing.in_doubt.get(effect, 0))
        for kind, (tasks, age) in (await self._workers.backlog()).items():
            metrics.note("task_queue_backlog", meter, kind, value=tasks)
            metrics.note("task_queue_age_seconds", meter, kind, value=age)
        metrics.note("workers_at_work", meter, value=await self._workers.at_work())
        metrics.note("order_book_read_timestamp_seconds", meter, value=now.timestamp())
