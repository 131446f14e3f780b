"""One fulfilled order for all of these tests, each with a copy of the book and the world that have it."""

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from temporalio.client import Client

from order_system.domain.order import Order
from order_system.infra.database import Database
from tests.fixtures.shops.shop import Shop, an_order


@pytest.fixture(scope="session")
async def fulfilled(
    client: Client, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Order, Path]:
    """1,059.97 USD, and the database in which that is so."""
    order, file = an_order(), tmp_path_factory.mktemp("fulfilled") / "orders.db"
    shutil.copyfile(sqlite_template, file)
    database = Database(f"sqlite:///{file}")
    shop = Shop(database, client)
    async with shop.open():
        await (await shop.start(order)).result()
    await database.dispose()
    return order, file


@pytest.fixture
def sqlite_url(fulfilled: tuple[Order, Path], tmp_path: Path) -> str:
    _, there = fulfilled
    return f"sqlite:///{shutil.copyfile(there, tmp_path / 'orders.db')}"


@pytest.fixture
async def order(shop: Shop, fulfilled: tuple[Order, Path]) -> AsyncGenerator[Order]:
    """With a worker for the length of the test."""
    order, _ = fulfilled
    async with shop.open():
        yield order
