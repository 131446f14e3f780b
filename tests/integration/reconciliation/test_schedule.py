"""The reconciler's schedule: made, changed, taken away, and left paused where somebody has paused it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import (
    ScheduleDescription,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
)
from temporalio.service import RPCError

from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import OrderSystemError
from order_system.domain.ids import RECONCILIATION
from order_system.reconciliation.client import ReconciliationClient
from tests.fixtures.shops.abandoned import (
    WAIT_SECONDS,
    status_in_book,
    terminated_at,
)
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.waiting import eventually

HOURLY = timedelta(hours=1)
DAILY = timedelta(days=1)


@pytest.fixture
async def scheduled(shop: Shop) -> AsyncIterator[ReconciliationClient]:
    """There is one schedule in a namespace: none is left behind."""
    reconciler = ReconciliationClient(shop.temporal, task_queue=shop.task_queue)
    await reconciler.ensure_schedule(timedelta(0))
    yield reconciler
    await reconciler.ensure_schedule(timedelta(0))


async def test_the_schedule_is_made_changed_and_taken_away(
    shop: Shop, scheduled: ReconciliationClient
) -> None:
    await asyncio.gather(*(scheduled.ensure_schedule(HOURLY) for _ in range(4)))
    handle = shop.temporal.get_schedule_handle(RECONCILIATION)
    assert (await handle.describe()).schedule.spec.intervals == [ScheduleIntervalSpec(every=HOURLY)]

    await asyncio.gather(*(scheduled.ensure_schedule(DAILY) for _ in range(4)))
    found = (await handle.describe()).schedule
    assert found.spec.intervals == [ScheduleIntervalSpec(every=DAILY)]
    assert found.policy.overlap is ScheduleOverlapPolicy.SKIP

    for _ in range(2):
        await scheduled.ensure_schedule(timedelta(0))
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()


@pytest.mark.parametrize("then", [HOURLY, DAILY], ids=["the same interval", "another interval"])
async def test_a_schedule_that_somebody_has_paused_stays_paused(
    shop: Shop, scheduled: ReconciliationClient, then: timedelta
) -> None:
    await asyncio.gather(*(scheduled.ensure_schedule(HOURLY) for _ in range(4)))
    handle = shop.temporal.get_schedule_handle(RECONCILIATION)
    await handle.pause(note="by the operator")

    await asyncio.gather(*(scheduled.ensure_schedule(then) for _ in range(4)))
    found = (await handle.describe()).schedule
    assert found.spec.intervals == [ScheduleIntervalSpec(every=then)]
    assert (found.state.paused, found.state.note) == (True, "by the operator")


async def test_a_pause_that_comes_between_reading_and_writing_is_not_lost(
    shop: Shop, scheduled: ReconciliationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled.ensure_schedule(HOURLY)
    handle = shop.temporal.get_schedule_handle(RECONCILIATION)
    reads = 0
    describe = ScheduleHandle.describe

    async def described(self: ScheduleHandle, **options: Any) -> ScheduleDescription:
        nonlocal reads
        reads += 1
        found = await describe(self, **options)
        if reads == 1:
            await handle.pause(note="meanwhile")
        return found

    monkeypatch.setattr(ScheduleHandle, "describe", described)
    await scheduled.ensure_schedule(DAILY)
    assert reads == 3, "what it wrote first was stale; then it was written, and then it was there"
    found = (await handle.describe()).schedule
    assert found.spec.intervals == [ScheduleIntervalSpec(every=DAILY)]
    assert (found.state.paused, found.state.note) == (True, "meanwhile")


async def test_a_schedule_that_others_keep_changing_is_given_up(
    shop: Shop, scheduled: ReconciliationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled.ensure_schedule(HOURLY)
    describe = ScheduleHandle.describe
    handle = shop.temporal.get_schedule_handle(RECONCILIATION)

    async def described(self: ScheduleHandle, **options: Any) -> ScheduleDescription:
        found = await describe(self, **options)
        await handle.pause(note="and again")
        return found

    monkeypatch.setattr(ScheduleHandle, "describe", described)
    with pytest.raises(OrderSystemError, match="changed by others"):
        await scheduled.ensure_schedule(DAILY)


async def test_on_schedule_a_terminated_order_is_made_whole_without_a_hand(
    shop: Shop, scheduled: ReconciliationClient
) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after charge", order)
        await scheduled.ensure_schedule(timedelta(seconds=1))

        async def settled() -> bool:
            return await status_in_book(shop, order) == SubmissionStatus.TERMINATED

        await eventually(settled, WAIT_SECONDS, "the reconciler to come by")
        await scheduled.ensure_schedule(timedelta(0))
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()
