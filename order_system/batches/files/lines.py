"""Splits bytes into physical lines, in batches and constant memory. LF, CRLF or a lone CR ends a line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_LINE_BYTES = 131_072
"""No row needs nearly as much. Python's csv gives up on a longer field, too."""

BATCH = 100
"""The most lines in one batch. So little has to be parsed again after a broken row, and rows go again too
soon for Python's garbage collector to look at them."""


@dataclass(frozen=True)
class LongLine:
    """A line that was too long to keep."""

    head: bytes
    """Its first MAX_LINE_BYTES."""
    size: int
    """Its size in bytes, with its line end."""


def line_batches(chunks: Iterable[bytes]) -> Iterator[list[bytes] | LongLine]:
    """Yield the lines with their ends. Chunks may be cut anywhere, but none may be empty."""
    rest = head = b""
    dropped = 0  # bytes of a long line that went by already; `rest` then is its newest byte
    for chunk in chunks:
        lines = (rest + chunk).splitlines(keepends=True)
        # What follows may belong to the last line. Even a CR may be half of a CRLF.
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        if dropped and lines:
            yield LongLine(head, dropped + len(lines.pop(0)))
            dropped = 0
        yield from _batches(lines)
        if len(rest) > MAX_LINE_BYTES or dropped:
            head = head if dropped else rest[:MAX_LINE_BYTES]
            dropped += len(rest) - 1
            rest = rest[-1:]
    if dropped:
        yield LongLine(head, dropped + len(rest))
    elif rest:
        yield from _batches([rest])


def _batches(lines: list[bytes]) -> Iterator[list[bytes] | LongLine]:
    if max(map(len, lines), default=0) <= MAX_LINE_BYTES:
        yield from (lines[index : index + BATCH] for index in range(0, len(lines), BATCH))
        return
    batch: list[bytes] = []
    for line in lines:
        if len(line) <= MAX_LINE_BYTES:
            batch.append(line)
            continue
        yield from _batches(batch)
        yield LongLine(line[:MAX_LINE_BYTES], len(line))
        batch = []
    yield from _batches(batch)
