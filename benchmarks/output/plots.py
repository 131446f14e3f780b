"""Plots of what was measured, for documents: each as PNG and as SVG. Needs the extra `bench`."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from benchmarks.tools.figures import Result
from order_system.domain.errors import InvalidUsage

NEEDED = {"altair": "altair", "vl_convert": "vl-convert-python"}
"""Module -> package."""

PLOTS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "ratios": "Ratios, and the bounds that they must keep",
        "processor_time": "Processor time an order, by medians",
    },
    "memory": {"memory": "Memory of a worker as it runs orders"},
}
"""Benchmark -> its functions in charts.py, each with a title."""


def check_plots(benchmarks: Sequence[str]) -> None:
    """Before anything is measured: can the plots of these be drawn? Raises InvalidUsage."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing and any(benchmark in PLOTS for benchmark in benchmarks):
        raise InvalidUsage(
            f"plots need {' and '.join(missing)}: pip install -e '.[bench]', or leave out --markdown"
        )


def draw(result: Result, folder: Path) -> dict[str, Path]:
    """Draw the plots into the folder. Return title -> SVG, empty for what has no plots."""
    drawn: dict[str, Path] = {}
    for name, title in PLOTS.get(result.benchmark, {}).items():
        folder.mkdir(parents=True, exist_ok=True)
        svg = folder / f"benchmark-{name.replace('_', '-')}.svg"
        # Only here, since whoever wants no plots need not have what draws them.
        chart = getattr(import_module("benchmarks.output.charts"), name)(result)
        chart.save(str(svg))
        drawn[title] = svg
    return drawn
