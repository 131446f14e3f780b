"""The start of an order that the server does not answer for long, and a run of its batch that would end then.

The server drops the starts that are under way when a workflow closes; so such an order would never begin."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from order_system.domain import policy
from order_system.domain.batch import BatchProgress, BatchStatus
from order_system.domain.ids import batch_workflow_id
from order_system.domain.order import FirstAttempts
from order_system.infra.database import Database
from tests.fixtures.shops.batch_shop import BatchShop, assert_adds_up, row, write_orders
from tests.fixtures.shops.slow_starts import LET_GO, SlowStarts
from tests.fixtures.steering.waiting import eventually

SECONDS = 180
EVENTS = policy.BATCH_HISTORY_EVENTS_LEAST


@pytest.fixture
def shop(
    client: Client, sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> BatchShop:
    """A start that takes a second takes long here. At its end a batch waits, however busy the machine is."""
    for name in ("BATCH_PATIENCE", "BATCH_LOOK_AGAIN"):
        monkeypatch.setattr(policy, name, policy.BATCH_LOOK_SOON)
    monkeypatch.setattr(policy, "BATCH_LAST_LOOK", timedelta(seconds=SECONDS))
    shop = BatchShop(sqlite_database, client, tmp_path)
    shop.worker_options["interceptors"] = [SlowStarts()]
    return shop


async def started(shop: BatchShop, folder: Path, name: str, orders: int) -> list[str]:
    """Two good ones; those after them are declined."""
    ids = [f"{name}-{number:03d}" for number in range(orders)]
    rows = [row(each, card="pm_card_ok" if at < 2 else "pm_card_declined") for at, each in enumerate(ids)]
    file = write_orders(folder / "orders.csv", rows)
    how = {"window": 2, "continue_after_events": EVENTS, "first_attempts": FirstAttempts.LOCAL}
    await shop.batches.start(await shop.request(name, file, **how))
    return ids


async def let_go(shop: BatchShop, name: str) -> None:
    """Sent to the run that waits. One that has ended cannot be told, and the next one starts nothing anew."""
    await asyncio.sleep(3 * policy.BATCH_LOOK_SOON.total_seconds())  # that it waits, no event can tell
    await shop.temporal.get_workflow_handle(batch_workflow_id(name)).signal(LET_GO)


async def is_all_that_is_left(shop: BatchShop, name: str, order_id: str) -> BatchProgress:
    """The order takes so long that its place was given away, and no other is under way."""

    async def it_is() -> bool:
        progress = await shop.batches.progress(name)
        return progress.handed_on == (order_id,) and progress.counts.running == 1

    await eventually(it_is, SECONDS, "the others to end")
    return await shop.batches.progress(name)


async def test_a_batch_continues_only_when_each_start_was_answered(shop: BatchShop, tmp_path: Path) -> None:
    name = f"continues-{shop.task_queue}"
    async with shop.open(), asyncio.timeout(SECONDS):
        ids = await started(shop, tmp_path, name, 14)
        waiting = await is_all_that_is_left(shop, name, ids[0])
        assert waiting.counts.not_started > 0, "its history is long, and it starts no more in this run"
        await let_go(shop, name)
        last = await shop.followed(name)
        assert len(await shop.runs(name)) > 1
    assert (last.status, last.counts.fulfilled, last.counts.failed) == (BatchStatus.FINISHED, 2, 12)
    assert_adds_up(last)
    await shop.assert_clean()


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_batch_ends_only_when_each_start_was_answered(
    shop: BatchShop, tmp_path: Path, cancelled: bool
) -> None:
    name = f"ends-{shop.task_queue}"
    async with shop.open(), asyncio.timeout(SECONDS):
        ids = await started(shop, tmp_path, name, 2)
        await is_all_that_is_left(shop, name, ids[0])
        if cancelled:
            await shop.batches.cancel(name)
        await let_go(shop, name)
        last = await shop.followed(name)
    assert last.status == (BatchStatus.CANCELLED if cancelled else BatchStatus.FINISHED)
    assert (last.counts.fulfilled, last.counts.needing_attention) == (2, 0)
    assert_adds_up(last)
    await shop.assert_clean()


async def test_what_a_terminated_batch_never_began_is_told_and_begun_by_a_retry(
    shop: BatchShop, tmp_path: Path
) -> None:
    name = f"never-{shop.task_queue}"
    async with shop.open(), asyncio.timeout(SECONDS):
        ids = await started(shop, tmp_path, name, 2)
        await is_all_that_is_left(shop, name, ids[0])
        await shop.temporal.get_workflow_handle(batch_workflow_id(name)).terminate("by hand")
        ended = await shop.followed(name)
        lines = {line.order_id: line.status for line in await shop.outcome(name)}
        await shop.batches.retry(name)
        await let_go(shop, name)
        last = await shop.followed(name)
    assert ended.status == BatchStatus.FAILED
    assert (ended.counts.not_started, ended.counts.fulfilled, ended.counts.running) == (1, 1, 0)
    assert_adds_up(ended)
    assert lines == {ids[0]: "not started", ids[1]: "fulfilled"}
    assert (last.status, last.counts.fulfilled, last.counts.skipped) == (BatchStatus.FINISHED, 1, 1)
    assert_adds_up(last)
    await shop.assert_clean()
