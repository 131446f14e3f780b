"""Which book a database holds, and which programs may work with it."""

from pathlib import Path
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.engine import URL, Connection

IS_GONE = ("no such table", "does not exist")
"""The words of SQLite and PostgreSQL for a table, or a database, that was there before."""


def identity_in(connection: Connection) -> Row[Any]:
    """`book`, its ID, and `readable_from`, the oldest revision whose programs may work with the tables."""
    return connection.execute(text("SELECT book, readable_from FROM book_identity")).one()


def file_of(url: URL) -> tuple[int, int] | None:
    """Which file SQLite's is now. One that was deleted or replaced can still be written to, and nobody would
    ever read that."""
    try:
        found = Path(url.database or "").stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
