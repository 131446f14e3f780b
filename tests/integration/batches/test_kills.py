"""A batch whose worker, and whose server, is killed in the middle: every order is accounted for once."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from order_system.audit.report import audit
from order_system.batches.client import BatchClient
from order_system.batches.files import OrderFiles
from order_system.book.batches import SqlBatchBook
from order_system.book.order_book import SqlOrderBook
from order_system.domain.batch import BatchProgress, BatchRequest
from order_system.domain.order import FirstAttempts
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.processes.forwarding import unused_port
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.batch_shop import assert_adds_up, row, write_orders
from tests.fixtures.steering.waiting import eventually

ORDERS = 12
WINDOW = 4
SECONDS = 180
QUEUE = "kills"


class Scene:
    """A server with files of its own, which may be killed, and what the processes on it are told."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.environment = {
            "ORDER_DATABASE_URL": database_url,
            "ORDER_FILE_ROOTS": str(folder),
            "ORDER_FAULTS": "none",
            # Two windows of orders are left when the first are fulfilled: seconds, however late we look.
            "ORDER_LATENCY_MIN": "0.3",
            "ORDER_LATENCY_MAX": "0.5",
            "ORDER_TASK_QUEUE": QUEUE,
        }
        self.database = Database(database_url)
        self.book = SqlOrderBook(self.database)
        self.log = folder / "worker.log"
        self.servers = AsyncExitStack()
        self.port = unused_port()

    async def start_server(self) -> EmbeddedServer:
        """On the port of the one before, where the worker looks for it."""
        server = EmbeddedServer(self.folder, port=self.port, ui_port=0, headless=True)
        await self.servers.enter_async_context(server)
        self.environment["TEMPORAL_ADDRESS"] = server.address
        return server

    async def batches(self) -> BatchClient:
        temporal = await connect(self.environment["TEMPORAL_ADDRESS"])
        files = OrderFiles([str(self.folder)])
        return BatchClient(temporal, SqlBatchBook(self.database), files, task_queue=QUEUE)

    async def start_batch(self) -> None:
        file = write_orders(self.folder / "orders.csv", [row(f"KILL-{n:03d}") for n in range(ORDERS)])
        reference = await OrderFiles([str(self.folder)]).inspect(str(file))
        how = {"window": WINDOW, "page_bytes": 400, "first_attempts": FirstAttempts.LOCAL}
        await (await self.batches()).start(BatchRequest(name="kill", file=reference, **how))

    async def fulfilled(self) -> int:
        records = await self.book.find([f"KILL-{n:03d}" for n in range(ORDERS)])
        return sum(record.status == "fulfilled" for record in records.values())

    async def in_the_middle(self, *, fulfilled: int) -> None:
        async def some_but_not_all() -> bool:
            return await self.fulfilled() >= fulfilled

        await eventually(some_but_not_all, SECONDS, "some orders to be fulfilled")
        assert await self.fulfilled() < ORDERS

    async def assert_accounted_for_once(self) -> None:
        async with asyncio.timeout(SECONDS):
            last: BatchProgress | None = None
            async for progress in (await self.batches()).watch("kill"):
                last = progress
        assert last is not None
        assert_adds_up(last)
        assert (last.counts.valid, last.counts.fulfilled + last.counts.skipped) == (ORDERS, ORDERS)
        statement = await SimulatedWorld(self.database).statement()
        assert ORDERS == len(statement.charges) == len(statement.shipments)
        assert audit(await self.book.ledger(), statement).clean


@pytest.fixture
async def scene(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path, sqlite_url)
    yield scene
    await scene.servers.aclose()
    await scene.database.dispose()


@pytest.mark.long
async def test_its_worker_is_killed_and_then_its_server(scene: Scene) -> None:
    server = await scene.start_server()
    async with worker_process(scene.log, **scene.environment) as worker:
        await scene.start_batch()
        await scene.in_the_middle(fulfilled=1)
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
    async with worker_process(scene.log, **scene.environment):
        await scene.in_the_middle(fulfilled=await scene.fulfilled() + 1)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await scene.servers.aclose()
        await scene.start_server()
        await scene.assert_accounted_for_once()
