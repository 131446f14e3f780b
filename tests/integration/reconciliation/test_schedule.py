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
from temporalio.common import RetryPolicy
from temporalio.service import RPCError

from order_system.attention.concerns import Concern, ConcernKind
from order_system.domain import policy
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import OrderSystemError
from order_system.reconciliation.client import Reconciler
from tests.fixtures.shops.abandoned import (
    WAIT_SECONDS,
    status_in_book,
    terminated_at,
)
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.waiting import eventually

HOURLY = timedelta(hours=1)
DAILY = timedelta(days=1)
THREE_QUICK_ATTEMPTS = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=3)
SECONDLY = timedelta(seconds=1)
RECONCILER_ASLEEP = ConcernKind.RECONCILER_ASLEEP


@pytest.fixture
async def scheduled(shop: Shop) -> AsyncIterator[Reconciler]:
    yield shop.schedule
    await shop.schedule.ensure(timedelta(0))


async def test_the_schedule_is_made_changed_and_taken_away(shop: Shop, scheduled: Reconciler) -> None:
    await asyncio.gather(*(scheduled.ensure(HOURLY) for _ in range(4)))
    handle = shop.temporal.get_schedule_handle(shop.schedule.id)
    assert (await handle.describe()).schedule.spec.intervals == [ScheduleIntervalSpec(every=HOURLY)]

    await asyncio.gather(*(scheduled.ensure(DAILY) for _ in range(4)))
    found = (await handle.describe()).schedule
    assert found.spec.intervals == [ScheduleIntervalSpec(every=DAILY)]
    assert found.policy.overlap is ScheduleOverlapPolicy.SKIP

    for _ in range(2):
        await scheduled.ensure(timedelta(0))
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()


@pytest.mark.parametrize("then", [HOURLY, DAILY], ids=["the same interval", "another interval"])
async def test_a_schedule_that_somebody_has_paused_stays_paused(
    shop: Shop, scheduled: Reconciler, then: timedelta
) -> None:
    await asyncio.gather(*(scheduled.ensure(HOURLY) for _ in range(4)))
    handle = shop.temporal.get_schedule_handle(shop.schedule.id)
    await handle.pause(note="by the operator")

    await asyncio.gather(*(scheduled.ensure(then) for _ in range(4)))
    found = (await handle.describe()).schedule
    assert found.spec.intervals == [ScheduleIntervalSpec(every=then)]
    assert (found.state.paused, found.state.note) == (True, "by the operator")


async def test_a_pause_that_comes_between_reading_and_writing_is_not_lost(
    shop: Shop, scheduled: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled.ensure(HOURLY)
    handle = shop.temporal.get_schedule_handle(shop.schedule.id)
    reads = 0
    describe = ScheduleHandle.describe

    async def described(self: ScheduleHandle, **options: Any) -> ScheduleDescription:
        nonlocal reads
        found = await describe(self, **options)
        reads += 1
        if reads == 1:
            await handle.pause(note="meanwhile")
        return found

    monkeypatch.setattr(ScheduleHandle, "describe", described)
    await scheduled.ensure(DAILY)
    assert reads >= 3, "what it wrote first was stale; then it was written, and then it was there"
    found = (await handle.describe()).schedule
    assert found.spec.intervals == [ScheduleIntervalSpec(every=DAILY)]
    assert (found.state.paused, found.state.note) == (True, "meanwhile")


async def test_a_schedule_that_others_keep_changing_is_given_up(
    shop: Shop, scheduled: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled.ensure(HOURLY)
    describe = ScheduleHandle.describe
    handle = shop.temporal.get_schedule_handle(shop.schedule.id)

    async def described(self: ScheduleHandle, **options: Any) -> ScheduleDescription:
        found = await describe(self, **options)
        await handle.pause(note="and again")
        return found

    monkeypatch.setattr(ScheduleHandle, "describe", described)
    with pytest.raises(OrderSystemError, match="changed by others"):
        await scheduled.ensure(DAILY)


async def test_on_schedule_a_terminated_order_is_made_whole_without_a_hand(
    shop: Shop, scheduled: Reconciler
) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after charge", order)
        await scheduled.ensure(timedelta(seconds=1))

        async def settled() -> bool:
            return await status_in_book(shop, order) == SubmissionStatus.TERMINATED

        await eventually(settled, WAIT_SECONDS, "the reconciler to come by")
        await scheduled.ensure(timedelta(0))
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


def on_queue(shop: Shop, queue: str) -> Reconciler:
    """As a worker of the same book sees to it that was started with that ORDER_TASK_QUEUE."""
    return Reconciler(shop.temporal, book_id=shop.book_id, task_queue=queue)


async def queue_of(shop: Shop) -> str:
    found = await shop.temporal.get_schedule_handle(shop.schedule.id).describe()
    return found.raw_description.schedule.action.start_workflow.task_queue.name


async def test_a_mistyped_queue_takes_the_schedule_only_from_one_that_nobody_serves(
    shop: Shop, scheduled: Reconciler
) -> None:
    mistyped = on_queue(shop, f"{shop.task_queue}-mistyped")
    await mistyped.ensure(HOURLY)
    await scheduled.ensure(HOURLY)
    assert await queue_of(shop) == shop.task_queue, "nobody took work from the other one"
    async with shop.open():

        async def worker_is_seen() -> bool:
            await mistyped.ensure(HOURLY)
            back = await queue_of(shop) == shop.task_queue
            await scheduled.ensure(HOURLY)
            return back

        await eventually(worker_is_seen, WAIT_SECONDS, "the server to tell of the worker")
        await mistyped.ensure(DAILY)
        assert await queue_of(shop) == shop.task_queue


async def told_asleep(shop: Shop, why: str) -> Concern:
    found: list[Concern] = []

    async def is_told() -> bool:
        concerns = [each async for each in shop.attention.attention() if each.kind is RECONCILER_ASLEEP]
        found[:] = [each for each in concerns if why in each.reason]
        return bool(found)

    await eventually(is_told, WAIT_SECONDS, f"attention to tell that the reconciler does not run: {why}")
    return found[0]


async def test_a_reconciler_that_runs_is_not_said_to_be_asleep_one_that_fails_is(
    shop: Shop, scheduled: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "RECONCILE_RETRY", THREE_QUICK_ATTEMPTS)
    async with shop.open():
        await scheduled.ensure(SECONDLY)

        async def has_run_for_three_periods() -> bool:
            found = await shop.temporal.get_schedule_handle(scheduled.id).describe()
            return found.info.num_actions > 4

        await eventually(has_run_for_three_periods, WAIT_SECONDS, "four runs")

        async def is_awake() -> bool:
            return await scheduled.asleep() is None

        await eventually(is_awake, WAIT_SECONDS, "a run within three periods, however busy the machine")
        shop.stage.fail("before open_submissions", lambda: LookupError("broken"))
        concern = await told_asleep(shop, "ended as failed")
    assert concern.commands == ("python starter.py reconcile",)


async def test_a_reconciler_that_nobody_runs_or_that_is_paused_is_listed(
    shop: Shop, scheduled: Reconciler
) -> None:
    await scheduled.ensure(SECONDLY)
    concern = await told_asleep(shop, f"nobody takes work from its task queue {shop.task_queue}")
    assert concern.commands == ("python worker.py",)

    await shop.temporal.get_schedule_handle(scheduled.id).pause(note="by ada, until Monday")
    concern = await told_asleep(shop, "paused by hand: by ada, until Monday")
    assert f"--schedule-id {scheduled.id} --unpause" in concern.commands[0]
