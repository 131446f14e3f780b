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


def ratios_of_few(measured: Sequence[Measured]) -> list[float]:
    """Each of the few over the median of its neighbours among the many.

    Raises ValueError if there are not both."""
    groups = [(few, [value for _, value in group]) for few, group in groupby(measured, lambda each: each[0])]
    ratios: list[float] = []
    for place, (few, values) in enumerate(groups):
        if few:
            neighbours = [value for _, group in groups[max(0, place - 1) : place + 2 : 2] for value in group]
            ratios += [value / median(neighbours) for value in values]
    return ratios


def back_and_forth(names: Sequence[str], turns: int) -> list[tuple[int, str]]:
    """A B C C B A A B C ...: each name once a turn, its number before it. Neighbours are always the same, and
    what drifts steadily strikes all alike."""
    return [(turn, name) for turn in range(turns) for name in (names if turn % 2 == 0 else names[::-1])]


def ratios_in_turns(measured: Sequence[tuple[int, str, float]], above: str, below: str) -> list[float]:
    """Of turn, name and value: the ratio of the two names' values in each turn.

    Raises KeyError if one of them is missing in a turn."""
    turns: dict[int, dict[str, float]] = {}
    for turn, name, value in measured:
        turns.setdefault(turn, {})[name] = value
    return [values[above] / values[below] for values in turns.values()]
