"""A batch of a file in which an order has other orders between its rows."""

import asyncio
from pathlib import Path

from temporalio.client import Client

from order_system.infra.database import Database
from tests.fixtures.shops.batch_shop import BatchShop, assert_adds_up, row, write_orders

SECONDS = 180


async def test_an_order_whose_rows_stand_apart_is_neither_charged_nor_shipped(
    client: Client, sqlite_database: Database, tmp_path: Path
) -> None:
    shop = BatchShop(sqlite_database, client, tmp_path)
    name = f"apart-{shop.task_queue}"
    rows = [row(f"{name}-1"), row(f"{name}-2"), row(f"{name}-1", sku="SECOND-LINE")]
    request = await shop.request(name, write_orders(tmp_path / "orders.csv", rows), page_bytes=1)
    async with shop.open(), asyncio.timeout(SECONDS):
        ended = await shop.run(request)
        lines = await shop.outcome(name)

    assert_adds_up(ended)
    counts = ended.counts
    assert (counts.fulfilled, counts.rejected, counts.rows_rejected, counts.duplicate) == (1, 2, 2, 0)
    assert [line.status for line in lines] == ["rejected", "fulfilled", "rejected"]
    statement = await shop.world.statement()
    assert len(statement.charges) == 1
    await shop.assert_clean()
