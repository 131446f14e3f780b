"""Adjacent rows of one order ID are one order.

A row whose order cannot be told may well belong to the order beside it, and an order must not be shipped
without one of its lines. So it is put to its neighbour unless something speaks against that, and the
neighbour is refused, telling why.

Most rows of most files are an order each; they are told from the others first, and many at a time.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from order_system.batches.files.columns import FIELDS, LINE_FIELDS, Fields, NumberedRow
from order_system.batches.files.csv_rows import PlainRows, Row, RowBatch
from order_system.batches.files.findings import Mistake
from order_system.batches.files.layouts import Layout
from order_system.domain.ids import is_order_id
from order_system.intake.bill import MAX_LINES

_ORDER_PLACES = [place for place, name in enumerate(FIELDS) if name not in ("order_id", *LINE_FIELDS)]


class Block:
    """The rows of one order, or of none."""

    mistakes: Sequence[Mistake] = ()
    """Of rows that are broken; no more than an order may have rows."""
    broken_text = ""
    """The newest broken row."""

    def __init__(self, order_id: str, line: int, offset: int) -> None:
        self.order_id = order_id
        """As it stands there; blank if it cannot be told."""
        self.first_line = self.last_line = line
        self.offset = offset
        """Where it begins in the file, in bytes."""
        self.count = 0
        """Rows."""
        self.rows: list[NumberedRow] = []
        """Proper ones; no more than an order may have, and one."""

    @classmethod
    def of_row(cls, line: int, fields: Fields) -> "Block":
        block = cls(fields[0], line, 0)
        block.count, block.rows = 1, [(line, fields)]
        return block

    def add(self, row: Row, fields: Fields | None, broken: str | None) -> None:
        self.count += 1
        self.last_line = row.last_line
        if fields is not None:
            if len(self.rows) <= MAX_LINES:
                self.rows.append((row.line, fields))
            return
        self.broken_text = row.text
        if len(self.mistakes) < MAX_LINES:
            self.mistakes = (*self.mistakes, Mistake(row.line, None, broken or ""))


@dataclass
class Complete:
    """The orders that are known to be whole after some rows."""

    lone_rows: list[NumberedRow] = field(default_factory=list[NumberedRow])
    """Proper rows, each an order of its own."""
    blocks: list[Block] = field(default_factory=list[Block])
    rest: Block | None = None
    """Begun, and perhaps not whole; None at the end."""


def blocks(batches: Iterable[RowBatch], layout: Layout) -> Iterator[Complete]:
    """Orders as soon as the row that follows them is known. Memory does not grow with the rows of one."""
    block: Block | None = None
    for batch in batches:
        complete = Complete()
        lone, first_line = _lone_rows(batch, layout, block), batch[0].line if batch else 0
        for index, fields in enumerate(lone):
            if fields is None:
                block = _continued(block, batch[index], layout, complete)
                continue
            if block is not None:
                complete.blocks.append(block)
                block = None
            complete.lone_rows.append((first_line + index, fields))
        complete.rest = block
        yield complete
    if block is not None:
        yield Complete(blocks=[block])


def _lone_rows(batch: RowBatch, layout: Layout, before: Block | None) -> Sequence[Fields | None]:
    """The fields of each row that certainly is an order of its own: the rows around it are proper and have
    other IDs."""
    if not isinstance(batch, PlainRows) or layout.is_shopify or set(map(len, batch.cells)) != {layout.width}:
        return [None] * len(batch)
    fields = list(map(layout.pick, batch.cells))
    ids = [each[0] for each in fields]
    if "" in ids or ids != list(map(str.strip, ids)):
        return [None] * len(batch)
    differs = [one != other for one, other in pairwise(ids)]
    first_differs = before is None or before.order_id not in ("", ids[0])
    # Of the last one the row that follows is not known.
    return [
        *(
            each if from_above and from_below else None
            for each, from_above, from_below in zip(fields, [first_differs, *differs], differs, strict=False)
        ),
        None,
    ]


def _continued(block: Block | None, row: Row, layout: Layout, complete: Complete) -> Block:
    """The block with the row, or if the row is not of it, the row's own."""
    fields = broken = None
    if row.broken is None and len(row.cells) == layout.width:
        fields = layout.pick(row.cells)
        order_id = fields[0].strip()
    else:
        broken = row.broken or _ragged(row, layout.width)
        order_id = _salvaged_id(layout.pick_order_id(row.cells))
    if block is not None and not _belongs(block, order_id, fields, row.text):
        complete.blocks.append(block)
        block = None
    if block is None:
        block = Block(order_id, row.line, row.offset)
    block.order_id = block.order_id or order_id
    block.add(row, fields, broken)
    return block


def _ragged(row: Row, width: int) -> str:
    cut_off = "" if row.text.endswith(("\n", "\r")) else "; is the file cut off here?"
    return f"has {len(row.cells)} cells, and the header has {width}{cut_off}"


def _salvaged_id(text: str) -> str:
    return text if is_order_id(text) else ""


def _belongs(block: Block, order_id: str, fields: Fields | None, text: str) -> bool:
    """Whether a row is of the same order as the block that it follows."""
    if order_id and block.order_id:
        return order_id == block.order_id
    if not order_id and not block.order_id:
        return False
    if fields is not None and block.rows:
        return _could_be_one(block.rows[0][1], fields, alike=bool(order_id))
    # One of them is broken: is the other's order named in it?
    known, broken_text = (order_id, block.broken_text) if order_id else (block.order_id, text)
    return known in re.findall(r"[A-Za-z0-9._-]+", broken_text)


def _could_be_one(first: Fields, second: Fields, *, alike: bool) -> bool:
    """Whether no order field of one row contradicts the other row's; `alike`: and some agree."""
    pairs = [(first[place].strip(), second[place].strip()) for place in _ORDER_PLACES]
    filled = [(one, other) for one, other in pairs if one and other]
    return all(one == other for one, other in filled) and (not alike or bool(filled))
