"""From the rows of one order to the order, or to what is wrong with it, in the door's own words."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import Any

from order_system.batches.files import shopify
from order_system.batches.files.blocks import Block, Complete
from order_system.batches.files.columns import (
    COLUMNS,
    FIELDS,
    LINE_FIELDS,
    ORDER_FIELDS,
    Fields,
    NumberedRow,
    column_at,
)
from order_system.batches.files.findings import Mistake, ParsedOrder, RowProblem, told
from order_system.batches.files.formulas import undefused
from order_system.batches.files.layouts import Layout
from order_system.batches.files.quick_check import agree, are_plain, canonical_text, canonical_texts
from order_system.intake.bill import MAX_LINES
from order_system.intake.documents import Document, spell
from order_system.intake.fields import MAX_QUANTITY
from order_system.intake.reader import Problem, examine, presentable_id


def checked(complete: Complete, layout: Layout) -> list[ParsedOrder | RowProblem]:
    """Each order that rows make up, or all that is wrong with it; as they follow in the file."""
    plain = are_plain([fields for _, fields in complete.lone_rows])
    found = [
        ParsedOrder(fields[0], line, line, 1, fields)
        if is_plain
        else _thoroughly(Block.of_row(line, fields), layout)
        for (line, fields), is_plain in zip(complete.lone_rows, plain, strict=True)
    ]
    if complete.blocks:
        for block, content in zip(complete.blocks, _quickly(complete.blocks, layout), strict=True):
            found.append(_thoroughly(block, layout) if content is None else _parsed(block, content))
        found.sort(key=attrgetter("first_line"))
    return found


def _quickly(blocks: Sequence[Block], layout: Layout) -> list[str | None]:
    """The canonical texts of those that are plain."""
    orders = [() if block.mistakes or block.count > MAX_LINES else block.rows for block in blocks]
    if not layout.is_shopify:
        return canonical_texts(orders)
    # Merging the rows of one SKU would hide where they contradict each other.
    readings = [
        shopify.readings(rows if agree([fields for _, fields in rows]) else ()) if rows else iter(())
        for rows in orders
    ]
    contents: list[str | None] = [None] * len(orders)
    while any(attempts := [next(more, ()) for more in readings]):
        contents = [known or new for known, new in zip(contents, canonical_texts(attempts), strict=True)]
    return contents


def _thoroughly(block: Block, layout: Layout) -> ParsedOrder | RowProblem:
    rows = [(line, tuple(map(_cleaned, fields))) for line, fields in block.rows[:MAX_LINES]]
    mistakes = [*block.mistakes, *_mistakes_of_block(block, rows, layout)]
    if not rows:
        return _problem(block, mistakes)
    rows, came_from, disagreements = _consolidated(rows, layout)
    if mistakes or disagreements:
        return _problem(block, [*mistakes, *disagreements])
    return _through_the_door(block, rows, came_from, layout)


def _mistakes_of_block(block: Block, rows: Sequence[NumberedRow], layout: Layout) -> Iterator[Mistake]:
    if block.count > MAX_LINES:
        message = f"begins an order of {block.count:,} rows; an order may have at most {MAX_LINES}"
        yield Mistake(block.first_line, None, message)
    if layout.is_shopify and (line := shopify.cancelled_line(rows)) is not None:
        message = "the order was cancelled in the shop; take it out of the file"
        yield Mistake(line, layout.names["cancelled_at"], message)
    if len(rows) > 1:  # the door speaks of a single one
        missing = (line for line, fields in rows if not fields[0])
        yield from (Mistake(line, layout.names["order_id"], "is missing") for line in missing)


def _consolidated(
    rows: Sequence[NumberedRow], layout: Layout
) -> tuple[list[NumberedRow], dict[str, int], list[Mistake]]:
    """The rows with all that is the order's on the first one, the lines that it came from, and where rows
    disagree."""
    first = list(rows[0][1])
    came_from = dict.fromkeys(FIELDS, rows[0][0])
    mistakes: list[Mistake] = []
    for line, fields in rows[1:]:
        for place, field in enumerate(FIELDS):
            if field in LINE_FIELDS or not fields[place] or fields[place] == first[place]:
                continue
            if first[place]:
                message = f"differs from line {came_from[field]}; repeat it, or leave it blank"
                mistakes.append(Mistake(line, layout.names[field], message))
            else:
                first[place], came_from[field] = fields[place], line
    return [(rows[0][0], tuple(first)), *rows[1:]], came_from, mistakes


def _through_the_door(
    block: Block, rows: Sequence[NumberedRow], came_from: dict[str, int], layout: Layout
) -> ParsedOrder | RowProblem:
    mistakes: list[Mistake] = []
    for reading in shopify.readings(rows) if layout.is_shopify else [rows]:
        order, problems = examine(Document(_document(reading)))
        if order is not None:
            return _parsed(block, canonical_text(order), order.hold_on_failure)
        mistakes = mistakes or [_in_the_file(problem, reading, came_from, layout) for problem in problems]
    return _problem(block, mistakes)


def _document(rows: Sequence[NumberedRow]) -> dict[str, Any]:
    """What is blank is left out, but for what may be blank."""
    document: dict[str, Any] = {
        "customer": {},
        "shipping_address": {"region": "", "postal_code": ""},
        "lines": [_given(LINE_FIELDS, fields) for _, fields in rows],
    }
    for field, value in _given(ORDER_FIELDS, rows[0][1]).items():
        *outer, name = map(str, COLUMNS[field][0])
        target = document[outer[0]] if outer else document
        target[name] = value
    return document


def _given(names: Sequence[str], fields: Fields) -> dict[str, object]:
    values: dict[str, object] = {}
    for name in names:
        text = fields[_PLACES[name]]
        if text:
            values[name] = int(text) if name == "quantity" and _WHOLE_NUMBER.fullmatch(text) else text
    return values


_PLACES = {field: place for place, field in enumerate(FIELDS)}
_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def _in_the_file(
    problem: Problem, rows: Sequence[NumberedRow], came_from: dict[str, int], layout: Layout
) -> Mistake:
    """A mistake in the document as one in the file."""
    field = column_at(problem.place)
    if field is None:
        return Mistake(rows[0][0], None, f"{spell(problem.place)}: {problem.message}")
    line = rows[int(problem.place[1])][0] if field in LINE_FIELDS else came_from[field]
    message = problem.message
    if field == "quantity" and message.startswith("must be a whole number"):
        message = f"must be a whole number between 1 and {MAX_QUANTITY:,}"
    message = re.sub(r"lines\[(\d+)\]", lambda place: f"line {rows[int(place[1])][0]}", message)
    return Mistake(line, layout.names[field], message)


def _cleaned(cell: str) -> str:
    return undefused(cell.strip()).strip()


def _parsed(block: Block, content: str, hold_on_failure: timedelta | None = None) -> ParsedOrder:
    return ParsedOrder(
        block.order_id, block.first_line, block.last_line, block.count, content, hold_on_failure
    )


def _problem(block: Block, mistakes: Sequence[Mistake]) -> RowProblem:
    mistakes = sorted(mistakes, key=lambda mistake: mistake.line)
    return RowProblem(
        first_line=block.first_line,
        last_line=block.last_line,
        rows=block.count,
        column=mistakes[0].column,
        order_id=presentable_id({"order_id": block.order_id}),
        reason=told(mistakes),
    )
