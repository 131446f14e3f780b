"""A book's file that is gone is missed, and never replaced by an empty book without a word."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from order_system.domain.errors import DatabaseUnready
from order_system.infra.database import Database
from tests.fixtures.processes import at_once
from tests.fixtures.processes.at_once import by_processes
from tests.fixtures.processes.command_line import starter


async def prepared(file: Path) -> str:
    database = Database(f"sqlite:///{file}")
    try:
        await database.prepare()
    finally:
        await database.dispose()
    return database.book


@pytest.mark.parametrize("command", ["migrate", "audit"])
def test_a_file_that_was_moved_away_is_missed_by_each_command(tmp_path: Path, command: str) -> None:
    file, env = tmp_path / "orders.db", {"ORDER_DATA_DIR": str(tmp_path), "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    book = asyncio.run(prepared(file))
    file.rename(tmp_path / "away.db")

    refused = starter(command, env=env)

    assert refused.code == 2
    [line] = refused.err.splitlines()
    assert f"book {book} was here and is gone: put it back in {file}, or remove {file}.book" in line
    assert not file.exists()
    (tmp_path / "away.db").rename(file)
    assert asyncio.run(prepared(file)) == book


async def test_the_cure_begins_with_an_empty_book(tmp_path: Path) -> None:
    file, note = tmp_path / "orders.db", tmp_path / "orders.db.book"
    book = await prepared(file)
    file.unlink()
    note.unlink()
    assert await prepared(file) != book


@pytest.mark.parametrize("by", ["another book", "an empty file"])
async def test_a_file_that_was_replaced_is_refused_and_left_as_it_is(tmp_path: Path, by: str) -> None:
    file = tmp_path / "orders.db"
    book = await prepared(file)
    if by == "another book":
        other = tmp_path / "other.db"
        await prepared(other)
        other.replace(file)
    else:
        file.write_bytes(b"")
    with pytest.raises(DatabaseUnready, match=f"book {book} was here and is gone"):
        await prepared(file)
    with closing(sqlite3.connect(file)) as left:
        tables = [name for (name,) in left.execute("SELECT name FROM sqlite_master")]
    assert ("book_identity" in tables) == (by == "another book")


async def test_a_book_from_before_gets_its_note_and_one_that_cannot_have_it_is_used(tmp_path: Path) -> None:
    file, note = tmp_path / "orders.db", tmp_path / "orders.db.book"
    book = await prepared(file)
    note.unlink()
    assert await prepared(file) == book
    assert note.read_text() == f"{book}\n"
    note.write_text("")  # a full disk has room for a name
    assert await prepared(file) == book
    note.unlink()
    note.mkdir()  # as little to be written as in a folder that is read-only, also by root
    assert await prepared(file) == book


def test_processes_that_prepare_a_new_book_at_once_agree_on_it(tmp_path: Path) -> None:
    file = tmp_path / "orders.db"
    books = by_processes(4, at_once.prepared, f"sqlite:///{file}")
    assert set(books) == {(tmp_path / "orders.db.book").read_text().strip()}
