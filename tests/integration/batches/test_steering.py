"""Pausing, widening and cancelling a batch at the worst moments: between two runs of its workflow."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from order_system.domain import policy
from order_system.domain.batch import BatchProgress, BatchRequest, BatchStatus
from order_system.domain.ids import order_workflow_id
from order_system.infra.database import Database
from tests.fixtures.shops.batch_shop import BatchShop, assert_adds_up, row, write_orders
from tests.fixtures.steering.waiting import eventually
from workflows.batch import BatchFulfillmentWorkflow

pytestmark = pytest.mark.usefixtures("calls_may_be_held")

SECONDS = 180
EVENTS = policy.BATCH_HISTORY_EVENTS_LEAST


@pytest.fixture
def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> BatchShop:
    return BatchShop(sqlite_database, client, tmp_path)


async def a_paused_batch(shop: BatchShop, folder: Path, name: str) -> BatchRequest:
    """Its page is read, nothing is started, and its worker is gone. So all that it is sent now comes in one
    task, and its history is as long as we like."""
    shop.worker_options["max_cached_workflows"] = 0
    file = write_orders(
        folder / "orders.csv", [row(f"{name}-{number}", card="pm_card_declined") for number in range(3)]
    )
    request = await shop.request(name, file, window=2, continue_after_events=EVENTS)
    await shop.batches.start(request)
    await shop.batches.pause(name)
    async with shop.open():

        async def is_read() -> bool:
            return (await shop.batches.progress(name)).counts.not_started == 3

        await eventually(is_read, SECONDS, "the page to be read")
    for window in range(EVENTS):
        await shop.batches.set_window(name, window)
    return request


async def test_a_pause_and_a_window_outlast_continuing_as_new(shop: BatchShop, tmp_path: Path) -> None:
    name = f"outlast-{shop.task_queue}"
    async with asyncio.timeout(SECONDS):
        request = await a_paused_batch(shop, tmp_path, name)
        async with shop.open():

            async def has_continued() -> bool:
                return len(await shop.runs(name)) == 2

            await eventually(has_continued, SECONDS, "the batch to continue as new")
            paused = await shop.batches.progress(name)
            assert not await shop.batches.start(request), "it is found running, with the same file"
            await shop.batches.resume(name)
            last = await shop.followed(name)
    assert (paused.status, paused.window, paused.counts.not_started) == (BatchStatus.PAUSED, EVENTS - 1, 3)
    assert paused.seconds_left is None
    assert (last.status, last.counts.failed) == (BatchStatus.FINISHED, 3)
    assert_adds_up(last)


async def test_a_cancel_in_the_task_that_would_continue_as_new_is_not_lost(
    shop: BatchShop, tmp_path: Path
) -> None:
    name = f"in-between-{shop.task_queue}"
    async with asyncio.timeout(SECONDS):
        await a_paused_batch(shop, tmp_path, name)
        await shop.batches.cancel(name)
        async with shop.open():
            last = await shop.followed(name)
    assert (last.status, last.counts.not_started) == (BatchStatus.CANCELLED, 3)
    assert_adds_up(last)


async def test_cancelling_the_orders_stops_the_batch_even_if_its_own_cancel_never_comes(
    shop: BatchShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asker may die between the two."""
    monkeypatch.setattr(policy, "BATCH_CANCEL_FOLLOWS", policy.BATCH_LAST_TASK)
    name = f"half-asked-{shop.task_queue}"
    async with asyncio.timeout(SECONDS):
        await a_paused_batch(shop, tmp_path, name)
        batch = shop.temporal.get_workflow_handle(f"batch-{name}")
        await batch.signal(BatchFulfillmentWorkflow.cancel_orders)
        async with shop.open():
            last = await shop.followed(name)
    assert (last.status, last.counts.not_started) == (BatchStatus.CANCELLED, 3)
    assert_adds_up(last)


