"""Commands without a server, and with an embedded one that begins and ends with them."""

import asyncio
import fcntl
import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from order_system.book.tables import effects, submissions
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.steps import Effect
from order_system.gateways.simulated.tables import charges
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.executions import describe
from order_system.infra.temporal.servers import server_of_a_worker
from tests.fixtures.databases.filled_book import submission
from tests.fixtures.processes.command_line import Finished, Running, starter
from tests.fixtures.processes.shop_commands import QUIET_WORLD
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.steering.waiting import wait_until


def test_a_server_that_is_down_or_silent_is_told_in_one_line_with_the_time_that_was_waited(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in (silent, closed)]
        closed.close()
        told = ["within 5 seconds", "(connection refused)"]
        for address, why in zip(addresses, told, strict=True):
            finished = starter("--json", env={"TEMPORAL_ADDRESS": address, "ORDER_DATA_DIR": str(tmp_path)})

            assert finished.code == 3
            assert finished.out == ""
            [line] = finished.err.splitlines()
            assert f"No Temporal server answers at {address} {why}" in line


def test_the_audit_needs_no_server_and_finds_what_was_planted(sqlite_url: str) -> None:
    env = {"ORDER_DATABASE_URL": sqlite_url, "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    clean = starter("audit", env=env)
    stray = charges.insert().values(
        key="ORDER-1:nobody:charge", charge_id="ch", amount=1, currency="USD", payment_method="pm"
    )
    with create_engine(sqlite_url).begin() as world:
        world.execute(stray)
    broken = starter("audit", "--json", env=env)

    assert clean.code == 0
    assert "clean: book and world agree" in clean.out
    assert broken.code == 1
    assert broken.document["clean"] is False
    assert "ORDER-1:nobody:charge" in broken.out


def test_an_order_that_is_open_in_the_book_is_shown_beside_what_is_missing(sqlite_url: str) -> None:
    """Somebody may ask for its order meanwhile. The exit code is that of all commands without a server."""
    env = {"ORDER_DATABASE_URL": sqlite_url, "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    row = submission("ORDER-1", SubmissionStatus.OPEN)
    refund = {"effect": Effect.CHARGE, "state": EffectState.DONE, "fenced_at": row["opened_at"]}
    with create_engine(sqlite_url).begin() as book:
        book.execute(submissions.insert().values(row))
        book.execute(effects.insert().values(order_id="ORDER-1", submission=row["submission"], **refund))

    left = starter("status", "ORDER-1", env=env)
    waits = starter("attention", env=env)
    for_a_program = starter("attention", "--json", env=env)

    assert [waits.code, left.code, for_a_program.code] == [3, 3, 3]
    assert "ORDER-1  undo of payment is stuck" in waits.out
    assert "what else waits, only the server knows" in waits.out
    assert "No Temporal server answers at 127.0.0.1:1" in waits.err
    assert for_a_program.out == "", "which would take a part for the whole"
    assert "ORDER-1  being undone" in left.out
    assert "the server does not answer; this is what the book knows" in left.out
    assert "No Temporal server answers at 127.0.0.1:1" in left.err


def test_embedded_needs_nothing_else_ends_by_itself_and_is_remembered_by_the_book(tmp_path: Path) -> None:
    env = {**QUIET_WORLD, "ORDER_DATA_DIR": str(tmp_path)}

    finished = Running("starter.py", "--embedded", "--scenario", "ok", env=env).finished()

    assert finished.code == 0
    assert finished.err == ""
    assert "Temporal's Web UI ends with this command. To open it: python starter.py serve" in finished.out
    assert "/workflows/order-ORDER-001" not in finished.out, "a link that is dead"
    assert server_has_ended(tmp_path)
    assert (tmp_path / "worker.log").exists()
    remembered = starter("status", "ORDER-001", env={**env, "TEMPORAL_ADDRESS": "127.0.0.1:1"})
    assert remembered.code == 0
    assert "ORDER-001  fulfilled" in remembered.out
    assert "the server does not answer; this is what the book knows" in remembered.out
    attention = starter("attention", env={**env, "TEMPORAL_ADDRESS": "127.0.0.1:1"})
    assert attention.code == 3
    assert "on a server of their own: say --embedded here, too" in attention.err
    assert "start-dev" not in attention.err, "that would be an empty server on the same book"


def test_on_a_terminal_the_web_ui_stays_up_until_ctrl_c(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    env = {**QUIET_WORLD, "ORDER_DATA_DIR": str(tmp_path)}
    kept = Running("starter.py", "--embedded", "--scenario", "ok", env=env, terminal=theirs)
    os.close(theirs)
    with os.fdopen(ours, encoding="utf-8", errors="replace") as shown:
        up = next(line for line in shown if "Temporal's Web UI is up at http://localhost:" in line)
        assert "until Ctrl-C" in up
        assert "/workflows/order-ORDER-001" in next(shown)
        assert "starter.py serve --embedded, then http://127.0.0.1:8080" in next(shown)

        finished = kept.interrupted()

    assert finished.code == 0
    assert server_has_ended(tmp_path)


def test_ctrl_c_stops_the_embedded_server_and_says_that_the_order_goes_on(tmp_path: Path) -> None:
    env = {**QUIET_WORLD, "ORDER_DATA_DIR": str(tmp_path)}
    following = Running("starter.py", "--embedded", "--scenario", "payment-down", env=env)
    following.says("ORDER-001 payment running")

    finished = following.interrupted()

    assert finished.code == 130
    assert "1 order goes on when --embedded is used again: python starter.py status ORDER-001" in finished.out
    assert finished.err == "starter.py: stopped\n"
    assert server_has_ended(tmp_path)


@pytest.mark.parametrize("moment", ["pydantic_core", "temporal_sdk_bridge", "temporal.log"])
def test_ctrl_c_while_the_program_or_the_server_starts_is_as_quiet(tmp_path: Path, moment: str) -> None:
    """As soon as that library is loaded, or that file is there."""
    env = {**QUIET_WORLD, "ORDER_DATA_DIR": str(tmp_path)}
    starting = Running("starter.py", "--embedded", "--scenario", "ok", env=env, interpreter=True)
    loaded = Path(f"/proc/{starting.process.pid}/maps")
    wait_until(lambda: (tmp_path / moment).exists() or moment in loaded.read_text(), 60, moment)

    finished = starting.interrupted()

    assert (finished.code, finished.err) == (130, "starter.py: stopped\n")
    assert not (tmp_path / "temporal.lock").exists() or server_has_ended(tmp_path)


async def test_embedded_beside_a_live_worker_uses_that_workers_server_or_says_why_not(tmp_path: Path) -> None:
    """The README's three terminals, and then its --embedded."""
    env = {**QUIET_WORLD, "ORDER_DATA_DIR": str(tmp_path / "data")}
    embedded = ("starter.py", "--embedded", "--scenario", "ok")
    log = tmp_path / "worker.log"
    async with EmbeddedServer(tmp_path / "terminal", port=0, ui_port=0, headless=True) as server:
        worker = worker_process(log, **env, TEMPORAL_ADDRESS=server.address)
        process = await worker.__aenter__()
        beside = await asyncio.to_thread(Running(*embedded, env=env).finished)
        on_the_server = await describe(await connect(server.address), "order-ORDER-001")
    away = await asyncio.to_thread(Running(*embedded, env=env).finished)
    process.kill()
    await process.wait()
    alone = await asyncio.to_thread(Running(*embedded, env=env).finished)

    assert (beside.code, beside.err) == (0, "")
    assert f"a worker is at work here already: using its Temporal server at {server.address}" in beside.out
    assert on_the_server is not None
    assert away.code == 3
    assert f"for the Temporal server at {server.address}, which does not answer" in away.err
    assert alone.code == 0, "the worker is gone, and its word about its server with it"


async def test_commands_that_look_for_a_worker_at_once_do_not_take_each_other_for_one(tmp_path: Path) -> None:
    """A look takes the lock for a moment, and a worker that was killed has left its word."""
    (tmp_path / "worker.lock").write_text("127.0.0.1:1 default")
    with (tmp_path / "worker.lock").open("r+") as another:
        fcntl.flock(another, fcntl.LOCK_EX)
        look = asyncio.create_task(asyncio.to_thread(asyncio.run, server_of_a_worker(tmp_path)))
        await asyncio.wait({look}, timeout=0.2)
        another.truncate()
    assert await look is None

    (tmp_path / "worker.lock").write_text("127.0.0.1:1 default")
    assert await server_of_a_worker(tmp_path) is None
    assert not (tmp_path / "worker.lock").read_text(), "what the dead one wrote misleads nobody any more"


def test_while_a_worker_waits_for_its_server_orders_and_batches_are_listed_from_the_book(
    tmp_path: Path,
) -> None:
    (tmp_path / "worker.lock").write_text("127.0.0.1:1 default")
    with (tmp_path / "worker.lock").open() as worker:
        fcntl.flock(worker, fcntl.LOCK_SH)
        env = {"ORDER_DATA_DIR": str(tmp_path)}
        listed = [starter(command, env=env) for command in ("orders", "batches")]
        by_status = starter("batches", "--status", "running", env=env)
    assert [(each.code, each.err) for each in listed] == [(0, ""), (0, "")]
    assert "No Temporal server answers at 127.0.0.1:1. Start it" in listed[0].out
    assert (by_status.code, "the Temporal server does not answer" in by_status.err) == (3, True)


@pytest.mark.long
def test_what_a_deleted_server_has_left_is_adopted_by_its_uuid_and_settled(tmp_path: Path) -> None:
    # Without a schedule: a run of it, at the full minute, would settle it first.
    env = {**QUIET_WORLD, "ORDER_DATA_DIR": str(tmp_path), "ORDER_RECONCILE_EVERY": "0"}
    stuck = Running("starter.py", "--embedded", "--scenario", "payment-down", env=env)
    stuck.says("ORDER-001 payment running")
    wait_until(lambda: opened(tmp_path), 60, "payment to open the order in the book")
    stuck.interrupted()
    for file in tmp_path.glob("temporal.db*"):
        file.unlink()

    def adopt(*arguments: str) -> Finished:
        return starter("adopt", "--embedded", *arguments, env=env)

    unknown = adopt("nobody", "--yes")
    assert unknown.code == 2
    gone = unknown.err.split()[-1]
    unasked = adopt(gone)
    assert unasked.code == 2
    assert "nothing was adopted. Is that server gone for good?" in unasked.err
    adopted = adopt(gone, "--yes", "--json", "--note", "temporal.db was deleted")
    assert adopted.document == {"server": gone, "adopted": 1}
    settled = starter("reconcile", "--embedded", "--json", env=env)
    assert settled.document["settled"]["count"] == 1
    assert starter("audit", env=env).code == 0


def opened(folder: Path) -> bool:
    """The book knows it, and not only the server, which is to be deleted."""
    with closing(sqlite3.connect(folder / "orders.db")) as book:
        return book.execute("SELECT 1 FROM book_submissions").fetchone() is not None


def server_has_ended(folder: Path) -> bool:
    """Its lock is free: it holds one as long as it lives."""
    lock = os.open(folder / "temporal.lock", os.O_RDWR)
    try:
        wait_until(lambda: try_lock(lock), 60, "the embedded server to end")
    finally:
        os.close(lock)
    return True


def try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
