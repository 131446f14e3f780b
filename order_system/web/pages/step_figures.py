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
class Tick:
    x: float
    words: str
    anchor: str


@dataclass(frozen=True)
class Histogram:
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
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


def figures_of(runs: Sequence[StepRun]) -> list[StepFigures]:
    """For each step, on one scale: so that one sees which is the slow one. Nothing without runs."""
    scale = Scale.over([run.duration_ms for run in runs if run.duration_ms is not None])
    return [_figures(step, [run for run in runs if run.step is step], scale) for step in Step] if runs else []


def _figures(step: Step, runs: Sequence[StepRun], scale: "Scale") -> StepFigures:
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
        histogram=scale.histogram(took) if took else None,
    )


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The smallest value that is not exceeded by this part of them: one that has really been measured."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass(frozen=True)
class Scale:
    """Logarithmic: from one power of ten of milliseconds to another."""

    lowest: int
    highest: int

    @classmethod
    def over(cls, took: Sequence[int]) -> "Scale":
        lowest = math.floor(_log(min(took, default=1)))
        return cls(lowest, max(lowest + 1, math.ceil(_log(max(took, default=1)))))

    def x(self, milliseconds: float) -> float:
        return round(100 * (_log(milliseconds) - self.lowest) / (self.highest - self.lowest), 3)

    def histogram(self, ordered: Sequence[int]) -> Histogram:
        """`ordered` are at least one, shortest first, and within the scale."""
        bins = [0] * ((self.highest - self.lowest) * BINS_PER_DECADE)
        for took in ordered:
            bins[min(len(bins) - 1, int((_log(took) - self.lowest) * BINS_PER_DECADE))] += 1
        columns = (self._column(place, number, max(bins)) for place, number in enumerate(bins) if number)
        return Histogram(
            columns=tuple(columns),
            ticks=tuple(map(self._tick, range(self.lowest, self.highest + 1))),
            median=self.x(percentile(ordered, 50)),
            late=self.x(percentile(ordered, 95)),
        )

    def _column(self, place: int, number: int, most: int) -> Column:
        begins, ends = (10 ** (self.lowest + edge / BINS_PER_DECADE) for edge in (place, place + 1))
        height = round(100 * number / most, 3)
        return Column(
            x=self.x(begins),
            width=round(self.x(ends) - self.x(begins), 3),
            y=round(100 - height, 3),
            height=height,
            title=f"{counted(number, 'run')} of {in_time(round(begins))} to {in_time(round(ends))}",
        )

    def _tick(self, power: int) -> Tick:
        words = f"{10**power} ms" if power < 3 else f"{10 ** (power - 3)} s"
        anchor = "start" if power == self.lowest else "end" if power == self.highest else "middle"
        return Tick(self.x(10**power), words, anchor)


def _log(milliseconds: float) -> float:
    return math.log10(max(1, milliseconds))
