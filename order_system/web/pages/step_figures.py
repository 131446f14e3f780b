"""How long steps take and how they end, as figures and as a histogram to draw. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from order_system.durations import in_time
from order_system.ids import Step
from order_system.listing import StepRun
from order_system.web.pages.words import counted, share

BINS_PER_DECADE = 8
"""Bars between 100 ms and a second, and as many between one second and ten: steps take anything from a blink
to minutes, and on an even scale all but the slow ones would be one bar."""


@dataclass(frozen=True)
class Column:
    x: float
    """Percent, as everything else: of the width, or of the height from the top."""
    width: float
    y: float
    height: float
    title: str


@dataclass(frozen=True)
class Mark:
    x: float
    words: str
    anchor: str


@dataclass(frozen=True)
class Histogram:
    columns: tuple[Column, ...]
    ticks: tuple[Mark, ...]
    median: float
    late: float
    """Where the median and the 95th percentile are."""


@dataclass(frozen=True)
class StepFigures:
    step: Step
    runs: int
    median: str
    late: str
    """The 95th percentile: one in twenty takes longer."""
    longest: str
    retried: str
    failed: str
    undone: str
    histogram: Histogram | None
    """None if nothing has been completed."""


def figures_of(step: Step, runs: Sequence[StepRun]) -> StepFigures:
    """`runs` are all of this step."""
    took = sorted(run.duration_ms for run in runs if run.duration_ms is not None)
    return StepFigures(
        step=step,
        runs=len(runs),
        median=in_time(percentile(took, 50)) if took else "",
        late=in_time(percentile(took, 95)) if took else "",
        longest=in_time(took[-1]) if took else "",
        retried=share(sum(run.attempts > 1 for run in runs), len(runs)),
        failed=share(sum(run.failed for run in runs), len(runs)),
        undone=share(sum(run.undone for run in runs), len(runs)),
        histogram=histogram(took) if took else None,
    )


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The smallest value that is not exceeded by this part of them: one that has really been measured."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def histogram(ordered: Sequence[int]) -> Histogram:
    """On a logarithmic scale, from the decade of the shortest to that of the longest."""
    lowest = math.floor(_log(ordered[0]))
    highest = max(lowest + 1, math.ceil(_log(ordered[-1])))
    bins = [0] * ((highest - lowest) * BINS_PER_DECADE)
    for took in ordered:
        bins[min(len(bins) - 1, int((_log(took) - lowest) * BINS_PER_DECADE))] += 1

    def x(took: int) -> float:
        return round(100 * (_log(took) - lowest) / (highest - lowest), 3)

    width = 100 / len(bins)
    return Histogram(
        columns=tuple(
            Column(
                x=round(place * width, 3),
                width=round(width, 3),
                y=round(100 - 100 * number / max(bins), 3),
                height=round(100 * number / max(bins), 3),
                title=f"{counted(number, 'run')} of {_edge(lowest, place)} to {_edge(lowest, place + 1)}",
            )
            for place, number in enumerate(bins)
            if number
        ),
        ticks=tuple(
            Mark(
                x=round(100 * (power - lowest) / (highest - lowest), 3),
                words=_round_time(power),
                anchor="start" if power == lowest else "end" if power == highest else "middle",
            )
            for power in range(lowest, highest + 1)
        ),
        median=x(percentile(ordered, 50)),
        late=x(percentile(ordered, 95)),
    )


def _log(milliseconds: int) -> float:
    return math.log10(max(1, milliseconds))


def _edge(lowest: int, place: int) -> str:
    return in_time(round(10 ** (lowest + place / BINS_PER_DECADE)))


def _round_time(power: int) -> str:
    return f"{10**power} ms" if power < 3 else f"{10 ** (power - 3)} s"
