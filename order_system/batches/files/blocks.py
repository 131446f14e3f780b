"""Groups rows into orders: adjacent rows of one order ID are one order.

A row whose order cannot be told may belong to the order beside it, and an order must not be shipped without
one of its lines. So the row is put to its neighbour unless something speaks against that. The neighbour is
then refused, and told why."""

import re
from collections.abc import Iterable, Iterator

from order_system.batches.files.columns import LINE_FIELDS, ORDER_FIELDS, Fields, NumberedRow
from order_system.batches.files.findings import Mistake
from order_system.batches.files.layouts import Layout
from order_system.batches.files.rows import Row
from order_system.domain.ids import is_order_id
from order_system.intake.bill import MAX_LINES


class Block:
    """The rows of one order, or of none."""

    def __init__(self, order_id: str, row: Row) -> None:
        self.order_id = order_id
        """The ID as it stands there; blank if it cannot be told."""
        self.other_id = ""
        """The ID of the newest broken row if a cell too many stands before it: `Mug, blue` without quotes."""
        self.first_line = self.last_line = row.line
        self.offset = row.offset
        """Where the block begins in the file, in bytes."""
        self.count = 0
        """The number of rows."""
        self.rows: list[NumberedRow] = []
        """The proper rows: as many as an order may have, and one more."""
        self.mistakes: list[Mistake] = []
        """The mistakes of broken rows: as many as an order may have rows."""
        self.broken_text = ""
        """The text of the newest broken row."""

    def add(self, row: Row, fields: Fields | None, broken: str) -> None:
        """Add a row's fields or, if it has none, why it is broken."""
        self.count += 1
        self.last_line = row.last_line
        if fields is None:
            self.broken_text = row.text
            if len(self.mistakes) < MAX_LINES:
                self.mistakes.append(Mistake(row.line, None, broken))
        elif len(self.rows) <= MAX_LINES:
            self.rows.append((row.line, fields))


def blocks(rows: Iterable[Row], layout: Layout) -> Iterator[tuple[Block, Block | None]]:
    """Yield each block and the one that follows it, None at the end: a block is whole only when the next has
    begun. Memory does not grow with the rows of one."""
    block, is_again = None, False
    header, width, pick = layout.header, len(layout.header), layout.pick
    for row in rows:
        if row.cells == header:
            is_again = True  # where files were put together, each of which may have the same order
            continue
        other_id = ""
        if row.broken is None and len(row.cells) == width:
            fields, broken = pick(row.cells, row.text), ""
            order_id = fields["order_id"]
        else:
            fields, broken = None, row.broken or _ragged(row, width)
            other_id = layout.pick_order_id(row.cells[-width:])
            is_of_block = block is not None and other_id == block.order_id
            order_id = other_id if is_of_block else layout.pick_order_id(row.cells)
            order_id = order_id if is_order_id(order_id) else ""
        if block is not None and not block.rows and order_id and order_id == block.other_id:
            block.order_id = order_id
        if block is None:
            block = Block(order_id, row)
        elif (is_again or order_id != block.order_id or not order_id) and not _belongs(
            block, order_id, fields, row.text
        ):
            whole, block = block, Block(order_id, row)
            yield whole, block
        block.order_id = block.order_id or order_id
        block.add(row, fields, broken)
        block.other_id, is_again = other_id, False
    if block is not None:
        yield block, None


def _ragged(row: Row, width: int) -> str:
    doubts = ["is this a footer" if sum(map(bool, row.cells)) < 3 else ""]
    doubts += ["is the file cut off here" if not row.text.endswith(("\n", "\r")) else ""]
    question = f"; {', or '.join(filter(None, doubts))}?" if any(doubts) else ""
    return f"has {len(row.cells)} cells, and the header has {width}{question}"


def _belongs(block: Block, order_id: str, fields: Fields | None, text: str) -> bool:
    """Return whether a row belongs to the order of the block before it, if the ID of one is not known."""
    if bool(order_id) == bool(block.order_id):
        return False
    if fields is not None and not any(fields[field] for field in ("order_id", *LINE_FIELDS)):
        return False  # no line of an order: a footer
    if fields is not None and block.rows:
        return _could_be_one(block.rows[0][1], fields, alike=bool(order_id))
    # One of them is broken: is the other's order named in it?
    known, broken_text = (order_id, block.broken_text) if order_id else (block.order_id, text)
    return known in re.findall(r"[A-Za-z0-9._-]+", broken_text)


def _could_be_one(first: Fields, second: Fields, *, alike: bool) -> bool:
    """Return whether no order field contradicts the other row's and, if `alike`, some agree."""
    both = [field for field in ORDER_FIELDS if field != "order_id" and first[field] and second[field]]
    return all(first[field] == second[field] for field in both) and (not alike or bool(both))
