"""`worker.py --processes N` as people run it: real processes, real signals, a real server."""

import asyncio
import itertools
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from order_system.audit.report import audit
from order_system.book.order_book import SqlOrderBook
from order_system.domain.ids import reconciliation_id
from order_system.domain.messages import OrderStatus
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.orders.client import OrderClient
from tests.fixtures.processes.command_line import Running
from tests.fixtures.processes.servers import server_that_knows
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.shop import Accounts, an_order
from tests.fixtures.steering.waiting import eventually

PROCESSES = 2
SEVERAL = ("--processes", str(PROCESSES))
ORDERS = 6
SECONDS = 180
AGAIN_SECONDS = 0.1

Lines = list[dict[str, Any]]


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


def told(log: Path, event: str) -> Lines:
    """Every line of the log is JSON, whoever of the processes has written it."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if event in line["event"]]


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


async def gone(pids: set[int]) -> None:
    async def all_gone() -> bool:
        return not alive(pids)

    await eventually(all_gone, SECONDS, f"{pids} to be gone")


@pytest.mark.long
async def test_one_is_killed_and_started_again_and_no_order_is_lost_or_doubled(
    client: Client, postgresql_url: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """On PostgreSQL, where such processes are at home; the others here are on SQLite."""
    database = Database(postgresql_url)
    book, world = SqlOrderBook(database), SimulatedWorld(database)
    orders = OrderClient(client, book, task_queue=environment["ORDER_TASK_QUEUE"])
    placed = [an_order() for _ in range(ORDERS)]
    ids = [order.order_id for order in placed]
    log = tmp_path / "worker.log"

    async def fulfilled() -> int:
        return sum(record.status == "fulfilled" for record in (await book.find(ids)).values())

    environment["ORDER_DATABASE_URL"] = postgresql_url
    async with worker_process(log, *SEVERAL, ready=PROCESSES, **environment) as supervisor:
        assert {line["process"] for line in told(log, "worker ready")} == {1, 2}
        await asyncio.gather(*(orders.submit(order) for order in placed[:-1]))

        async def under_way() -> bool:
            return await fulfilled() >= 1

        await eventually(under_way, SECONDS, "the first orders to be fulfilled")
        await orders.submit(placed[-1])  # so that one is under way, however late we look
        second = next(line for line in told(log, "worker process started") if line["process"] == 2)
        os.kill(second["pid"], signal.SIGKILL)
        assert await fulfilled() < ORDERS, "killed too late to show anything"

        async with asyncio.timeout(SECONDS):
            async for documents in orders.watch(ids):
                last = documents

        async def back() -> bool:
            return len(told(log, "worker ready")) == PROCESSES + 1

        await eventually(back, SECONDS, "the killed one to be there again")
        supervisor.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(supervisor.wait(), SECONDS) == 0

    [death] = told(log, "ended unasked")
    assert (death["process"], death["signal"], death["pid"]) == (2, "SIGKILL", second["pid"])
    assert told(log, "worker ready")[-1]["process"] == 2
    assert {OrderStatus.FULFILLED} == {document.status for document in last.values()}
    statement = await world.statement()
    for order in placed:
        accounts = Accounts(statement, order)
        accounts.assert_fulfilled(order)
        assert accounts.notices == ["confirmation"]
    assert audit(await book.ledger(), statement).clean
    await database.dispose()


async def test_told_to_stop_again_and_again_all_of_them_drain_and_it_exits_with_0(
    client: Client,
    sqlite_database: Database,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    """By whatever signal; each process finishes its attempts first."""
    book = SqlOrderBook(sqlite_database)
    orders = OrderClient(client, book, task_queue=environment["ORDER_TASK_QUEUE"])
    slow = {**environment, "ORDER_LATENCY_MIN": "1", "ORDER_LATENCY_MAX": "1"}
    log = tmp_path / "worker.log"
    placed = [an_order() for _ in range(2 * PROCESSES)]
    ids = [order.order_id for order in placed]
    async with worker_process(log, *SEVERAL, ready=PROCESSES, **slow) as supervisor:
        processes = {line["pid"] for line in told(log, "worker process started")}
        await asyncio.gather(*(orders.submit(order) for order in placed))

        async def claimed() -> bool:
            return len(await book.find(ids)) == len(ids)

        await eventually(claimed, SECONDS, "the charges to be under way")
        async with asyncio.timeout(SECONDS):
            for stop in itertools.cycle((signal.SIGTERM, signal.SIGINT)):
                if supervisor.returncode is not None:
                    break
                supervisor.send_signal(stop)
                await asyncio.sleep(AGAIN_SECONDS)
        assert supervisor.returncode == 0

    assert not alive(processes)
    for record in (await book.find(ids)).values():
        charge = next(iter((await book.journal(record.ref)).values()))
        assert (charge.state, charge.attempts) == ("done", 1), "the attempt that ran was finished"
    assert {line["process"] for line in told(log, "worker stopped")} == {1, 2}
    assert told(log, "supervisor stopped")[0]["clean"] is True


async def schedule_of(folder: Path) -> str:
    database = Database(f"sqlite:///{folder / 'orders.db'}")
    try:
        await database.prepare()
        return reconciliation_id(database.book)
    finally:
        await database.dispose()


async def test_all_at_once_they_set_up_what_is_fresh_and_none_outlives_a_supervisor_that_is_killed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    async with server_that_knows({}, fresh) as server:
        environment |= {
            "TEMPORAL_ADDRESS": server.address,
            "ORDER_DATABASE_URL": f"sqlite:///{fresh / 'orders.db'}",
        }
        async with worker_process(log, *SEVERAL, ready=PROCESSES, **environment) as supervisor:
            client = await connect(server.address)
            expected = [await schedule_of(fresh)]

            async def is_listed() -> bool:
                return [each.id async for each in await client.list_schedules()] == expected

            await eventually(is_listed, SECONDS, "the one schedule to be listed")
            processes = {line["pid"] for line in told(log, "worker process started")}
            assert alive(processes) == processes
            supervisor.send_signal(signal.SIGKILL)
            await supervisor.wait()
            await gone(processes)
    assert not told(log, "ended unasked")
    assert not told(log, "schedule could not be seen to")


@pytest.fixture
def half_a_file_of_faults(tmp_path: Path) -> str:
    """Only a worker process reads it, not the supervisor."""
    file = tmp_path / "faults.toml"
    file.write_text("[payment\n")
    return str(file)


@pytest.mark.parametrize("wrong", ["ORDER_LATENCY_MIN=9", "ORDER_FAULTS"])
def test_wrong_settings_end_it_at_once_and_are_told_once(
    environment: dict[str, str], half_a_file_of_faults: str, wrong: str
) -> None:
    name, _, value = wrong.partition("=")
    environment[name] = value or half_a_file_of_faults
    finished = Running("worker.py", *SEVERAL, env=environment).finished()
    assert (finished.code, finished.out) == (2, "")
    [line] = [line for line in finished.err.splitlines() if line.startswith("worker: ")]
    assert name in line
    assert "ended unasked" not in finished.err


def test_a_number_that_cannot_be_meant_is_told_in_one_line(environment: dict[str, str]) -> None:
    finished = Running("worker.py", "--processes", "0", env=environment).finished()
    assert (finished.code, finished.out) == (2, "")
    assert finished.err == (
        "worker: --processes 0: write a whole number from 1 to 64, or `auto` for one on each core.\n"
    )
