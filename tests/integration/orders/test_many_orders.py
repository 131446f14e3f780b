"""Many orders with the default faults: whatever becomes of each, the books agree."""

import asyncio

import pytest
from temporalio.client import Client

from order_system.domain.messages import OrderStatus
from order_system.gateways.simulated.faults import load_faults
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from tests.fixtures.shops.shop import Shop, an_order

ORDERS = 30
AT_ONCE = 25
SEED = 7
SECONDS = 170


@pytest.mark.long
async def test_many_orders_with_default_faults_leave_clean_books(
    client: Client, sqlite_database: Database
) -> None:
    world = SimulatedWorld(sqlite_database, faults=load_faults("default"), seed=SEED)
    shop = Shop(sqlite_database, client, world)
    places = asyncio.Semaphore(AT_ONCE)

    async def fulfil(number: int) -> None:
        async with places:
            await shop.ended(await shop.start(an_order(f"MANY-{number:04d}")))

    async with shop.open(), asyncio.timeout(SECONDS):
        await asyncio.gather(*(fulfil(number) for number in range(ORDERS)))

    await shop.assert_clean()
    report = await shop.audit()
    assert sum(report.submissions.values()) == ORDERS
    assert report.open_submissions == ()
    # With these faults well over half are fulfilled, and each kind of trouble has had its turn.
    assert report.submissions[OrderStatus.FULFILLED] > ORDERS / 2
    assert report.submissions[OrderStatus.FAILED] > ORDERS / 10
