"""What `batch plan` takes for a million rows: time of one core, with look-ups apart, and memory.

Each plan has a process of its own (`once.py`), against an empty book and against one that knows most of the
orders; and of the same orders in an export of Shopify's, with its profile. They take turns. A bare
`csv.reader` over the same file tells how fast the machine is just now. What is bound is the ratio: it is
the same on a machine of any speed.
"""

import asyncio
import csv
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measurements.plan.known_book import expected_fates, fill
from benchmarks.tools.figures import BenchmarkFailed, Figure, Result, Row
from benchmarks.tools.order_files import write_orders, write_shopify_export
from order_system.infra.process import dies_with_parent

CONTRACT = 100_000
"""Rows from which on the bounds are stated: fewer do not outweigh what is done once."""
ROWS_PER_ORDER = 3
BAD_EVERY = 1_000
PREFIX = "ORDER"
LIMIT_SECONDS = 600
BARE_READINGS = 3
EMPTY, KNOWS_MOST, BY_PROFILE = "empty", "knows most", "empty, Shopify's profile"


@dataclass(frozen=True)
class Scale:
    rows: int
    rounds: int
    """Plans against each of the two books."""


@dataclass(frozen=True)
class Planned:
    """What `once.py` reports, and what a bare csv.reader took just before and after."""

    book: str
    bare: float
    """Processor seconds."""
    report: dict[str, Any]

    @property
    def checking(self) -> float:
        """Processor seconds of reading and checking."""
        return self.report["processor"] - self.report["looking_up_processor"]

    @property
    def rate(self) -> float:
        """Rows a second of one core, look-ups apart."""
        return self.report["rows"] / self.checking

    @property
    def memory(self) -> float:
        return self.report["peak_mb"] - self.report["start_mb"]

    def times_bare(self) -> float:
        return self.checking / self.bare

    def looking_up(self) -> float:
        """Microseconds an order."""
        return 1e6 * self.report["looking_up_seconds"] / self.report["orders"]

    def row(self) -> Row:
        report = self.report
        return {
            "book": self.book,
            "rows/s of one core, look-ups apart": self.rate,
            "rows/s, all together": report["rows"] / report["seconds"],
            "look-ups, µs/order": self.looking_up(),
            "MB over the start": self.memory,
            "MB at the start": report["start_mb"],
            "times a bare csv.reader": self.times_bare(),
        }


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as name:
        folder = Path(name)
        file = write_orders(
            folder / "orders.csv", PREFIX, scale.rows, rows_per_order=ROWS_PER_ORDER, bad_every=BAD_EVERY
        )
        export = write_shopify_export(folder / "shopify.csv", file)
        empty, known = folder / "empty", folder / "known"
        await fill(known, file)
        orders = -(-scale.rows // ROWS_PER_ORDER)
        turns = {EMPTY: (empty, file), KNOWS_MOST: (known, file), BY_PROFILE: (empty, export, "shopify")}
        planned: list[Planned] = []
        for _ in range(scale.rounds):
            for book, (data, source, *profile) in turns.items():
                bare = [_bare_reading(source) for _ in range(BARE_READINGS)]
                report = await _plan(data, source, *profile)
                bare += [_bare_reading(source) for _ in range(BARE_READINGS)]
                _check(report, expected_fates(orders, BAD_EVERY, known=book == KNOWS_MOST), scale.rows)
                planned.append(Planned(book, median(bare), report))
                say(f"  book {book}: {planned[-1].times_bare():.1f} times a bare csv.reader, look-ups apart")
        return _result(scale, file.stat().st_size, planned)


def _result(scale: Scale, size: int, planned: list[Planned]) -> Result:
    empty = [each for each in planned if each.book == EMPTY]
    known = [each for each in planned if each.book == KNOWS_MOST]
    by_profile = [each for each in planned if each.book == BY_PROFILE]
    figures = [
        _times_bare("reading and checking, look-ups apart: an empty book", empty, at_most=15),
        _times_bare("the same where the book knows most, so that contents are compared", known),
        _times_bare("the same of a Shopify export, by its profile: an empty book", by_profile, at_most=15),
        Figure("the first as a rate", median(each.rate for each in empty), "rows/s of one core"),
        Figure("memory over the start", max(each.memory for each in planned), "MB", at_most=150),
        Figure("looking up where the book knows most", median(map(Planned.looking_up, known)), "µs/order"),
    ]
    if scale.rows < CONTRACT:
        figures = [figure.unbound() for figure in figures]
    return Result(
        "plan",
        f"batch plan of {scale.rows:,} rows ({size / 1e6:,.0f} MB), {ROWS_PER_ORDER} an order, one order in "
        f"{BAD_EVERY:,} with a mistake; {scale.rounds} each with an empty book, one that knows 80 %, and an "
        "export of Shopify's",
        figures,
        {"Plans, as they ran": [each.row() for each in planned]},
    )


def _times_bare(name: str, planned: Sequence[Planned], at_most: float | None = None) -> Figure:
    return Figure(name, median(map(Planned.times_bare, planned)), "times a bare csv.reader", at_most=at_most)


def _bare_reading(file: Path) -> float:
    """Processor seconds in which Python splits the file into cells and does nothing with them."""
    began = time.process_time()
    with file.open(encoding="utf-8", newline="") as source:
        for _ in csv.reader(source):
            pass
    return time.process_time() - began


async def _plan(data: Path, file: Path, *profile: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.measurements.plan.once", str(data), str(file), *profile),
        cwd=Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=dies_with_parent(),
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), LIMIT_SECONDS)
    except TimeoutError:
        raise BenchmarkFailed(f"a plan takes more than {LIMIT_SECONDS} seconds") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise BenchmarkFailed(f"a plan failed:\n{err.decode(errors='replace')[-2_000:]}")
    return json.loads(out)


def _check(report: dict[str, Any], expected: dict[str, int], rows: int) -> None:
    """A quick plan that is wrong is worth nothing."""
    found = {name: number for name, number in report["fates"].items() if number}
    if (found, report["rows"]) != (expected, rows):
        raise BenchmarkFailed(f"the plan found {found} in {report['rows']:,} rows, and not {expected}")
