"""Which book a database holds, and which programs may work with it."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Self

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


class BookNote:
    """The ID of the book in SQLite's file, in a small file beside it, `orders.db.book`. SQLite makes a new
    file where one is gone, and nobody would see that it is another book.

    Without a note all goes on: a book from before has none until it is next prepared, and neither has one on
    a full disk or in a folder that is read-only.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.path = file.with_name(f"{file.name}.book")

    @classmethod
    def beside(cls, url: URL) -> Self | None:
        """None for what is no file of SQLite's."""
        name = url.database if url.get_backend_name() == "sqlite" else None
        return None if not name or name.startswith((":", "file:")) else cls(Path(name))

    def read(self) -> str:
        """Empty if there is none."""
        with suppress(OSError):
            return self.path.read_text("utf-8", "replace").strip()
        return ""

    def write(self, book: str) -> None:
        """After the book itself: so whoever finds the note finds the book, also while others prepare it."""
        if not self.read():
            with suppress(OSError):
                self.path.write_text(f"{book}\n", "utf-8")

    def refusal(self, found: str | None) -> str | None:
        """Why `found`, the book in the file if there is one, must not be used; None if it may be."""
        noted = self.read()
        if noted in ("", found):
            return None
        if found is None:
            gone, cure = "was here and is gone", "begin with an empty one"
        else:
            gone, cure = f"was here and is gone, book {found} is in its place", "work with that one"
        return f"{self.file}: book {noted} {gone}: put it back, or remove {self.path} to {cure}"
