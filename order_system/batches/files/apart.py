"""Orders whose rows stand apart in a CSV file. Such an order is run whole or not at all, and only who has
looked through the file knows of the rows that are still to come.

In nearly every file no order ID comes back after another one. That is told from the ID's column alone, for a
fraction of what reading takes. Only if one does, the file is read as it is for its pages.
"""

from collections.abc import Iterator
from itertools import chain, groupby

from order_system.batches.files.blocks import Block, blocks
from order_system.batches.files.csv_rows import csv_rows
from order_system.batches.files.findings import Mistake, RowProblem
from order_system.batches.files.layouts import Layout
from order_system.batches.files.lines import LongLine, line_batches
from order_system.batches.files.seen import SeenOrders
from order_system.batches.files.sources import Source
from order_system.domain import policy
from order_system.domain.order_file import FileRefused, Position, RowsApart
from order_system.intake.reader import presentable_id

SHOWN = 3
"""Lines told of one order, and orders told of a file with too many."""
CURE = "sort the file by order ID, or put them together"

_Batches = Iterator[list[bytes] | LongLine]


def orders_apart(source: Source, start: Position, encoding: str, layout: Layout) -> tuple[RowsApart, ...]:
    """In the order of their first rows; without IDs that no order may have, which are refused anyway. Memory
    is 12 to 40 bytes an order, twice that if there are some. Raises FileRefused for too many."""
    if not _some_id_comes_back(source, start, encoding, layout):
        return ()
    seen, repeated = SeenOrders(), SeenOrders()
    apart: dict[str, RowsApart] = {}
    batches = line_batches(source.chunks(start.offset))
    rows = csv_rows(batches, start, encoding, layout.width, layout.profile.separator)
    for block, _ in blocks(rows, layout):
        order_id, line = block.order_id, block.first_line
        if not order_id or (first := seen.first_line(order_id, line)) == line:
            continue
        if presentable_id({"order_id": order_id}) is None:
            continue
        is_new = repeated.first_line(order_id, line) == line
        if is_new and len(apart) < policy.BATCH_ORDERS_APART:
            apart[order_id] = RowsApart(order_id=order_id, lines=(first, line), blocks=2)
        elif known := apart.get(order_id):
            lines = (*known.lines, line)[:SHOWN]
            apart[order_id] = RowsApart(order_id=order_id, lines=lines, blocks=known.blocks + 1)
    found = sorted(apart.values(), key=lambda each: each.lines)
    if len(repeated) > len(found):
        examples = "; ".join(f"{each.order_id} on {_lines(each)}" for each in found[:SHOWN])
        raise FileRefused(f"the rows of {len(repeated):,} orders stand apart ({examples}; ...); {CURE}")
    return tuple(found)


def refused_as_apart(block: Block, order: RowsApart, layout: Layout) -> RowProblem:
    column, message = (
        layout.names["order_id"],
        f"the rows of this order stand apart, on {_lines(order)}; {CURE}",
    )
    return RowProblem(
        first_line=block.first_line,
        last_line=block.last_line,
        rows=block.count,
        column=column,
        order_id=order.order_id,
        reason=str(Mistake(block.first_line, column, message)),
    )


def _lines(order: RowsApart) -> str:
    *numbers, last = map(str, order.lines)
    if (more := order.blocks - len(order.lines)) > 0:
        numbers, last = [*numbers, last], f"{more:,} more"
    return f"lines {', '.join(numbers)} and {last}"


def _some_id_comes_back(source: Source, start: Position, encoding: str, layout: Layout) -> bool:
    """False if no order can have two blocks. True is a suspicion: blank and broken rows may make it one."""
    seen, previous = SeenOrders(), ""
    for number, order_id in enumerate(_order_ids(source, start, encoding, layout)):
        if order_id != previous and order_id and seen.first_line(order_id, number) != number:
            return True
        previous = order_id
    return False


def _order_ids(source: Source, start: Position, encoding: str, layout: Layout) -> Iterator[str]:
    """Of each row, or of a few together that follow each other and have the same."""
    row = [""] * (layout.id_place + 1)
    separator = layout.profile.separator.encode(encoding)
    batches = line_batches(source.chunks(start.offset))
    for batch in batches:
        cells = _cells_of_plain(batch, separator, layout.id_place)
        if cells is None:
            yield from _order_ids_by_csv(chain([batch], batches), encoding, layout)
            continue
        for cell, _ in groupby(cells):
            row[-1] = cell.decode(encoding)
            yield layout.pick_order_id(row)


def _cells_of_plain(batch: list[bytes] | LongLine, separator: bytes, place: int) -> list[bytes] | None:
    """One cell of each row; None if it takes more than a look for separators."""
    if isinstance(batch, LongLine) or b'"' in b"".join(batch):
        return None
    try:
        return [line.split(separator, place + 1)[place] for line in batch]
    except IndexError:  # a row with too few cells
        return None


def _order_ids_by_csv(batches: _Batches, encoding: str, layout: Layout) -> Iterator[str]:
    """The same by the csv module: of the first batch, and of as many more as its last row goes on for."""
    given = taken = 0  # bytes

    def until_a_row_ends() -> _Batches:
        nonlocal given
        for batch in batches:
            given += batch.size if isinstance(batch, LongLine) else sum(map(len, batch))
            yield batch
            if taken == given:
                return

    start, separator = Position(offset=0, line=1), layout.profile.separator
    for row in csv_rows(until_a_row_ends(), start, encoding, layout.width, separator):
        yield layout.pick_order_id(row.cells)
        taken = row.end
