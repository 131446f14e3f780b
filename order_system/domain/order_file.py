"""A file of orders, as workflows and activities see it: which file, how to read it, a place in it.

A batch's workflow holds a reference, never rows. Only activities read pages (`order_page`)."""

from enum import StrEnum

from pydantic import Field

from order_system.domain.errors import InvalidOrder, InvalidUsage, TransientError
from order_system.domain.order import Wire
from order_system.domain.order_profile import Profile


class FileRefused(InvalidOrder):
    """The file as a whole cannot be read as orders; the message says why, where, and the cure."""


class FileChanged(FileRefused):
    """The file is no longer the one that the reference was made of."""


class FileUnreachable(TransientError):
    """An object store does not answer, or refuses for now. Another try may succeed."""


class InvalidMapping(InvalidUsage):
    """A mapping cannot be understood, or does not fit the file's header."""


class FileFormat(StrEnum):
    CSV = "csv"
    """One row for each line of an order; our own columns, or others by a mapping."""
    JSONL = "jsonl"
    """One order document on each line."""
    SHOPIFY = "shopify"
    """A Shopify orders export as it comes."""


class ColumnMapping(Wire):
    """Where a CSV file keeps those fields of an order for which its columns are not named like ours."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Field -> the file's column."""
    constants: dict[str, str] = Field(default_factory=dict)
    """Field -> the value that it has on every row."""


class Position(Wire):
    """Where a page begins: always at the first row of an order."""

    offset: int
    """In bytes, from 0."""
    line: int
    """The line number that people see, from 1."""


class FileRef(Wire):
    """One file with one content. Made by `inspect_file`, which has read and checked all of it."""

    url: str
    """An absolute path without symlinks, or an fsspec URL."""
    size: int
    """Bytes."""
    sha256: str
    stamp: str
    """It changes whenever the file is written or replaced. Another stamp alone proves nothing (the worker may
    read its own copy), but as long as the stamp is the same nobody needs to hash the file again."""
    format: FileFormat
    profile: Profile | None = None
    """None: JSON Lines, or our own columns."""
    encoding: str
    """The encoding, decided once for the whole file, which is known to be valid in it."""
    columns: tuple[str, ...] = ()
    """The header as it stands in the file; empty for JSON Lines."""
    start: Position
    """Where the first row is: behind the byte order mark and the header."""
    apart: dict[str, str] | None = None
    """The orders whose rows do not stand together, and where ("lines 2 and 17"). None of them is run. None if
    nobody has looked, as in JSON Lines: then an ID may come twice."""
    orders: int | None = None
    """How many orders the file has, good and bad ones. None if nobody has looked."""

    @property
    def separator(self) -> str:
        """The character between the cells of a CSV file."""
        return self.profile.separator if self.profile else ","
