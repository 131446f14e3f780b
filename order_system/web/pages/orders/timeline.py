"""An order's timeline as spans to draw: the order itself, its steps and undos, and a hold while it lasts."""

from collections.abc import Iterator
from datetime import datetime

from order_system.domain.progress import UndoState
from order_system.orders.timeline import Bar, BarKind
from order_system.web.documents.orders import OrderDocument
from order_system.web.pages.orders.timeline_drawing import Span


def spans_of(order: OrderDocument) -> Iterator[Span]:
    """Nothing of an order that has not begun. What nobody knows the time of is left out."""
    timeline = order.timeline
    if timeline.began_at is None:
        return
    yield Span("order", "is-order", timeline.began_at, timeline.ended_at, order.status_words)
    begun = [(bar, bar.started_at) for bar in timeline.bars if bar.started_at]
    yield from (_step(bar, began) for bar, began in begun if bar.kind is BarKind.STEP)
    if order.held_until is not None:
        since = max((bar.ended_at for bar, _ in begun if bar.ended_at), default=timeline.began_at)
        yield Span("held", "is-held", since, None, "waits for a person")
    yield from (_undo(bar, began) for bar, began in begun if bar.kind is BarKind.UNDO)


def _step(bar: Bar, began: datetime) -> Span:
    attempts = f"{bar.attempts} attempts" if bar.attempts and bar.attempts > 1 else ""
    return Span(bar.step, f"is-{bar.state}", began, bar.ended_at, attempts, bar.marks)


def _undo(bar: Bar, began: datetime) -> Span:
    """What keeps one that is stuck is told elsewhere, and would not fit here."""
    words = bar.reason if bar.state is UndoState.DONE and bar.reason else str(bar.state)
    return Span(f"undo of {bar.step}", f"is-undo is-{bar.state}", began, bar.ended_at, words)
