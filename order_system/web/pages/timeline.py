"""The timeline of an order as a drawing: the order, its steps, undos and holds, and the place of each moment.
The template draws it.

Horizontal places are percent of the width, so that a drawing fills any screen. Vertical places are pixels, so
that its words stay legible."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from order_system.domain.progress import UndoState
from order_system.domain.wording import in_time, milliseconds_between
from order_system.orders.timeline import BarKind, Mark
from order_system.web.documents.orders import OrderDocument
from order_system.web.pages.words import round_time

MOST_TICKS = 6


@dataclass(frozen=True)
class Span:
    """Something that took time, or still does."""

    name: str
    look: str
    """The style sheet's classes for its kind and its state."""
    began: datetime
    ended: datetime | None
    """None while it goes on."""
    words: str = ""
    """What is shown besides its name and how long it took."""
    marks: tuple[Mark, ...] = ()


def spans_of(order: OrderDocument) -> Iterator[Span]:
    """Yield the spans of an order; none if it has not begun. A bar without a known start is left out."""
    timeline = order.timeline
    if timeline.began_at is None:
        return
    yield Span("order", "is-order", timeline.began_at, timeline.ended_at, order.status_words)
    undos: list[Span] = []
    for bar in timeline.bars:
        if bar.started_at is None:
            continue
        if bar.kind is BarKind.UNDO:  # without the reason of a stuck one: that stands elsewhere
            words = bar.reason if bar.state is UndoState.DONE and bar.reason else str(bar.state)
            look = f"is-undo is-{bar.state}"
            undos.append(Span(f"undo of {bar.step}", look, bar.started_at, bar.ended_at, words))
        else:
            attempts = f"{bar.attempts} attempts" if bar.attempts and bar.attempts > 1 else ""
            yield Span(bar.step, f"is-{bar.state}", bar.started_at, bar.ended_at, attempts, bar.marks)
    for hold in order.holds:
        words = (
            f"ended by {hold.answer.who}" if hold.answer else "" if hold.ended_at else "waits for a person"
        )
        yield Span("held", "is-held", hold.since, hold.ended_at, words)
    yield from undos


@dataclass(frozen=True)
class Drawing:
    spans: Sequence[Span]
    first: datetime
    last: datetime
    """The end of the drawing, and of every span that goes on."""

    @property
    def whole(self) -> int:
        """The milliseconds that the width stands for; at least 1, so that very short orders can be drawn."""
        return max(1, milliseconds_between(self.first, self.last))

    def x(self, moment: datetime) -> float:
        share = milliseconds_between(self.first, moment) / self.whole
        return round(100 * min(1.0, share), 3)

    def taken(self, span: Span) -> str:
        return in_time(milliseconds_between(span.began, span.ended or self.last))

    def ticks(self) -> Iterator[tuple[float, str]]:
        for at in range(0, self.whole + 1, tick_step(self.whole)):
            yield round(100 * at / self.whole, 3), round_time(at)


def drawn(spans: Sequence[Span], now: datetime) -> Drawing | None:
    """Draw the spans in the given order, from the first beginning to the last end, or to `now` while a span
    goes on. None if there is nothing to draw."""
    if not spans:
        return None
    last = max(span.ended or now for span in spans)
    return Drawing(spans, min(span.began for span in spans), last)


_STEPS = (
    *(digit * 10**power for power in range(4) for digit in (1, 2, 5)),
    *(1_000 * seconds for seconds in (10, 15, 30)),
    *(60_000 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3_600_000 * hours for hours in (1, 2, 3, 6, 12)),
)
_DAY = 86_400_000


def tick_step(whole: int) -> int:
    """Return the milliseconds between two ticks: a round time, with at most MOST_TICKS after the first."""
    for step in _STEPS:
        if whole / step <= MOST_TICKS:
            return step
    return _DAY * math.ceil(whole / _DAY / MOST_TICKS)
