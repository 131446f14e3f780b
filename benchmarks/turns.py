"""Two things measured in turns, so that a slow or busy machine strikes both, and the ratio of the two."""

from collections.abc import Sequence
from itertools import groupby
from statistics import median

Measured = tuple[bool, float]
"""Whether it is one of the few, and its value."""


def in_turns(many: int, few: int) -> list[bool]:
    """The `few` (True) spread evenly among the `many` (False): of 4 and 1, F F T F F. With as many of both
    A B A B."""
    turns: list[bool] = []
    for gap in range(few + 1):
        turns += [False] * ((gap + 1) * many // (few + 1) - gap * many // (few + 1))
        turns += [True] * (gap < few)
    return turns


def ratio_of_few(measured: Sequence[Measured]) -> float:
    """Each of the few over the median of its neighbours among the many, and of these ratios the median.

    Raises ValueError if there are not both."""
    groups = [(few, [value for _, value in group]) for few, group in groupby(measured, lambda each: each[0])]
    ratios: list[float] = []
    for place, (few, values) in enumerate(groups):
        if few:
            neighbours = [value for _, group in groups[max(0, place - 1) : place + 2 : 2] for value in group]
            ratios += [value / median(neighbours) for value in values]
    return median(ratios)
