"""A server that comes back without its data, under a worker that runs on: both go on without a person."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from order_system.book.order_book import SqlOrderBook
from order_system.bootstrap import open_order_system
from order_system.domain.errors import ServerUnreachable
from order_system.domain.ids import task_queue_of
from order_system.domain.messages import OrderStatus
from order_system.infra.database import Database
from order_system.infra.settings import Settings
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.orders.client import OrderClient
from order_system.reconciliation.client import Reconciler
from tests.fixtures.processes.forwarding import forwarded, unused_port
from tests.fixtures.processes.servers import server_that_knows
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually

SECONDS = 180


@pytest.mark.long
async def test_a_worker_settles_in_anew_on_a_server_that_has_lost_its_data(tmp_path: Path) -> None:
    port, folder, log = unused_port(), tmp_path / "data", tmp_path / "worker.log"
    database = Database(f"sqlite:///{folder / 'orders.db'}")
    await database.prepare()
    environment = {
        "TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
        "ORDER_DATA_DIR": str(folder),
        "ORDER_FAULTS": "none",
        "ORDER_RECONCILE_EVERY": "3600",
    }

    def server(name: str) -> AbstractAsyncContextManager[EmbeddedServer]:
        (tmp_path / name).mkdir()
        return server_that_knows({}, tmp_path / name, port=port)

    async def settled_in() -> bool:
        return "settled in anew" in log.read_text()

    first = server("first")
    await first.__aenter__()
    async with worker_process(log, **environment):
        await first.__aexit__(None, None, None)
        async with server("second"):
            temporal = await connect(environment["TEMPORAL_ADDRESS"])
            await eventually(settled_in, SECONDS, "the worker to settle in anew")
            schedule = Reconciler(temporal, book_id=database.book, task_queue=task_queue_of(database.book))
            described = await temporal.get_schedule_handle(schedule.id).describe()
            assert described.schedule.spec.intervals[0].every.total_seconds() == 3600
            orders = OrderClient(temporal, SqlOrderBook(database), task_queue=task_queue_of(database.book))
            order = an_order()
            await orders.submit(order)
            async with asyncio.timeout(SECONDS):
                async for documents in orders.watch([order.order_id]):
                    last = documents
            assert last[order.order_id].status == OrderStatus.FULFILLED
            assert log.read_text().count("settled in anew") == 1, "one line"
    await database.dispose()


async def test_a_server_that_goes_before_the_worker_begins_is_gone_and_no_bug(
    dev_server: EmbeddedServer, sqlite_url: str, tmp_path: Path
) -> None:
    port, to = unused_port(), int(dev_server.address.rpartition(":")[2])
    async with open_order_system(Settings(database_url=sqlite_url, data_dir=tmp_path)) as system:
        async with forwarded(port, to):
            temporal = await connect(f"127.0.0.1:{port}")
        with pytest.raises(ServerUnreachable):
            async with system.serving(temporal):
                await asyncio.Event().wait()
