"""The timeline of an order as a drawing: where each bar, word and tick goes. The template writes it down.

Across, places are percent of the width, so that a drawing fills whatever screen it is on; downwards they are
pixels, so that its words stay legible.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from order_system.domain.durations import in_time, milliseconds_between
from order_system.orders.timeline import Mark
from order_system.web.pages.words import round_time

AXIS_HEIGHT = 22
LANE_HEIGHT = 34
MOST_TICKS = 6
MARKED_FROM = 2.5
"""Percent. A bar that is narrower has no room for marks."""
LABELS_TURN_AT = 55.0
"""Percent. A bar that begins further to the right has its label end where the bar ends."""


@dataclass(frozen=True)
class Span:
    """Something that took time, or still does."""

    name: str
    look: str
    """Classes of the style sheet: what it is, and how it stands."""
    began: datetime
    ended: datetime | None
    """None: it goes on."""
    words: str = ""
    """What is said of it besides its name and how long it took."""
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Lane:
    span: Span
    words: str
    title: str
    """For a look at it in detail: from when to when."""
    top: int
    x: float
    width: float
    label_x: float
    anchor: str
    """Of SVG's text-anchor."""
    marks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Tick:
    x: float
    words: str
    anchor: str


@dataclass(frozen=True)
class Drawing:
    height: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    summary: str
    """For those who cannot see it."""


def drawn(spans: Sequence[Span], now: datetime) -> Drawing | None:
    """In the order in which the spans are given, from the first beginning to the last end, or to `now` while
    anything goes on. None if there is nothing to draw."""
    if not spans:
        return None
    first = min(span.began for span in spans)
    goes_on = any(span.ended is None for span in spans)
    ends = [span.ended or now for span in spans]
    last = max([*ends, now]) if goes_on else max(ends)
    # What began and ended in the same millisecond is drawn as well.
    whole = max(1, milliseconds_between(first, last))
    scale = _Scale(first, whole)
    return Drawing(
        height=AXIS_HEIGHT + LANE_HEIGHT * len(spans),
        lanes=tuple(scale.lane(span, place, max(last, now)) for place, span in enumerate(spans)),
        ticks=tuple(scale.ticks()),
        summary="; ".join(f"{span.name}: {_told(span, now)}" for span in spans),
    )


@dataclass(frozen=True)
class _Scale:
    first: datetime
    whole: int
    """Milliseconds that the width stands for."""

    def x(self, moment: datetime) -> float:
        share = milliseconds_between(self.first, moment) / self.whole
        return round(100 * min(1.0, share), 3)

    def lane(self, span: Span, place: int, now: datetime) -> Lane:
        began, ended = self.x(span.began), self.x(span.ended or now)
        turned = began > LABELS_TURN_AT
        return Lane(
            span=span,
            words=_told(span, now),
            title=f"{span.name}: {_clock(span.began)} to {_clock(span.ended) if span.ended else 'now'} UTC",
            top=AXIS_HEIGHT + LANE_HEIGHT * place,
            x=began,
            width=round(max(0.0, ended - began), 3),
            label_x=max(began, ended) if turned else began,
            anchor="end" if turned else "start",
            marks=tuple(
                (self.x(mark.at), f"{mark.effect}: {_clock(mark.at)} UTC")
                for mark in span.marks
                if ended - began >= MARKED_FROM
            ),
        )

    def ticks(self) -> Iterator[Tick]:
        step = tick_step(self.whole)
        for at in range(0, self.whole + 1, step):
            x = round(100 * at / self.whole, 3)
            anchor = "start" if at == 0 else "end" if x > 95 else "middle"
            yield Tick(x, round_time(at), anchor)


_STEPS = (
    *(digit * 10**power for power in range(4) for digit in (1, 2, 5)),
    *(1_000 * seconds for seconds in (10, 15, 30)),
    *(60_000 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3_600_000 * hours for hours in (1, 2, 3, 6, 12)),
)
_DAY = 86_400_000


def tick_step(whole: int) -> int:
    """Milliseconds between two ticks: a round time, and at most MOST_TICKS of them after the first."""
    for step in _STEPS:
        if whole / step <= MOST_TICKS:
            return step
    return _DAY * math.ceil(whole / _DAY / MOST_TICKS)


def _told(span: Span, now: datetime) -> str:
    taken = in_time(milliseconds_between(span.began, span.ended or now))
    return " · ".join(part for part in (taken, span.words) if part)


def _clock(moment: datetime) -> str:
    return moment.astimezone(UTC).time().isoformat(timespec="milliseconds")
