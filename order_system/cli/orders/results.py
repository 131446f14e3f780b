"""The results of orders, in full or in a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.text import Text

from order_system.cli.tables import FittingTable
from order_system.cli.views import STATUS_STYLE, cause
from order_system.domain.durations import in_time
from order_system.domain.messages import OrderOutcome, OrderStatus
from order_system.domain.progress import OrderProgress, UndoState


@dataclass(frozen=True)
class OrderResult:
    order: OrderProgress
    total: str | None = None
    outcome: OrderOutcome | None = None
    link: str | None = None
    """The order's page in Temporal's Web UI; None if only the book remembers the order."""


def results_table(results: Sequence[OrderResult], now: datetime) -> FittingTable:
    table = FittingTable(header_style="bold")
    for column in ("Order", "Status", "Total"):
        table.add_column(column, no_wrap=True)
    table.add_column("Result", overflow="fold")
    table.add_column("Time", justify="right", no_wrap=True)
    for result in results:
        order = result.order
        taken = order.taken(now)
        table.add_row(
            order.order_id,
            Text(order.status_words, style=STATUS_STYLE[order.status]),
            result.total or "",
            Text("\n".join([*result_lines(result), *_hold_and_note(order)])),
            in_time(taken) if taken is not None else "",
        )
    return table


def _hold_and_note(order: OrderProgress) -> Iterator[str]:
    """Yield the hold and the note, for the table; the tree of an order shows them itself."""
    if order.held_until:
        yield f"held until {order.held_until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if order.note:
        yield order.note


def result_lines(result: OrderResult) -> Iterator[str]:
    """Tell the result of an order: its parcel, or why it failed, what was undone and what still is to be."""
    order = result.order
    if result.outcome and (tracking := result.outcome.parcel.tracking_number):
        yield f"tracking {tracking}"
    if order.reason:
        yield cause(order)
    if order.status is not OrderStatus.FULFILLED:
        ended = (UndoState.DONE, UndoState.HANDLED)
        done = [undo for undo in order.undos if undo.status in ended]
        if done:
            yield f"undone: {', '.join(f'{undo.step} ({undo.reason})' for undo in done)}"
        for undo in order.undos:
            if undo.status not in ended:
                yield f"undo of {undo.step} {undo.status}{f': {undo.reason}' if undo.reason else ''}"
