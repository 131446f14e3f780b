"""Transactions end, and give their locks back, however they end; and what a database cannot be used for."""

import asyncio
import contextlib
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError, OperationalError

from order_system.book.tables import effects
from order_system.domain.errors import DatabaseUnreachable, DatabaseUnready
from order_system.gateways.simulated.tables import calls
from order_system.infra import policy
from order_system.infra.database import Database, engines
from tests.fixtures.databases.postgresql import SUPERUSER, PostgresServer

CONNECTIONS = 5
PATIENCE_SECONDS = 60


def plain(url: str) -> str:
    """As PostgreSQL's own programs take it."""
    return url.replace("+psycopg", "")


def is_locked(database: Database) -> bool:
    connection = sqlite3.connect(str(database.url.database), timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    else:
        return False
    finally:
        connection.close()


def note(tx: Connection, key: str, *, then: Callable[[], object] = lambda: None) -> None:
    tx.execute(insert(calls), {"key": key, "operation": "charge", "count": 1})
    then()


async def noted(database: Database) -> int:
    count = await database.read(Connection.scalar, select(func.count()).select_from(calls))
    assert count is not None
    return count


async def test_a_transaction_that_has_begun_ends_whole_though_its_caller_gives_up(database: Database) -> None:
    """As with a database elsewhere: who hangs up does not know, and may ask again by its key."""
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def stop_here() -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(PATIENCE_SECONDS)

    caller = asyncio.create_task(database.write(note, "first", then=stop_here))
    await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await asyncio.wait_for(database.write(note, "second"), PATIENCE_SECONDS)
    if database.is_sqlite:  # elsewhere the second one need not have waited for the first
        assert await noted(database) == 2
        assert not is_locked(database)


async def test_a_caller_who_gives_up_in_the_queue_has_asked_for_nothing(sqlite_database: Database) -> None:
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def stop_here() -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(PATIENCE_SECONDS)

    first = asyncio.create_task(sqlite_database.write(note, "first", then=stop_here))
    await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)
    queued = asyncio.create_task(sqlite_database.write(note, "queued"))
    await asyncio.sleep(0)
    queued.cancel()
    await asyncio.wait([queued], timeout=PATIENCE_SECONDS)
    go_on.set()
    await asyncio.wait_for(first, PATIENCE_SECONDS)
    assert await noted(sqlite_database) == 1


async def test_a_caller_who_gives_up_while_another_process_writes_has_asked_for_nothing(
    sqlite_database: Database,
) -> None:
    """A call that lands after its caller has gone lands where an undo may have found nothing already."""
    begins, loop = asyncio.Event(), asyncio.get_running_loop()

    def tell(_connection: Connection) -> None:
        loop.call_soon_threadsafe(begins.set)

    event.listen(Engine, "begin", tell)
    try:
        with contextlib.closing(sqlite3.connect(str(sqlite_database.url.database))) as other:
            other.execute("BEGIN IMMEDIATE")
            caller = asyncio.create_task(sqlite_database.write(note, "late"))
            await asyncio.wait_for(begins.wait(), PATIENCE_SECONDS)
            caller.cancel()
            await asyncio.wait([caller], timeout=PATIENCE_SECONDS)
        await asyncio.wait_for(sqlite_database.write(note, "next"), PATIENCE_SECONDS)
    finally:
        event.remove(Engine, "begin", tell)
    assert await noted(sqlite_database) == 1


async def test_an_error_leaves_nothing_behind(database: Database) -> None:
    def fail() -> None:
        raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"):
        await database.write(note, "first", then=fail)
    assert await noted(database) == 0
    if database.is_sqlite:
        assert not is_locked(database)


async def test_a_commit_that_fails_leaves_no_connection_in_a_transaction(sqlite_database: Database) -> None:
    def at_the_end(tx: Connection) -> None:
        tx.execute(text("PRAGMA defer_foreign_keys = ON"))
        tx.execute(insert(effects).values(order_id="A", submission="none", effect="charge", state="claimed"))

    with pytest.raises(IntegrityError):
        await sqlite_database.write(at_the_end)
    assert not is_locked(sqlite_database)
    await sqlite_database.write(note, "next")
    assert await noted(sqlite_database) == 1


async def test_long_reads_hold_up_no_writer(database: Database) -> None:
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def read_for_long(tx: Connection) -> tuple[int | None, int | None]:
        before = tx.scalar(select(func.count()).select_from(calls))
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(PATIENCE_SECONDS)
        return before, tx.scalar(select(func.count()).select_from(calls))

    reading = asyncio.create_task(database.read(read_for_long))
    await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)
    await asyncio.wait_for(database.write(note, "meanwhile"), PATIENCE_SECONDS)
    go_on.set()
    assert await asyncio.wait_for(reading, PATIENCE_SECONDS) == (0, 0), "one snapshot, from first to last"
    assert await noted(database) == 1


