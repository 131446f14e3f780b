"""Which book a database holds, and which programs may work with it."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Row, inspect, text
from sqlalchemy.engine import URL, Connection

IS_GONE = ("no such table", "does not exist")
"""The words of SQLite and PostgreSQL for a table, or a database, that is gone."""


def identity_in(connection: Connection) -> Row[Any]:
    """Return `book`, its ID, and `readable_from`, the oldest revision whose programs may use the tables."""
    return connection.execute(text("SELECT book, readable_from FROM book_identity")).one()


def revision_in(connection: Connection) -> str | None:
    """Return the tables' revision, as alembic notes it; None before the first one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def file_of(url: URL) -> tuple[int, int] | None:
    """Return which file SQLite's is now. A deleted or replaced one still takes writes that nobody reads."""
    try:
        found = os.stat(url.database or "")  # noqa: PTH116 - for each transaction, and so without a Path
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def note_beside(url: URL) -> Path:
    """The note of SQLite's book. It is needed since SQLite makes a new file, unasked, where one is gone."""
    return Path(f"{url.database}.book")


def noted_book(url: URL) -> str:
    """Return the noted book, or "" without a note: an older book, a full disk or a read-only folder."""
    try:
        return note_beside(url).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def note_book(url: URL, book: str) -> None:
    """Note the book, after it was made: who finds the note finds the book, even while others prepare it."""
    if not noted_book(url):
        with suppress(OSError):
            note_beside(url).write_text(f"{book}\n", "utf-8")
