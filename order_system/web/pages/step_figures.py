"""How long steps take and how they end: as figures, and as histograms to draw. All of them are on one scale,
so that one sees which step is the slow one."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from order_system.domain.durations import in_time
from order_system.domain.steps import Step
from order_system.orders.step_statistics import BOUNDS_MS, StepStatistics
from order_system.web.pages.words import counted, round_time, share

LEAST_CLASSES = 18
"""Of a scale: with fewer, a histogram would be a few broad blocks."""
LABELLED = ("1", "33")
"""The ticks that have words begin with these digits: on a logarithmic scale they stand at even distances."""


@dataclass(frozen=True)
class Column:
    """In percent: of the width, or of the height from the top."""

    x: float
    width: float
    y: float
    height: float
    title: str


@dataclass(frozen=True)
class Tick:
    x: float
    words: str


@dataclass(frozen=True)
class Histogram:
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    median: float
    """Where it stands."""


@dataclass(frozen=True)
class StepFigures:
    step: Step
    runs: int
    times: tuple[tuple[str, str], ...]
    ends: tuple[tuple[str, str], ...]
    """How often it is retried, fails and is undone."""
    histogram: Histogram | None
    """None if nothing has been completed."""


def figures_of(steps: Sequence[StepStatistics]) -> list[StepFigures]:
    """Nothing if none of them ran."""
    if not any(step.runs for step in steps):
        return []
    scale = Scale.over([step.classes for step in steps])
    return [
        StepFigures(
            step=step.step,
            runs=step.runs,
            times=(
                ("Median", _time(step.median_ms)),
                ("9 of 10 within", _time(step.p90_ms)),
                ("99 of 100 within", _time(step.p99_ms)),
                ("Longest", _time(step.longest_ms)),
            ),
            ends=(
                ("Retried", share(step.retried, step.runs)),
                ("Failed", share(step.failed, step.runs)),
                ("Undone", share(step.undone, step.runs)),
            ),
            histogram=scale.histogram(step) if step.completed else None,
        )
        for step in steps
    ]


@dataclass(frozen=True)
class Scale:
    """Some of the classes that durations are counted in, side by side and equally wide."""

    first: int
    last: int

    @classmethod
    def over(cls, counts: Sequence[Sequence[int]]) -> "Scale":
        """All that are not empty, with one on either side."""
        used = [place for of_step in counts for place, number in enumerate(of_step) if number]
        first, last = max(0, min(used, default=0) - 1), min(len(BOUNDS_MS), max(used, default=0) + 1)
        last = min(len(BOUNDS_MS), max(last, first + LEAST_CLASSES - 1))
        return cls(min(first, max(0, last - LEAST_CLASSES + 1)), last)

    def histogram(self, step: StepStatistics) -> Histogram:
        shown = list(enumerate(step.classes))[self.first : self.last + 1]
        most = max(number for _, number in shown)
        return Histogram(
            columns=tuple(self._column(place, number, most) for place, number in shown if number),
            ticks=tuple(self._tick(place) for place in range(self.first, self.last) if _labelled(place)),
            median=self.x(step.median_ms or 0),
        )

    def x(self, milliseconds: int) -> float:
        """Where a duration stands: within its class by its logarithm."""
        place = bisect_left(BOUNDS_MS, milliseconds)
        begins = BOUNDS_MS[place - 1] if place else 1
        ends = BOUNDS_MS[place] if place < len(BOUNDS_MS) else begins * 2
        within = math.log(max(1, milliseconds) / begins) / math.log(ends / begins)
        return round((place - self.first + min(1.0, within)) * self._width, 3)

    @property
    def _width(self) -> float:
        return 100 / (self.last - self.first + 1)

    def _column(self, place: int, number: int, most: int) -> Column:
        height = round(100 * number / most, 3)
        return Column(
            x=round((place - self.first) * self._width, 3),
            width=round(self._width, 3),
            y=round(100 - height, 3),
            height=height,
            title=f"{counted(number, 'run')}: {_class_words(place)}",
        )

    def _tick(self, place: int) -> Tick:
        """At the upper bound of a class."""
        return Tick(round((place - self.first + 1) * self._width, 3), round_time(BOUNDS_MS[place]))


def _labelled(place: int) -> bool:
    return str(BOUNDS_MS[place]).rstrip("0") in LABELLED


def _class_words(place: int) -> str:
    if place == len(BOUNDS_MS):
        return f"more than {round_time(BOUNDS_MS[-1])}"
    upper = round_time(BOUNDS_MS[place])
    return f"{round_time(BOUNDS_MS[place - 1])} to {upper}" if place else f"up to {upper}"


def _time(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else in_time(milliseconds)