async def test_orders_of_an_earlier_run_are_cancelled_too(
    shop: BatchShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that still runs is undone; one that has closed meanwhile does no harm."""
    monkeypatch.setattr(policy, "BATCH_DRAIN", policy.BATCH_LAST_TASK)
    name = f"earlier-{shop.task_queue}"
    ids = [f"{name}-{number:02d}" for number in range(40)]
    cards = ["pm_card_ok", "pm_card_ok", *["pm_card_declined"] * 38]
    rows = [row(order_id, card=card) for order_id, card in zip(ids, cards, strict=True)]
    file = write_orders(tmp_path / "orders.csv", rows)
    request = await shop.request(name, file, window=3, page_bytes=300, continue_after_events=EVENTS)
    running, closing = shop.stage.hold("before reserve"), shop.stage.hold("before dispatch")
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.batches.start(request)
        await running.reached()
        await closing.reached()

        crowded: list[BatchProgress] = []

        async def has_continued_and_gone_on() -> bool:
            progress = await shop.batches.progress(name)
            crowded.extend([progress] if progress.counts.running > 3 else [])
            return len(await shop.runs(name)) >= 3

        await eventually(has_continued_and_gone_on, SECONDS, "the batch to continue as new, twice")
        assert not crowded, "orders of an earlier run keep their places in the window"
        await shop.batches.pause(name)
        shop.stage.fail("before find", lambda: RuntimeError("nobody can look them up"))
        closing.let_go()

        left: list[str] = []

        async def one_is_left() -> bool:
            left[:] = await open_orders(shop, ids)
            return len(left) == 1

        async def it_is_told() -> bool:
            described = await shop.temporal.get_workflow_handle(left[0]).describe()
            return described.raw_description.workflow_extended_info.cancel_requested

        await eventually(one_is_left, SECONDS, "all but one order to end")
        await shop.batches.cancel(name, orders_too=True)
        shop.stage.mend()
        await eventually(it_is_told, SECONDS, "that order to be asked to stop")
        stopping = await shop.batches.progress(name)
        running.let_go()
        last = await shop.followed(name)
    assert (stopping.status, stopping.seconds_left) == (BatchStatus.STOPPING, None), "the rest never starts"
    assert stopping.orders_a_second
    assert last.status == BatchStatus.CANCELLED
    assert_adds_up(last)
    counts = last.counts
    assert (counts.cancelled, counts.fulfilled, counts.needing_attention) == (1, 1, 0)
    assert counts.failed >= 1
    assert counts.not_started > 0
    await shop.assert_clean()


async def test_orders_are_cancelled_though_one_of_them_is_terminated_at_that_very_moment(
    shop: BatchShop, tmp_path: Path
) -> None:
    """In one task of the batch: to cancel a child that has been terminated would fail that task for ever."""
    name = f"terminated-{shop.task_queue}"
    ids = [f"{name}-{number}" for number in range(2)]
    file = write_orders(tmp_path / "orders.csv", [row(order_id) for order_id in ids])
    shop.stage.unreachable("reserve")
    async with asyncio.timeout(SECONDS):
        async with shop.open():
            await shop.batches.start(await shop.request(name, file))
            for order_id in ids:
                began = shop.temporal.get_workflow_handle(f"inventory-{order_id}")

                async def it_began(began: WorkflowHandle[Any, Any] = began) -> bool:
                    try:
                        return bool(await began.describe())
                    except RPCError:
                        return False

                await eventually(it_began, SECONDS, f"{order_id} to reserve")
        await shop.temporal.get_workflow_handle(order_workflow_id(ids[0])).terminate()
        await shop.batches.cancel(name, orders_too=True)
        async with shop.open():
            last = await shop.followed(name)
    assert (last.status, last.counts.cancelled, last.counts.failed) == (BatchStatus.CANCELLED, 1, 1)
    assert_adds_up(last)


async def open_orders(shop: BatchShop, ids: list[str]) -> list[str]:
    """Their workflows."""
    names = ", ".join(f"'{order_workflow_id(order_id)}'" for order_id in ids)
    query = f"WorkflowId IN ({names}) AND ExecutionStatus = 'Running'"
    return [found.id async for found in shop.temporal.list_workflows(query)]


async def test_a_refused_start_that_nobody_can_explain_holds_up_no_other_order(
    shop: BatchShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "BATCH_PATIENCE", policy.PAGE_HEARTBEAT)  # the other one ends before
    name = f"unexplained-{shop.task_queue}"
    first = write_orders(tmp_path / "first.csv", [row(f"{name}-1")])
    both = write_orders(tmp_path / "both.csv", [row(f"{name}-1"), row(f"{name}-2")])
    running = shop.stage.hold("before reserve")
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.batches.start(await shop.request(f"{name}-first", first))
        await running.reached()
        page = shop.stage.hold("after note_fates")
        await shop.batches.start(await shop.request(name, both, window=1))
        await page.reached()
        shop.stage.fail("before find", lambda: RuntimeError("the book cannot be read"))
        page.let_go()

        async def it_is_handed_on() -> bool:
            return (await shop.batches.progress(name)).handed_on == (f"{name}-1",)

        await eventually(it_is_handed_on, SECONDS, "the first order to lose its place")

        async def the_other_one_is_fulfilled() -> bool:
            return (await shop.batches.progress(name)).counts.fulfilled == 1

        await eventually(the_other_one_is_fulfilled, SECONDS, "the second order to get the only place")
        shop.stage.mend()
        running.let_go()
        last = await shop.followed(name)
    assert (last.status, last.counts.valid) == (BatchStatus.FINISHED, 2)
    assert_adds_up(last)
    await shop.assert_clean()
