"""What a benchmark comes to: figures, with the bounds that they must keep, and the samples behind them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

Row = dict[str, Any]
"""Column -> what stands there: text, a number or None."""


class BenchmarkFailed(Exception):
    """Nothing was measured that may count. The message says why, in one line."""


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    spread: float = 0.0
    """Half of what lies between the quartiles of the turns; 0 of what was not measured in turns."""

    @classmethod
    def of_turns(
        cls,
        name: str,
        ratios: Sequence[float],
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> "Figure":
        """A ratio: the median of the turns', and their spread. A bound is missed only by more than that, so
        that a noisy machine does not tell of a change that is none."""
        first, _, third = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else [0.0, 0.0, 0.0]
        return cls(name, median(ratios), "", at_least, at_most, (third - first) / 2)

    @property
    def bound(self) -> str:
        if self.at_least is not None:
            return f"at least {number(self.at_least)}"
        return f"at most {number(self.at_most)}" if self.at_most is not None else ""

    @property
    def holds(self) -> bool:
        above = self.at_least is None or self.value + self.spread >= self.at_least
        return above and (self.at_most is None or self.value - self.spread <= self.at_most)

    def unbound(self) -> "Figure":
        """The same at a size for which its bound is not stated."""
        return Figure(self.name, self.value, self.unit, spread=self.spread)

    @property
    def told(self) -> str:
        """The value as people read it, with its spread."""
        return number(self.value) + (f" ± {number(self.spread)}" if self.spread else "")

    @property
    def verdict(self) -> str:
        if not self.bound:
            return ""
        if not self.holds:
            return f"{self.bound}: DOES NOT HOLD"
        by_itself = Figure(self.name, self.value, self.unit, self.at_least, self.at_most).holds
        return f"{self.bound}: holds" if by_itself else f"{self.bound}: missed by less than the spread"

    def document(self) -> Row:
        return {**asdict(self), "holds": self.holds}


@dataclass(frozen=True)
class Result:
    benchmark: str
    """The command's name, and that of its place in a Markdown file."""
    what: str
    """What was run, in a sentence."""
    figures: Sequence[Figure]
    samples: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    """Title -> table."""

    @property
    def holds(self) -> bool:
        return all(figure.holds for figure in self.figures)

    def document(self) -> Row:
        figures = [figure.document() for figure in self.figures]
        return {"benchmark": self.benchmark, "what": self.what, "figures": figures, "samples": self.samples}


def number(value: object) -> str:
    """Three digits that count, or all of a whole number."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if value.is_integer() or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
