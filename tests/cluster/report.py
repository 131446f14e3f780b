"""The figures of a run: for people, and as the part of docs/cluster.md between its marks."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.tools.machine import machine
from tests.cluster.run import Figures

MARK = "cluster"
RATES = (10, 100, 1_000)
"""Orders a second that are calculated."""
BUSY = 0.6
"""Of a core, as docs/scaling.md plans: the rest is for peaks, and for orders that are undone."""

_MEASURED = """\
{here[cores]} cores ({here[processor]}), Python {here[python]}, {here[day]}. {figures.measured} orders of a
batch, 50 in flight, without faults, sealed and by TLS: {figures.rate:.1f} a second."""
_STRUCK = """\
Then {figures.struck} orders with the default faults. In their midst each of these was killed by SIGKILL, and
started again three seconds later. The gap is the longest time in which no order of the batch ended, from the
kill to a minute after it was back: so one gap may count for two that were killed soon after each other."""


def as_markdown(figures: Figures, told: Sequence[str]) -> str:
    """`told`: what the services of docker-compose.yml did."""
    here = machine()
    parts = [
        _MEASURED.format(here=here, figures=figures),
        _table(["", "ms of a core, an order", "of a core at rest"], _used(figures)),
        f"One order alone on it took {median(figures.alone):.2f} s, the median of {len(figures.alone)}.",
        f"An order's processor time, times orders a second, at {BUSY:.0%} of a core:",
        _table(["cores", *(f"{rate:,} orders/s" for rate in RATES)], _cores(figures)),
    ]
    if figures.strikes:
        parts += [
            _STRUCK.format(figures=figures),
            _table(["killed", "back after", "longest gap"], _strikes(figures)),
            "\n".join(f"- {line}" for line in figures.held),
        ]
    if told:
        parts += ["Of docker-compose.yml, run without containers:", "\n".join(f"- {line}" for line in told)]
    return "\n\n".join(parts) + "\n"


def write_into(page: Path, text: str) -> None:
    """Between `<!-- cluster -->` and `<!-- /cluster -->`. Raises ValueError if they are not there."""
    marked = re.compile(rf"(?<=^<!-- {MARK} -->\n).*?(?=^<!-- /{MARK} -->$)", re.M | re.S)
    before = page.read_text()
    if not marked.search(before):
        raise ValueError(f"{page} has no lines <!-- {MARK} --> and <!-- /{MARK} -->")
    page.write_text(marked.sub(lambda _: f"\n{text}\n", before))


def _used(figures: Figures) -> Iterable[list[str]]:
    for role, milliseconds in _totals(figures).items():
        rest = _sum(figures.at_rest, role)
        yield [role, f"{milliseconds:.0f}", f"{rest:.1%}"]


def _cores(figures: Figures) -> Iterable[list[str]]:
    for role, milliseconds in _totals(figures).items():
        if role.startswith(("all", "worker", "PostgreSQL, T", "PostgreSQL, o")):
            yield [role, *(f"{milliseconds / 1_000 * rate / BUSY:,.1f}" for rate in RATES)]


def _totals(figures: Figures) -> dict[str, float]:
    used = dict(sorted(figures.used.items()))
    return {**used, "all of Temporal's nodes": _sum(figures.used, "all of Temporal's nodes")}


def _sum(used: dict[str, float], role: str) -> float:
    if role != "all of Temporal's nodes":
        return used.get(role, 0.0)
    return sum(value for name, value in used.items() if name.startswith("Temporal, "))


def _strikes(figures: Figures) -> Iterable[list[str]]:
    for strike in figures.strikes:
        yield [strike.what, f"{strike.back - strike.began:.1f} s", f"{strike.gap:.1f} s"]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ruler, *rows))
