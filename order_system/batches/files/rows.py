"""Makes rows of bytes, each with its place, in constant memory, and goes on after a broken row.

A physical line ends with LF, CRLF or a lone CR. A quote that is never closed would swallow the rest of the
file. If another stray quote closes it, the rows between are swallowed. So if lines that a quote has joined
make no proper row, or look like rows themselves, only the first of them is given up. Reading goes on with the
second."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import NamedTuple

from order_system.domain.order_file import Position

MAX_LINE_BYTES = 131_072
"""No row needs nearly as much, on one line or on several. Python's csv gives up on a longer field, too."""

MAX_ROW_LINES = 500
"""Lines of one row. A quoted cell may have line breaks, as in a customer's note."""

TOO_LONG = f"is longer than {MAX_LINE_BYTES:,} bytes, which no row of an order needs"
NUL = "holds a NUL character, which no text has"

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


class Row(NamedTuple):
    line: int
    """The row's first line in the file, from 1."""
    last_line: int
    offset: int
    end: int
    """Where the row begins (`offset`) and ends in the file, in bytes."""
    text: str
    """The row as it stands in the file, with its line end; of a row that is too long, the beginning."""
    cells: list[str]
    """The cells; of a broken row, as far as they can be told."""
    broken: str | None
    """Why this is no proper row; None if it is one."""


class Shape(NamedTuple):
    """What the rows of a table have in common."""

    separator: str = ","
    width: int | None = None
    """The number of cells in a row; None if it is not known yet."""
    numbers: Sequence[int] = ()
    """The places where each row has a number."""


def csv_rows(
    batches: Iterable[list[bytes] | LongLine],
    start: Position,
    encoding: str,
    shape: Shape,
) -> Iterator[Row]:
    """Yield the rows that are not blank. Several lines are one row only if it has the table's width, and if
    no two of them look like rows. Raises UnicodeDecodeError."""
    waiting: list[bytes] = []  # a row whose end has not been read yet
    line, offset = start.line, start.offset
    for batch in batches:
        is_long = isinstance(batch, LongLine)
        lines = _Lines(waiting if is_long else waiting + batch, line, offset, encoding, shape)
        rows, taken = lines.rows(final=is_long)
        yield from rows
        waiting = lines.raw[taken:]
        line, offset = line + taken, lines.offsets[taken]
        if is_long:
            head = batch.head.decode(encoding, "ignore")  # the head may end within a character
            end = offset + batch.size
            yield Row(line, line, offset, end, head, salvaged_cells(head, shape.separator), TOO_LONG)
            line, offset = line + 1, end
    yield from _Lines(waiting, line, offset, encoding, shape).rows(final=True)[0]


def salvaged_cells(text: str, separator: str = ",") -> list[str]:
    """Return the cells of a broken row, as far as they can be told. By them a person finds its order."""
    try:
        return next(csv.reader([text], delimiter=separator), list[str]())
    except csv.Error:  # a cell that is too long even for csv
        return []


class _Lines:
    def __init__(self, raw: list[bytes], line: int, offset: int, encoding: str, shape: Shape) -> None:
        self.separator, self.width, self.numbers = shape
        self.raw = raw
        self.texts = [each.decode(encoding) for each in raw]
        self.offsets = list(accumulate(map(len, raw), initial=offset))
        """Where each line begins, and where the last one ends."""
        self.line = line

    def rows(self, *, final: bool) -> tuple[list[Row], int]:
        """Return the rows, and how many lines they take: all if `final`."""
        rows: list[Row] = []
        first = 0  # the line that the next row begins on
        while first < len(self.raw):
            first, reached = self._take_proper_rows(rows, first)
            if first == len(self.raw):
                break
            if reached == len(self.raw) and not final and self._fits(first, reached):
                break  # perhaps it is a proper row as soon as its other lines are here
            text = self.texts[first]
            cells, broken = [*map(_unquoted, text.rstrip("\r\n").split(self.separator))], None
            # In a file with tabs, a quote is mostly an ordinary sign.
            if self.separator != "\t" or len(cells) != self.width:
                cells, broken = salvaged_cells(text, self.separator), _syntax_error(text)
            line, offsets = self.line + first, self.offsets
            rows.append(Row(line, line, offsets[first], offsets[first + 1], text, cells, broken))
            first += 1
        return rows, first

    def _take_proper_rows(self, rows: list[Row], first: int) -> tuple[int, int]:
        """Append the rows from line `first` on, up to a broken one. Returns the line on which the broken row
        begins, and how many lines were looked at."""
        begin, line, offsets, blank = first, self.line, self.offsets, f'{self.separator}" \t\r\n'
        reader = csv.reader(islice(self.texts, begin, None), delimiter=self.separator, strict=True)
        try:
            for cells in reader:
                after = begin + reader.line_num
                if after - first > 1 and not self._is_one_row(first, after, len(cells)):
                    break
                text = self.texts[first] if after == first + 1 else "".join(self.texts[first:after])
                if text.lstrip(blank) and not text.isspace():
                    place = line + first, line + after - 1, offsets[first], offsets[after]
                    rows.append(Row(*place, text, cells, NUL if "\0" in text else None))
                first = after
        except csv.Error:
            pass  # the returned line tells that the row is broken
        return first, begin + reader.line_num

    def _is_one_row(self, first: int, after: int, found: int) -> bool:
        width = self.width or found
        alike = sum(self._looks_like_a_row(text, width) for text in self.texts[first:after])
        return found == width and alike < 2 and self._fits(first, after)

    def _looks_like_a_row(self, text: str, width: int) -> bool:
        cells = text.split(self.separator)
        return len(cells) == width and all(_NUMBER.fullmatch(cells[place]) for place in self.numbers)

    def _fits(self, first: int, after: int) -> bool:
        size = self.offsets[after] - self.offsets[first]
        return after - first <= MAX_ROW_LINES and size <= MAX_LINE_BYTES


_NUMBER = re.compile(r"\W*|\W*(?:[^\W\d]{1,3}\W*)?\d[\d\W]*(?:[^\W\d]{1,3}\W*)?")
"""A number, perhaps with a currency's code or sign; or a blank."""


def _unquoted(cell: str) -> str:
    """Return a cell without its own quotes. It stands beside a cell with a stray quote."""
    is_quoted = re.fullmatch(r'"(?:[^"]|"")*"', cell)
    return cell[1:-1].replace('""', '"') if is_quoted else cell


def _syntax_error(text: str) -> str:
    if text.count('"') % 2:
        return "has a quote that opens a cell and is never closed; is a quote missing, or the file cut off?"
    return "has text outside of a cell's quotes; a quote inside a quoted cell is written twice"
