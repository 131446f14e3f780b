"""A file of orders, as workflows and activities see it: which file, how to read it, a place in it. And a page
of it: what its rows turned out to be, orders and problems.

A batch's workflow holds a reference, never rows. Only activities read pages. A problem names its line and
column, but never the text that was found there: it may be a card number."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from order_system.domain.errors import InvalidOrder, TransientError
from order_system.domain.order import Order, Wire, fingerprint_of
from order_system.domain.order_profile import Profile


class FileRefused(InvalidOrder):
    """The file as a whole cannot be read as orders; the message says why, where, and the cure."""


class FileChanged(FileRefused):
    """The file is no longer the one that the reference was made of."""


class FileUnreachable(TransientError):
    """An object store does not answer, or refuses for now. Another try may succeed."""


class FileFormat(StrEnum):
    CSV = "csv"
    """One row for each line of an order; our own columns, or others by a mapping."""
    JSONL = "jsonl"
    """One order document on each line."""
    SHOPIFY = "shopify"
    """A Shopify orders export as it comes."""


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


Content = Order | Callable[[], dict[str, Any]]
"""The order, or a function that reads it when needed: a plan of a million orders needs little of each."""


@dataclass(slots=True)
class ParsedOrder:
    """A valid order with the lines that it stands on."""

    order_id: str
    first_line: int
    last_line: int
    rows: int
    _content: Content = field(repr=False)
    total: int
    """Minor units."""
    currency: str
    payment_method: str
    counted_once: bool = False
    """True if an amount of the whole order is repeated on its further rows. It counts once."""

    @property
    def order(self) -> Order:
        if not isinstance(self._content, Order):
            self._content = Order.model_validate(self._content())
        return self._content

    @property
    def fingerprint(self) -> str:
        content = self._content
        return content.fingerprint() if isinstance(content, Order) else fingerprint_of(content())


class ProblemKind(StrEnum):
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    LEFT_OUT = "left out"
    """An order that its shop has fulfilled, refunded or cancelled: not wrong, and not to be shipped."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Rows that are not run: those of one order, or of none that is known. Each row is reported once."""

    first_line: int
    last_line: int
    rows: int
    column: str | None
    """The column of the first mistake."""
    order_id: str | None
    """The order's ID, if it is known and may be shown."""
    reason: str
    """All mistakes, each with its line and column."""
    kind: ProblemKind = ProblemKind.INVALID

    @property
    def is_left_out(self) -> bool:
        return self.kind is ProblemKind.LEFT_OUT


@dataclass
class FilePage:
    start: Position
    next_offset: int
    next_line: int
    """Where the next page starts."""
    at_end: bool = False
    rows: int = 0
    """The rows of its orders and problems together; blank rows do not count."""
    orders: list[ParsedOrder] = field(default_factory=list[ParsedOrder])
    """An ID may come twice if nobody has looked for that (`FileRef.apart`). The reader of the whole file then
    finds duplicates (`SeenOrders`)."""
    problems: list[RowProblem] = field(default_factory=list[RowProblem])

    @property
    def next(self) -> Position:
        return Position(offset=self.next_offset, line=self.next_line)

    @property
    def bytes_read(self) -> int:
        return self.next_offset - self.start.offset

    def take(self, found: ParsedOrder | RowProblem, next_offset: int, next_line: int) -> None:
        if isinstance(found, ParsedOrder):
            self.orders.append(found)
        else:
            self.problems.append(found)
        self.rows += found.rows
        self.next_offset, self.next_line = next_offset, next_line


class RowSource(Protocol):
    """Reads files of orders. Raises FileRefused for a file outside of the allowed roots, FileChanged for one
    that is not what its reference says. Calls `got_on` after each piece that was read, from any thread."""

    async def verify(self, file: FileRef, got_on: Callable[[], None], /) -> None:
        """Read the whole file, and check that its size and checksum still are the reference's."""
        ...

    async def read_page(
        self, file: FileRef, position: Position | None, max_bytes: int, got_on: Callable[[], None], /
    ) -> FilePage:
        """Read whole orders from `position` (None: the first row): up to `max_bytes`, at least one order."""
        ...
