"""The worker as a process: told to stop, started before its server or its database. Killed in the middle of
work it is in test_processes.py, in tests/integration/batches/test_kills.py and in tests/chaos."""

import asyncio
import signal
from pathlib import Path

import pytest
from sqlalchemy import make_url
from temporalio.client import Client

from order_system.book.order_book import SqlOrderBook
from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.orders.client import OrderClient
from tests.fixtures.processes.command_line import Running
from tests.fixtures.processes.forwarding import forwarded, unused_port
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually, wait_until

SECONDS = 180


@pytest.fixture
def environment(dev_server: EmbeddedServer, sqlite_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "TEMPORAL_ADDRESS": dev_server.address,
        "ORDER_DATABASE_URL": sqlite_url,
        "ORDER_TASK_QUEUE": f"queue-of-{tmp_path.name}",
        "ORDER_FAULTS": "none",
        "ORDER_LATENCY_MIN": "0.05",
        "ORDER_LATENCY_MAX": "0.1",
        "ORDER_LOG_FORMAT": "json",
    }


async def test_told_to_stop_it_finishes_what_runs_and_exits_with_0(
    client: Client, sqlite_database: Database, environment: dict[str, str], tmp_path: Path
) -> None:
    """By Ctrl-C here. SIGTERM is how a supervisor stops its processes (test_processes.py)."""
    book = SqlOrderBook(sqlite_database)
    orders = OrderClient(client, book, task_queue=environment["ORDER_TASK_QUEUE"])
    slow = {**environment, "ORDER_LATENCY_MIN": "1", "ORDER_LATENCY_MAX": "1"}
    log = tmp_path / "worker.log"
    order = an_order()
    async with worker_process(log, **slow) as worker:
        await orders.submit(order)

        async def claimed() -> bool:
            return order.order_id in await book.find([order.order_id])

        await eventually(claimed, SECONDS, "the charge to be under way")
        worker.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(worker.wait(), SECONDS) == 0, log.read_text()[-3000:]

    record = (await book.find([order.order_id]))[order.order_id]
    charge = next(iter((await book.journal(record.ref)).values()))
    assert (charge.state, charge.attempts) == ("done", 1), "the attempt that ran was finished"
    assert "Traceback" not in log.read_text()


async def test_it_waits_for_a_server_that_is_down_and_says_so(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    nowhere = {**environment, "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    starting = asyncio.create_task(_started(log, nowhere))

    async def waiting() -> bool:
        return log.exists() and "waiting for the server" in log.read_text()

    await eventually(waiting, SECONDS, "the worker to wait")
    starting.cancel()
    await asyncio.wait([starting])
    assert "127.0.0.1:1" in log.read_text()
    assert "Traceback" not in log.read_text()


async def test_it_waits_for_a_database_that_is_down_until_it_is_there(
    environment: dict[str, str], postgresql_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    there = make_url(postgresql_url)
    port = unused_port()
    down = there.set(port=port).render_as_string(hide_password=False)
    starting = asyncio.create_task(_started(log, {**environment, "ORDER_DATABASE_URL": down}))

    async def waiting() -> bool:
        return log.exists() and "waiting for the database" in log.read_text()

    await eventually(waiting, SECONDS, "the worker to wait")
    async with forwarded(port, there.port or 0):
        await asyncio.wait_for(starting, SECONDS)
    assert f"{port} failed: Connection refused" in log.read_text()
    assert "Traceback" not in log.read_text()


async def test_a_worker_that_waits_for_its_database_can_be_stopped(
    environment: dict[str, str], tmp_path: Path
) -> None:
    nowhere = {**environment, "ORDER_DATABASE_URL": "postgresql+psycopg://orders@127.0.0.1:1/orders"}
    worker = await asyncio.to_thread(Running, "worker.py", env=nowhere)
    await asyncio.to_thread(_reads_until, worker, "waiting for the database")
    worker.process.send_signal(signal.SIGTERM)
    assert (await asyncio.to_thread(worker.finished)).code == 0


def test_ctrl_c_while_it_loads_ends_it_as_quietly_as_a_sigterm() -> None:
    loading = Running("worker.py", env={}, interpreter=True)
    loaded = Path(f"/proc/{loading.process.pid}/maps")
    wait_until(lambda: "pydantic_core" in loaded.read_text(), SECONDS, "the worker to load")

    finished = loading.interrupted()

    assert (finished.code, finished.err) == (-signal.SIGINT, "")


def _reads_until(worker: Running, words: str) -> None:
    assert worker.process.stderr is not None
    assert any(words in line for line in worker.process.stderr)


async def _started(log: Path, environment: dict[str, str]) -> None:
    async with worker_process(log, **environment):
        pass
