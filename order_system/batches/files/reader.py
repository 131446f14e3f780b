"""Reads files of orders, page by page. A page has the orders that stand whole in some bytes of the file.

A page never splits an order. The end of an order is known only when another one begins, so the next page
starts at the first row of the order whose end this page could not see."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Unpack

from order_system.batches.files.apart import CURE
from order_system.batches.files.blocks import blocks
from order_system.batches.files.checking import checked
from order_system.batches.files.findings import Mistake
from order_system.batches.files.inspection import HowToRead, changed, check_unchanged, inspect_file, verify
from order_system.batches.files.jsonl import checked_line, rows_of_lines
from order_system.batches.files.layouts import layout_of
from order_system.batches.files.rows import Row, line_batches
from order_system.batches.files.sources import GotOn, Source, open_source
from order_system.domain.order_file import FileFormat, FilePage, FileRef, ParsedOrder, Position, RowProblem

PAGE_BYTES = 1_000_000
CHUNK_BYTES = 262_144
"""How many bytes more are read at a time when a page ends within its first order."""


class OrderFiles:
    """Reads files below some roots (`ORDER_FILE_ROOTS`: folders and object store addresses). What blocks runs
    in threads."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = tuple(roots)

    async def inspect(self, url: str, **how: Unpack[HowToRead]) -> FileRef:
        """Read all of a file once: is it text, does its header fit, what is its SHA-256?

        Raises FileRefused, which names the line and the cure; FileUnreachable if an object store fails."""
        return await asyncio.to_thread(inspect_file, url, self._roots, **how)

    async def verify(self, ref: FileRef, got_on: GotOn | None = None) -> None:
        """Compare the SHA-256 of the whole file. Raises FileChanged, FileUnreachable, and FileRefused
        if it is gone."""
        await asyncio.to_thread(verify, ref, self._roots, got_on)

    async def read_page(
        self,
        ref: FileRef,
        position: Position | None = None,
        max_bytes: int = PAGE_BYTES,
        got_on: GotOn | None = None,
    ) -> FilePage:
        """Return the whole orders in the `max_bytes` from a position (None: the first row), at least one."""
        return await asyncio.to_thread(read_page, ref, position or ref.start, self._roots, max_bytes, got_on)


class _PageFull(Exception):
    """The page has a whole order, and what comes next is beyond it."""


def read_page(
    ref: FileRef,
    start: Position,
    roots: Sequence[str],
    max_bytes: int = PAGE_BYTES,
    got_on: GotOn | None = None,
) -> FilePage:
    """Return the orders that stand whole in the `max_bytes` from `start`; if there is none, the first one
    after. Memory is bounded by `max_bytes` and by what one order may have, however large the file. Blocks.
    Raises FileRefused, and FileChanged if the file is not, or is no longer, the one of the reference."""
    page = FilePage(start, next_offset=start.offset, next_line=start.line)
    with open_source(ref.url, roots, got_on) as source:
        stamp = check_unchanged(ref, source)
        try:
            for found, offset, line in _findings(ref, start, _chunks(source, page, ref.size, max_bytes)):
                page.take(found, offset, line)
                if offset - start.offset >= max_bytes:
                    break
            else:
                page.next_offset = ref.size  # past blank lines, too
        except _PageFull:
            pass
        except UnicodeDecodeError:
            raise changed(ref) from None
        if source.stamp() != stamp:
            raise changed(ref)
    page.at_end = page.next_offset >= ref.size
    return page


def _chunks(source: Source, page: FilePage, size: int, max_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of the page; then, if no order has ended in them, more until one has."""
    offset, wanted = page.start.offset, max_bytes
    while offset < size:
        if offset > page.start.offset and page.rows:
            raise _PageFull
        chunk = source.read(offset, min(wanted, size - offset))
        if not chunk:
            return  # the file is shorter than it was: the check of its stamp tells
        yield chunk
        offset, wanted = offset + len(chunk), CHUNK_BYTES


def _findings(
    ref: FileRef, start: Position, chunks: Iterable[bytes]
) -> Iterator[tuple[ParsedOrder | RowProblem, int, int]]:
    """Yield each order or problem, with the offset and the line of what comes next."""
    rows = rows_of(ref, start, chunks)
    if ref.format is FileFormat.JSONL:
        for row in rows:
            yield checked_line(row), row.end, row.last_line + 1
        return
    layout, apart = layout_of(ref), ref.apart or {}
    for block, following in blocks(rows, layout):
        if lines := apart.get(block.order_id):
            told = f"the rows of this order stand apart, on {lines}; {CURE}"
            block.mistakes.insert(0, Mistake(block.first_line, layout.names["order_id"], told))
        found = checked(block, layout)
        if following is None:
            yield found, ref.size, block.last_line + 1
        else:
            yield found, following.offset, following.first_line


def rows_of(ref: FileRef, start: Position, chunks: Iterable[bytes]) -> Iterator[Row]:
    """Yield the rows in the file's bytes from `start` on. Raises UnicodeDecodeError."""
    batches = line_batches(chunks)
    if ref.format is FileFormat.JSONL:
        return rows_of_lines(batches, start, ref.encoding)
    return layout_of(ref).rows(batches, start, ref.encoding)
