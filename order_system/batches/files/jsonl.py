"""JSON Lines: one order document on each line, checked by the strict reader as it is."""

from collections.abc import Iterable, Iterator
from typing import cast

from order_system.batches.files.columns import REJECT_REASON
from order_system.batches.files.findings import Mistake, told
from order_system.batches.files.rows import TOO_LONG, LongLine, Row
from order_system.domain.order_file import ParsedOrder, Position, RowProblem
from order_system.intake.documents import document_on_line, spell
from order_system.intake.reader import examine, presentable_id


def rows_of_lines(batches: Iterable[list[bytes] | LongLine], start: Position, encoding: str) -> Iterator[Row]:
    """Yield each line that is not blank as a row of one cell. Raises UnicodeDecodeError."""
    line, offset = start.line, start.offset
    for batch in batches:
        broken = TOO_LONG if isinstance(batch, LongLine) else None
        for raw in [batch.head] if isinstance(batch, LongLine) else batch:
            text = raw.decode(encoding, "ignore" if broken else "strict")
            end = offset + (batch.size if isinstance(batch, LongLine) else len(raw))
            if not text.isspace():
                yield Row(line, line, offset, end, text, [text.strip()], broken)
            line, offset = line + 1, end


def checked_line(row: Row) -> ParsedOrder | RowProblem:
    if row.broken:
        return _problem(row, None, [Mistake(row.line, None, row.broken)])
    document = document_on_line(row.line, row.cells[0])
    value: object = document.value
    if isinstance(value, dict):
        cast("dict[str, object]", value).pop(REJECT_REASON, None)
    order, problems = examine(document)
    if order is not None:
        lines = row.line, row.line, 1
        return ParsedOrder(order.order_id, *lines, order, order.total, order.currency, order.payment_method)
    mistakes = [Mistake(row.line, spell(problem.place) or None, problem.message) for problem in problems]
    return _problem(row, presentable_id(cast("object", value)), mistakes)


def _problem(row: Row, order_id: str | None, mistakes: list[Mistake]) -> RowProblem:
    return RowProblem(row.line, row.line, 1, mistakes[0].column, order_id, told(mistakes))
