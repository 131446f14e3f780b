"""A profile that nobody has looked at yet."""

from pathlib import Path

import pytest
from temporalio.client import Client

from order_system.batches.files import parse_profile
from order_system.domain.batch import BatchRequest
from order_system.domain.errors import InvalidUsage
from order_system.domain.order_profile import UNCHECKED
from order_system.infra.database import Database
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders


async def test_a_guessed_profile_is_planned_with_and_not_run(
    client: Client, sqlite_database: Database, tmp_path: Path
) -> None:
    shop = BatchShop(sqlite_database, client, tmp_path)
    file = write_orders(tmp_path / "orders.csv", [row("GUESSED-1")])
    reference = await shop.files.inspect(str(file), profile=parse_profile("guessed = true"))
    async for _, plan in shop.batches.plan(reference):
        assert UNCHECKED in plan.warnings()
    with pytest.raises(InvalidUsage, match="take out the line `guessed = true`"):
        await shop.batches.start(BatchRequest(name="guessed", file=reference))
