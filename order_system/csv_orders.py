"""Files of orders, as batches read them: CSV in our columns or any others, Shopify's export, JSON Lines.

    files = OrderFiles(settings.file_roots)
    ref = await files.inspect("orders.csv", mapping=parse_mapping("order_id=orderID,currency==USD"))
    page = await files.read_page(ref)
    ...
    page = await files.read_page(ref, page.next)       until page.at_end

What stands in which module of `batch_files/`: `sources` opens what may be opened; `lines` and `csv_rows` make
rows of bytes, whatever is wrong with them; `columns`, `layouts` and `shopify` say what the cells mean;
`blocks` finds the rows of one order; `checking` makes it an order, by `quick_check` or the door.
"""

import asyncio
from collections.abc import Sequence

from order_system.batch_files import (
    ColumnMapping,
    FileChanged,
    FileFormat,
    FileRef,
    FileRefused,
    FileUnreachable,
    InvalidMapping,
    Position,
    pages,
    unchanged,
)
from order_system.batch_files.columns import COLUMNS, REJECT_REASON, parse_mapping
from order_system.batch_files.findings import ParsedOrder, ProblemKind, RowProblem, duplicate
from order_system.batch_files.formulas import defuse
from order_system.batch_files.inspection import inspect_file
from order_system.batch_files.pages import PAGE_BYTES, Page
from order_system.batch_files.seen import SeenOrders
from order_system.batch_files.sources import GotOn

__all__ = [
    "COLUMNS",
    "REJECT_REASON",
    "ColumnMapping",
    "FileChanged",
    "FileFormat",
    "FileRef",
    "FileRefused",
    "FileUnreachable",
    "InvalidMapping",
    "OrderFiles",
    "Page",
    "ParsedOrder",
    "Position",
    "ProblemKind",
    "RowProblem",
    "SeenOrders",
    "defuse",
    "duplicate",
    "inspect_file",
    "parse_mapping",
]


class OrderFiles:
    """The files below some roots (`ORDER_FILE_ROOTS`: folders and object store addresses). What blocks runs
    in threads."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = tuple(roots)

    async def inspect(
        self,
        url: str,
        *,
        file_format: FileFormat | None = None,
        mapping: ColumnMapping | None = None,
        encoding: str = "utf-8",
    ) -> FileRef:
        """Read all of a file once: is it text, does its header fit, what is its SHA-256? Without a format,
        the name tells (.jsonl, .ndjson, else CSV).

        Raises FileRefused, which names the line and the cure; FileUnreachable if an object store fails."""
        return await asyncio.to_thread(
            inspect_file, url, self._roots, file_format=file_format, mapping=mapping, encoding=encoding
        )

    async def verify(self, ref: FileRef, got_on: GotOn | None = None) -> None:
        """Compare the SHA-256 of the whole file. Raises FileChanged, FileUnreachable, and FileRefused
        if it is gone."""
        await asyncio.to_thread(unchanged.verify, ref, self._roots, got_on)

    async def read_page(
        self,
        ref: FileRef,
        position: Position | None = None,
        max_bytes: int = PAGE_BYTES,
        got_on: GotOn | None = None,
    ) -> Page:
        """The whole orders in the `max_bytes` from a position (None: the first row), at least one.

        Raises FileChanged, FileRefused, FileUnreachable."""
        return await asyncio.to_thread(
            pages.read_page, ref, position or ref.start, self._roots, max_bytes, got_on
        )
