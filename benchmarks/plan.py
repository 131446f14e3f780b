"""What `batch plan` takes for a million rows: time of one core, with look-ups apart, and memory.

Each plan has a process of its own (`plan_once.py`), against an empty book and against one that knows most of
the orders, in turns. A bare `csv.reader` over the same file tells how fast the machine is just now.
"""

import asyncio
import csv
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import insert

from benchmarks.figures import BenchmarkFailed, Figure, Result, Row
from benchmarks.order_files import is_bad, write_orders
from benchmarks.stage import settings_for
from order_system.batch_files.findings import ParsedOrder
from order_system.book_tables import submissions
from order_system.bootstrap import open_order_system
from order_system.csv_orders import OrderFiles
from order_system.journal import SubmissionStatus

CONTRACT = 100_000
"""Rows from which on the bounds are stated: fewer do not outweigh what is done once."""
ROWS_PER_ORDER = 3
BAD_EVERY = 1_000
PREFIX = "ORDER"
INSERTED_AT_ONCE = 5_000
LIMIT_SECONDS = 600

KNOWN_AS = (*[SubmissionStatus.FULFILLED] * 6, SubmissionStatus.FAILED, "conflict", None, None)
"""Of each ten orders, how the book knows them: six are to be skipped, two are new."""


@dataclass(frozen=True)
class Scale:
    rows: int
    rounds: int
    """Plans against each of the two books."""


@dataclass(frozen=True)
class Planned:
    """What `plan_once.py` reports, and what a bare csv.reader took just before."""

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

    def row(self) -> Row:
        report = self.report
        return {
            "book": self.book,
            "rows/s of one core, look-ups apart": self.rate,
            "rows/s, all together": report["rows"] / report["seconds"],
            "look-ups, µs/order": 1e6 * report["looking_up_seconds"] / report["orders"],
            "MB over the start": self.memory,
            "MB at the start": report["start_mb"],
            "times a bare csv.reader": self.checking / self.bare,
        }


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as name:
        folder = Path(name)
        file = write_orders(
            folder / "orders.csv", PREFIX, scale.rows, rows_per_order=ROWS_PER_ORDER, bad_every=BAD_EVERY
        )
        books = {"empty": folder / "empty", "knows most": folder / "known"}
        await _fill(books["knows most"], file)
        orders = -(-scale.rows // ROWS_PER_ORDER)
        planned: list[Planned] = []
        for _ in range(scale.rounds):
            for book, data in books.items():
                bare = _bare_reading(file)
                report = await _plan(data, file)
                _check(report, _expected(orders, known=book != "empty"), scale.rows)
                planned.append(Planned(book, bare, report))
                say(f"  book {book}: {planned[-1].rate:,.0f} rows a second, look-ups apart")
        return _result(scale, file.stat().st_size, planned)


def _result(scale: Scale, size: int, planned: list[Planned]) -> Result:
    looking_up = [
        1e6 * each.report["looking_up_seconds"] / each.report["orders"]
        for each in planned
        if each.book != "empty"
    ]
    figures = [
        Figure(
            "reading and checking, look-ups apart",
            median(each.rate for each in planned),
            "rows/s of one core",
            at_least=50_000,
        ),
        Figure(
            "the same in times of a bare csv.reader", median(each.checking / each.bare for each in planned)
        ),
        Figure("memory over the start", max(each.memory for each in planned), "MB", at_most=150),
        Figure("looking up where the book knows most", median(looking_up), "µs/order"),
    ]
    if scale.rows < CONTRACT:
        figures = [figure.unbound() for figure in figures]
    return Result(
        "plan",
        f"batch plan of {scale.rows:,} rows ({size / 1e6:,.0f} MB), {ROWS_PER_ORDER} an order, one order in "
        f"{BAD_EVERY:,} with a mistake; against an empty book and one that knows 80 %, "
        f"{scale.rounds} plans each, every one in a process of its own",
        figures,
        {"Plans, as they ran": [each.row() for each in planned]},
    )


def _bare_reading(file: Path) -> float:
    """Processor seconds in which Python splits the file into cells and does nothing with them."""
    began = time.process_time()
    with file.open(encoding="utf-8", newline="") as source:
        for _ in csv.reader(source):
            pass
    return time.process_time() - began


async def _plan(data: Path, file: Path) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.plan_once", str(data), str(file)),
        cwd=Path(__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), LIMIT_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise BenchmarkFailed(f"a plan failed:\n{err.decode(errors='replace')[-2_000:]}")
    return json.loads(out)


# --- the book that knows most, and what a plan must say -------------------------------------------


async def _fill(data: Path, file: Path) -> None:
    """Write into the book what it would have, had most orders of the file been run before."""
    settings = settings_for(data, files=file.parent)
    async with open_order_system(settings) as system:
        rows: list[Row] = []
        async for order in _orders_in(system.files, file):
            known = KNOWN_AS[_number(order.order_id) % len(KNOWN_AS)]
            if known is not None:
                rows.append(_submission(order, known))
        for start in range(0, len(rows), INSERTED_AT_ONCE):
            async with system.database.writing() as tx:
                await tx.execute(insert(submissions), rows[start : start + INSERTED_AT_ONCE])


async def _orders_in(files: OrderFiles, file: Path) -> AsyncGenerator[ParsedOrder]:
    ref = await files.inspect(str(file))
    page = await files.read_page(ref)
    while True:
        for order in page.orders:
            yield order
        if page.at_end:
            return
        page = await files.read_page(ref, page.next)


def _submission(order: ParsedOrder, known: str) -> Row:
    now, conflict = datetime.now(UTC), known == "conflict"
    return {
        "order_id": order.order_id,
        "submission": f"of-{order.order_id}",
        "fingerprint": "0" * 64 if conflict else order.fingerprint,
        "namespace": "default",
        "status": SubmissionStatus.FULFILLED if conflict else known,
        "opened_at": now,
        "closed_at": now,
    }


def _number(order_id: str) -> int:
    return int(order_id.rpartition("-")[2])


def _expected(orders: int, *, known: bool) -> dict[str, int]:
    """How many orders of each status a plan must find."""
    good: Iterable[int] = (number for number in range(orders) if not is_bad(number, BAD_EVERY))
    if not known:
        return {"new": sum(1 for _ in good)}
    return dict(Counter(str(KNOWN_AS[number % len(KNOWN_AS)] or "new") for number in good))


def _check(report: dict[str, Any], expected: dict[str, int], rows: int) -> None:
    """A quick plan that is wrong is worth nothing."""
    found = {name: number for name, number in report["fates"].items() if number}
    if (found, report["rows"]) != (expected, rows):
        raise BenchmarkFailed(f"the plan found {found} in {report['rows']:,} rows, and not {expected}")
