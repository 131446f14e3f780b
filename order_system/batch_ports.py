"""What a batch needs from outside: somewhere to read rows from, and its pages of the order book."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from order_system.batch_files import FileRef, Position
from order_system.batch_files.pages import Page
from order_system.batches import BatchRecord, BatchRequest, Fate
from order_system.journal import SubmissionRecord


class RowSource(Protocol):
    """Files of orders. Raises FileRefused for one outside of the allowed roots, FileChanged for one that
    is no longer what the reference says. `got_on` is called after each piece that was read, from any
    thread."""

    async def verify(self, file: FileRef, got_on: Callable[[], None], /) -> None:
        """One pass over the file: its size and checksum still are the reference's."""
        ...

    async def read_page(
        self, file: FileRef, position: Position | None, max_bytes: int, got_on: Callable[[], None], /
    ) -> Page:
        """Whole orders from `position` (None: the first row), at most `max_bytes` of the file, but at
        least one order."""
        ...


class OrderContents(Protocol):
    """What the server knows of orders that the book may not have heard of yet."""

    async def fingerprint(self, order_id: str, /) -> str | None:
        """Of the content under the order's workflow ID, running or closed; empty if its starter did not say,
        None if the server has no such workflow."""
        ...


@dataclass(frozen=True)
class NotedOrder:
    order_id: str
    first_line: int
    last_line: int


class BatchBook(Protocol):
    """`batch` is the batch's workflow ID, `run` its `first_execution_run_id`."""

    async def open_batch(self, batch: str, run: str, request: BatchRequest) -> None:
        """Remember which file a run reads. Idempotent."""
        ...

    async def newest_batch(self, batch: str) -> BatchRecord | None: ...

    async def note_orders(self, batch: str, run: str, orders: Sequence[NotedOrder]) -> dict[str, int]:
        """The first line under which each of these orders stands in the file. Idempotent: a page read
        again finds its own lines; a duplicate finds another."""
        ...

    async def note_fates(self, batch: str, run: str, fates: Mapping[str, Fate]) -> None:
        """What the batch decided about orders that it has noted. Idempotent."""
        ...

    async def fates(
        self, batch: str, run: str, order_ids: Sequence[str]
    ) -> dict[str, tuple[int, Fate | None]]:
        """First line and fate of those that this run has noted."""
        ...

    async def fates_counted(self, batch: str, run: str) -> dict[Fate | None, int]:
        """How many orders have each fate; None for those that nothing was decided about."""
        ...

    async def orders_of(self, batch: str, run: str, *, after: str, limit: int) -> list[str]:
        """As `ports.OrderBook.orders_of`."""
        ...

    async def find(self, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
        """As `ports.OrderBook.find`."""
        ...
