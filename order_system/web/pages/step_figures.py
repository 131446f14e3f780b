"""How long steps took, as histograms. All of them are on one scale, so that one sees which step is the slow
one. Places are percent of the width. The template draws."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from order_system.orders.step_statistics import BOUNDS_MS
from order_system.web.pages.words import round_time

LEAST_CLASSES = 18
"""Of a scale: with fewer, a histogram would be a few broad blocks."""
LABELLED = ("1", "33")
"""The ticks that have words begin with these digits: on a logarithmic scale they stand at even distances."""


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

    @property
    def width(self) -> float:
        """Of one class."""
        return 100 / (self.last - self.first + 1)

    def columns(self, classes: Sequence[int]) -> Iterator[tuple[float, int, str]]:
        """Of each class that is not empty: where it begins, its runs, and which durations it is of."""
        for place in range(self.first, self.last + 1):
            if classes[place]:
                yield (place - self.first) * self.width, classes[place], _class_words(place)

    def x(self, milliseconds: int) -> float:
        """Where a duration stands: within its class by its logarithm."""
        place = bisect_left(BOUNDS_MS, milliseconds)
        begins = BOUNDS_MS[place - 1] if place else 1
        ends = BOUNDS_MS[place] if place < len(BOUNDS_MS) else begins * 2
        within = math.log(max(1, milliseconds) / begins) / math.log(ends / begins)
        return (place - self.first + min(1.0, within)) * self.width

    def ticks(self) -> Iterator[tuple[float, str]]:
        """At the upper bounds of some classes."""
        for place in range(self.first, self.last):
            if str(BOUNDS_MS[place]).rstrip("0") in LABELLED:
                yield (place - self.first + 1) * self.width, round_time(BOUNDS_MS[place])


def _class_words(place: int) -> str:
    if place == len(BOUNDS_MS):
        return f"more than {round_time(BOUNDS_MS[-1])}"
    upper = round_time(BOUNDS_MS[place])
    return f"{round_time(BOUNDS_MS[place - 1])} to {upper}" if place else f"up to {upper}"
