"""A batch that is run again for what has failed."""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import Client

from order_system.domain.errors import ShippingRefused
from order_system.domain.order import FirstAttempts, Flow
from order_system.infra.database import Database
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders

SECONDS = 180


@pytest.fixture
def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> BatchShop:
    return BatchShop(sqlite_database, client, tmp_path)


async def test_retry_runs_only_what_failed(shop: BatchShop, tmp_path: Path) -> None:
    name = f"retry-{shop.task_queue}"
    shop.stage.fail("before buy_label", lambda: ShippingRefused("on strike"), times=2)
    rows = [row(f"{name}-{number}") for number in range(3)]
    async with shop.open(), asyncio.timeout(SECONDS):
        first = await shop.run(await shop.request(name, write_orders(tmp_path / "orders.csv", rows)))
        await shop.batches.retry(name)
        last = await shop.followed(name)
    assert (first.counts.fulfilled, first.counts.failed) == (1, 2)
    assert (last.counts.fulfilled, last.counts.skipped) == (2, 1)
    await shop.assert_clean()


async def test_a_retry_waits_on_no_queue_that_its_first_run_was_given(
    shop: BatchShop, tmp_path: Path
) -> None:
    """Whoever had the queues of steps may have taken that back since, and then nobody serves them."""
    name = f"again-{shop.task_queue}"
    file = write_orders(tmp_path / "orders.csv", [row(f"{name}-1")])
    earlier = {"flow": Flow.PARALLEL, "queues_by_step": True, "first_attempts": FirstAttempts.LOCAL}
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.run(await shop.request(f"{name}-first", file))
        await shop.run((await shop.request(name, file)).model_copy(update=earlier))
        await shop.batches.retry(name)
        await shop.followed(name)
        request = (await shop.batches.record(name)).request
    assert (request.only_failed, request.flow) == (True, Flow.PARALLEL)
    assert (bool(request.queues_by_step), request.first_attempts) == (False, None)
