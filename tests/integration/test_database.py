"""Transactions end, and give their locks back, however they end; and what a database cannot be used for."""

import asyncio
import contextlib
import socket
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import insert, select, text

from order_system import policy
from order_system.database import Database
from order_system.errors import DatabaseUnreachable, DatabaseUnready
from order_system.simulation.tables import calls
from tests.fixtures.postgresql import SUPERUSER, PostgresServer


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


async def write_and_read(database: Database, key: str) -> None:
    async with database.writing() as connection:
        row = {"key": key, "operation": "charge", "count": 1}
        await connection.execute(insert(calls).values(row).returning(calls.c.count))
        await connection.execute(select(calls))


async def test_a_caller_who_gives_up_in_the_middle_leaves_no_lock(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled at each of the driver's calls in turn, right after the driver's thread got the order.

    The errors are kept: their tracebacks hold the cursors that SQLite's locks would hang on.
    """
    ask_driver = aiosqlite.Connection._execute
    errors: list[asyncio.CancelledError] = []

    async def cancelled_at(number: int) -> bool:
        asked = 0

        async def ask(self: aiosqlite.Connection, function: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked == number and (task := asyncio.current_task()):
                task.cancel()
            return await ask_driver(self, function, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(aiosqlite.Connection, "_execute", ask)
            try:
                await asyncio.create_task(write_and_read(sqlite_database, f"key-{number}"))
            except asyncio.CancelledError as error:
                errors.append(error)
                return True
        return False

    number = 1
    while await cancelled_at(number):
        assert not is_locked(sqlite_database), f"after driver call {number}"
        number += 1
    assert number > 10


async def test_a_database_of_a_newer_version_is_refused_in_one_line(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
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


async def test_a_database_that_somebody_has_locked_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "DATABASE_BUSY", timedelta(milliseconds=50))
    file = tmp_path / "orders.db"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        assert isinstance(await refused_by(f"sqlite+aiosqlite:///{file}"), DatabaseUnreachable)


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
    refusal = await refused_by(f"sqlite+aiosqlite:///{tmp_path / 'orders.db'}")
    assert not isinstance(refusal, DatabaseUnreachable)
