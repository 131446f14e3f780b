"""Which book a worker process works on: it says so, works with a newer one, and stops when it is gone."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from temporalio.client import Client

from order_system.audit.report import audit
from order_system.book.order_book import SqlOrderBook
from order_system.domain.ids import task_queue_of
from order_system.domain.messages import OrderStatus
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.orders.client import OrderClient
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.shop import an_order
from tests.integration.book.test_newer_book import migrated_further

SECONDS = 180
ORDERS = 2


@pytest.fixture
def environment(dev_server: EmbeddedServer) -> dict[str, str]:
    return {
        "TEMPORAL_ADDRESS": dev_server.address,
        "ORDER_FAULTS": "none",
        "ORDER_LATENCY_MIN": "0.3",
        "ORDER_LATENCY_MAX": "0.5",
        "ORDER_LOG_FORMAT": "json",
        "ORDER_RECONCILE_EVERY": "0",
    }


def last_words(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if line.startswith("worker: ")]


async def all_fulfilled(orders: OrderClient, order_ids: list[str]) -> None:
    async with asyncio.timeout(SECONDS):
        async for documents in orders.watch(order_ids):
            last = documents
    assert {document.status for document in last.values()} == {OrderStatus.FULFILLED}


async def assert_whole(database: Database) -> None:
    statement = await SimulatedWorld(database).statement()
    assert audit(await SqlOrderBook(database).ledger(), statement).clean


async def test_it_works_on_a_book_that_a_newer_version_has_migrated_further(
    client: Client, sqlite_url: str, sqlite_database: Database, environment: dict[str, str], tmp_path: Path
) -> None:
    await migrated_further(sqlite_database)
    await sqlite_database.prepare()
    queue = f"grown-{tmp_path.name}"
    environment |= {"ORDER_DATABASE_URL": sqlite_url, "ORDER_TASK_QUEUE": queue}
    orders = OrderClient(client, SqlOrderBook(sqlite_database), task_queue=queue)
    order, log = an_order(), tmp_path / "worker.log"
    async with worker_process(log, **environment):
        await orders.submit(order)
        await all_fulfilled(orders, [order.order_id])
    [ready] = [line for line in log.read_text().splitlines() if "worker ready" in line]
    told = json.loads(ready)
    assert told["database"] == sqlite_url
    assert (told["book"], told["task_queue"]) == (sqlite_database.book, queue)
    await assert_whole(sqlite_database)


Taken = Callable[[Path], None]


def moved_away(folder: Path) -> None:
    away = folder.parent / "away"
    away.mkdir()
    for file in folder.glob("orders.db*"):
        file.rename(away / file.name)


def replaced(folder: Path) -> None:
    """By a book that is as good as any, but another one."""
    moved_away(folder)

    async def another() -> None:
        database = Database(f"sqlite:///{folder / 'orders.db'}")
        await database.migrate()
        await database.dispose()

    asyncio.run(another())


def put_back(folder: Path) -> None:
    for file in folder.glob("orders.db*"):
        file.unlink()
    for file in (folder.parent / "away").iterdir():
        file.rename(folder / file.name)


@pytest.mark.parametrize("taken", [moved_away, replaced])
async def test_its_file_is_gone_so_it_stops_with_one_line_and_orders_wait(
    client: Client, environment: dict[str, str], tmp_path: Path, taken: Taken
) -> None:
    """One of several processes refuses to go on as any does (test_processes.py)."""
    folder, log = tmp_path / "data", tmp_path / "worker.log"
    environment["ORDER_DATA_DIR"] = str(folder)
    database = Database(f"sqlite:///{folder / 'orders.db'}")
    await database.prepare()
    book_id = database.book
    orders = OrderClient(client, SqlOrderBook(database), task_queue=task_queue_of(book_id))
    placed = [an_order() for _ in range(ORDERS)]
    async with worker_process(log, **environment) as worker:
        await asyncio.gather(*map(orders.submit, placed))
        await database.dispose()
        await asyncio.to_thread(taken, folder)
        assert await asyncio.wait_for(worker.wait(), SECONDS) == 2
    [line] = last_words(log)
    assert "orders.db" in line
    assert "Traceback" not in log.read_text()
    if taken is replaced:
        with closing(sqlite3.connect(folder / "orders.db")) as other:
            assert other.execute("SELECT count(*) FROM book_submissions").fetchone() == (0,)
            assert other.execute("SELECT count(*) FROM world_calls").fetchone() == (0,)
    else:
        assert not (folder / "orders.db").exists()

    await asyncio.to_thread(put_back, folder)
    database = Database(f"sqlite:///{folder / 'orders.db'}")
    await database.prepare()
    assert database.book == book_id
    orders = OrderClient(client, SqlOrderBook(database), task_queue=task_queue_of(book_id))
    async with worker_process(log, **environment):
        await all_fulfilled(orders, [order.order_id for order in placed])
    await assert_whole(database)
    await database.dispose()


async def test_postgresql_has_another_book_so_it_stops_too(
    postgresql_url: str, environment: dict[str, str], tmp_path: Path
) -> None:
    database, log = Database(postgresql_url), tmp_path / "worker.log"
    environment["ORDER_DATABASE_URL"] = postgresql_url
    async with worker_process(log, **environment) as worker:
        await database.write(Connection.execute, text("UPDATE book_identity SET book = 'another'"))
        assert await asyncio.wait_for(worker.wait(), SECONDS) == 2
    [line] = last_words(log)
    assert f"no longer in {postgresql_url}" in line
    assert "Traceback" not in log.read_text()
    await database.dispose()
