"""Transactions end, and give their locks back, however they end."""

import asyncio
import sqlite3
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import insert, select, text

from order_system.database import Database
from order_system.errors import DatabaseUnready
from order_system.simulation.tables import calls


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