async def test_callers_who_gave_up_on_a_locked_row_leave_their_threads_to_others(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody keeps a row, say a worker whose machine is gone: each attempt at that order gives up, and is
    tried again, until every thread would wait for that one row."""
    monkeypatch.setattr(policy, "DATABASE_BUSY", timedelta(milliseconds=200))
    database = Database(f"{postgresql_url}?pool={CONNECTIONS}")
    await database.write(note, "kept")
    lock = select(calls).where(calls.c.key == "kept").with_for_update()
    with psycopg.connect(plain(postgresql_url)) as somebody:
        somebody.execute("SELECT * FROM world_calls WHERE key = 'kept' FOR UPDATE")
        attempts = [asyncio.create_task(database.write(Connection.execute, lock)) for _ in range(50)]
        for begun in attempts[:CONNECTIONS]:
            await asyncio.sleep(0)
            begun.cancel()
        await asyncio.wait_for(database.write(note, "another"), PATIENCE_SECONDS)
        [[ours]] = somebody.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        assert ours <= CONNECTIONS
        waited = await asyncio.gather(*attempts, return_exceptions=True)
        assert {type(each) for each in waited} == {asyncio.CancelledError, OperationalError}
        await asyncio.wait_for(database.dispose(), PATIENCE_SECONDS)


async def test_a_database_of_a_newer_version_is_refused_in_one_line(database: Database) -> None:
    for newer in (
        "UPDATE alembic_version SET version_num = '9999'",
        "UPDATE book_identity SET readable_from = '9999'",
    ):
        await database.write(Connection.execute, text(newer))
    with pytest.raises(DatabaseUnready) as refused:
        await database.prepare()
    assert "newer version" in str(refused.value)
    assert "\n" not in str(refused.value)


# --- what waiting may cure, and what not ----------------------------------------------------------


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def refused_by(url: str) -> DatabaseUnready:
    database = Database(url)
    try:
        with pytest.raises(DatabaseUnready) as refused:
            await database.prepare()
    finally:
        await database.dispose()
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)
    return refused.value


@pytest.mark.parametrize("place", ["127.0.0.1:1", "nowhere.invalid:5432"])
async def test_a_database_that_cannot_be_reached_is_told_apart(place: str) -> None:
    assert isinstance(
        await refused_by(f"postgresql+psycopg://orders:secret@{place}/orders"), DatabaseUnreachable
    )


async def test_a_database_that_does_not_answer_is_given_up_soon(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "DATABASE_CONNECT", timedelta(seconds=2))  # the least that the driver takes
    url = f"postgresql+psycopg://orders:secret@127.0.0.1:{silent_port}/orders"
    assert isinstance(await refused_by(url), DatabaseUnreachable)


async def test_a_server_that_has_gone_without_a_word_is_missed(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the system, whose word is the only one that ends a thread's wait for an answer."""
    monkeypatch.setattr(policy, "DATABASE_GONE", timedelta(seconds=12))
    database = Database(postgresql_url)

    def watch(tx: Connection) -> tuple[int, int, int, int]:
        driver = tx.connection.driver_connection
        assert driver is not None
        with socket.socket(fileno=os.dup(driver.fileno())) as line:
            return (
                line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            )

    assert await database.read(watch) == (1, 4, 4, 12_000)
    await database.dispose()


async def test_a_database_that_somebody_has_locked_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "DATABASE_BUSY", timedelta(milliseconds=50))
    file = tmp_path / "orders.db"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        assert isinstance(await refused_by(f"sqlite:///{file}"), DatabaseUnreachable)


async def test_of_two_processes_that_start_on_a_new_file_the_second_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself does not, for the change of a file's journal."""
    file = tmp_path / "orders.db"
    waits: list[float] = []
    with contextlib.closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as first:
        first.execute("BEGIN IMMEDIATE")

        def go_on(seconds: float) -> None:
            waits.append(seconds)
            first.rollback()

        monkeypatch.setattr(engines.time, "sleep", go_on)
        database = Database(f"sqlite:///{file}")
        await database.migrate()
        await database.dispose()
    assert len(waits) == 1


@pytest.mark.parametrize("wrong", ["nobody", "nothing"])
async def test_a_database_that_refuses_us_is_not_waited_for(
    postgres_server: PostgresServer, wrong: str
) -> None:
    user, name = ("nobody", "postgres") if wrong == "nobody" else (SUPERUSER, "nothing")
    url = f"postgresql+psycopg://{user}:secret@127.0.0.1:{postgres_server.port}/{name}"
    refusal = await refused_by(url)
    assert not isinstance(refusal, DatabaseUnreachable)
    assert f'"{wrong}" does not exist' in str(refusal)


async def test_a_file_that_cannot_be_opened_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "orders.db").mkdir()
    refusal = await refused_by(f"sqlite:///{tmp_path / 'orders.db'}")
    assert not isinstance(refusal, DatabaseUnreachable)
