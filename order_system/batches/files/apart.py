"""Finds orders whose rows stand apart in a CSV file. Such an order is run whole or not at all, so the whole
file is searched before any order is run.

In nearly every file, no order ID comes back after another one. The column of the IDs alone tells this, in a
fraction of the time that reading takes. Only if an ID comes back, the file is read as it is for its pages."""

from array import array
from collections.abc import Iterator
from itertools import chain, groupby, islice

from order_system.batches.files.blocks import blocks
from order_system.batches.files.layouts import Layout
from order_system.batches.files.rows import LongLine, Row, line_batches
from order_system.batches.files.sources import Source
from order_system.domain import policy
from order_system.domain.order_file import FileRefused, Position
from order_system.intake.reader import presentable_id


class SeenOrders:
    """The IDs of one pass over one file, in one process. A million take 36 MB, and twice that for a moment
    when they outgrow their place; a Python set would take 100. They are told apart by 64 bits of Python's
    keyed hash. Among a million, the chance that two are confused is one in thirty million. The second one
    would then be reported, never run in silence."""

    def __init__(self) -> None:
        self._count = 0
        self._allocate(1 << 12)

    def __len__(self) -> int:
        return self._count

    def first_line(self, order_id: str, line: int) -> int:
        """Return the line on which the ID was seen first: `line` itself, if that is now."""
        marks, mask = self._marks, self._mask
        mark = hash(order_id) or 1  # 0 marks a free place
        place = mark & mask
        # Open addressing: a mark is at its place or, if that is taken, at the next free one.
        while there := marks[place]:
            if there == mark:
                return self._lines[place]
            place = (place + 1) & mask
        marks[place], self._lines[place] = mark, line
        self._count += 1
        if 3 * self._count > 2 * mask:
            self._grow()
        return line

    def _grow(self) -> None:
        marks, lines = self._marks, self._lines
        self._allocate(2 * len(marks))
        mask = self._mask
        for mark, line in zip(marks, lines, strict=True):
            if mark:
                place = mark & mask
                while self._marks[place]:
                    place = (place + 1) & mask
                self._marks[place], self._lines[place] = mark, line

    def _allocate(self, places: int) -> None:
        self._mask = places - 1
        self._marks = array("q", bytes(8 * places))
        self._lines = array("q", bytes(8 * places))


FEWEST_COLUMNS = 4
"""An order has an ID, and its lines a SKU, a quantity and a price."""
SHOWN = 3
"""The most lines told of one order, and the most orders told of a file with too many."""
CURE = "sort the file by order ID, or put them together; if the order is there twice, take one of them out"


def orders_apart(
    source: Source, start: Position, encoding: str, layout: Layout
) -> tuple[dict[str, str], int]:
    """Return the ID of each such order and where its rows are, without IDs that are refused anyway; and how
    many orders there are, by their IDs alone. Memory is that of `SeenOrders`, twice that if most of them
    stand apart. Raises FileRefused if too many do."""
    if (orders := _orders_if_none_comes_back(source, start, encoding, layout)) is not None:
        return {}, orders
    seen, repeated = SeenOrders(), SeenOrders()
    lines: dict[str, list[int]] = {}
    rows = _one_table(layout.rows(line_batches(source.chunks(start.offset)), start, encoding), layout)
    for block, _ in blocks(rows, layout):
        order_id, line = presentable_id({"order_id": block.order_id}), block.first_line
        if order_id is None or (first := seen.first_line(order_id, line)) == line:
            continue
        repeated.first_line(order_id, line)
        if order_id in lines or len(lines) < policy.BATCH_ORDERS_APART:
            lines.setdefault(order_id, [first]).append(line)
    apart = {order_id: _in_words(numbers) for order_id, numbers in lines.items()}
    if len(repeated) > len(apart):
        examples = "; ".join(f"{order_id} on {words}" for order_id, words in islice(apart.items(), SHOWN))
        raise FileRefused(f"the rows of {len(repeated):,} orders stand apart ({examples}; ...); {CURE}")
    return apart, len(seen)


def _in_words(lines: list[int]) -> str:
    shown, more = lines[:SHOWN], len(lines) - SHOWN
    *first, last = [*map(str, shown), *([f"{more:,} more"] if more > 0 else [])]
    return f"lines {', '.join(first)} and {last}"


def _orders_if_none_comes_back(source: Source, start: Position, encoding: str, layout: Layout) -> int | None:
    """Return how many orders there are; None if one seems to have two blocks, as blank rows may make it, or
    if there seems to be another header."""
    seen, names = SeenOrders(), _ids_in_headers(layout)
    for number, (each, _) in enumerate(groupby(_order_ids(source, start, encoding, layout))):
        if each in names or (each and seen.first_line(each, number) != number):
            return None
    return len(seen)


def _one_table(rows: Iterator[Row], layout: Layout) -> Iterator[Row]:
    """Yield the rows. Raises FileRefused at the header of another table: below it, other columns stand."""
    header, names = layout.header, _ids_in_headers(layout)
    for row in rows:
        if layout.pick_order_id(row.cells) in names:
            first, *others = row.cells
            cells = [first.removeprefix("\ufeff").strip('"'), *others]
            if cells != header and len({*cells} & {*header} - {""}) >= FEWEST_COLUMNS:
                told = "is another header than the first; what is below it must be a file of its own"
                raise FileRefused(f"line {row.line} {told}")
        yield row


def _ids_in_headers(layout: Layout) -> set[str]:
    """Return what would be the order's ID in a header, which may have the mark of a file's beginning."""
    marked = ("{}", "\ufeff{}", '\ufeff"{}"')
    return {layout.id_of(each.format(name)) for name in layout.header for each in marked} - {""}


def _order_ids(source: Source, start: Position, encoding: str, layout: Layout) -> Iterator[str]:
    """Yield the ID of each row, or once that of adjacent rows that have the same."""
    place, at = layout.id_place, layout.profile.separator.encode(encoding)
    batches = line_batches(source.chunks(start.offset))
    for batch in batches:
        # From here on the csv module is needed. A bar may be half of a letter in Shift-JIS.
        if isinstance(batch, LongLine) or at >= b"@" or b'"' in b"".join(batch):
            rest = layout.rows(chain([batch], batches), start, encoding)
            yield from (layout.pick_order_id(row.cells) for row in rest)
            return
        for cell, _ in groupby((line.split(at, place + 1)[place:] or [b""])[0] for line in batch):
            yield layout.id_of(cell.decode(encoding))
