"""Batches as people see them: the plan, the running counts, the end."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from order_system.batches import BatchCounts, BatchProgress
from order_system.cli.views import STATUS_STYLE, in_time
from order_system.messages import OrderStatus

MAX_SHOWN = 20
"""Orders named in one list."""

PACE_SECONDS = 30
"""What the rate is measured over."""

_STYLES = {
    "fulfilled": STATUS_STYLE[OrderStatus.FULFILLED],
    "failed": STATUS_STYLE[OrderStatus.FAILED],
    "cancelled": STATUS_STYLE[OrderStatus.CANCELLED],
    "needing_attention": STATUS_STYLE[OrderStatus.NEEDS_ATTENTION],
    "running": STATUS_STYLE[OrderStatus.RUNNING],
    "conflicting": "yellow",
    "rejected": "red",
    "duplicate": "yellow",
}
_ORDERS = (
    "fulfilled",
    "failed",
    "cancelled",
    "needing_attention",
    "skipped",
    "conflicting",
    "running",
    "not_started",
)


def number_of(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}" if number else ""


def named(status: str) -> Text:
    return Text(status.replace("_", " "), style=_STYLES.get(status, ""))


# --- while it runs --------------------------------------------------------------------------------


class Pace:
    """How fast orders end, seen from here."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def saw(self, counts: BatchCounts) -> None:
        now = time.monotonic()
        self._seen.append((now, ended(counts)))
        while now - self._seen[0][0] > PACE_SECONDS:
            self._seen.popleft()

    @property
    def orders_a_second(self) -> float:
        (since, before), (until, after) = self._seen[0], self._seen[-1]
        return (after - before) / (until - since) if until > since else 0.0

    def seconds_left(self, progress: BatchProgress) -> float | None:
        rate = self.orders_a_second
        return (_expected(progress) - ended(progress.counts)) / rate if rate else None


def ended(counts: BatchCounts) -> int:
    return counts.valid - counts.running - counts.not_started


def _expected(progress: BatchProgress) -> int:
    """Orders in the whole file, going by what has been read of it."""
    counts = progress.counts
    read = max(1, counts.bytes_read)
    return max(counts.valid, round(counts.valid * max(read, progress.bytes_total) / read))


def progress_picture(progress: BatchProgress, pace: Pace) -> RenderableType:
    expected = max(1, _expected(progress))
    line = Table.grid(padding=(0, 2))
    done = ended(progress.counts)
    line.add_row(
        progress.status,
        f"{done:,}/{expected:,}",
        ProgressBar(expected, done, width=30),
        _speed(progress, pace),
    )
    return Group(line, _counts_line(progress.counts))


def progress_words(progress: BatchProgress, pace: Pace) -> str:
    return (
        f"{progress.name} {progress.status}: {_counts_line(progress.counts)}{_speed(progress, pace, ' · ')}"
    )


def _speed(progress: BatchProgress, pace: Pace, before: str = "") -> str:
    left = pace.seconds_left(progress)
    if left is None:
        return ""
    return f"{before}{pace.orders_a_second:.1f} orders/s, {in_time(round(left) * 1000 or 1000)} left"


def _counts_line(counts: BatchCounts) -> Text:
    names: Sequence[str] = (*_ORDERS, "rejected", "duplicate")
    parts = [
        Text(f"{number:,} {name.replace('_', ' ')}", style=_STYLES.get(name, ""))
        for name in names
        if (number := getattr(counts, name))
    ]
    return Text(" · ").join(parts) if parts else Text("nothing read yet")


def progress_table(progress: BatchProgress) -> RenderableType:
    counts = progress.counts
    table = Table(title=f"batch {progress.name}: {progress.status}", title_style="bold", header_style="bold")
    table.add_column("Orders")
    table.add_column("Number", justify="right")
    for name in _ORDERS:
        if number := getattr(counts, name):
            table.add_row(named(name), f"{number:,}")
    table.add_row("all of them", f"{counts.valid:,}", style="bold")
    table.add_section()
    for name, rows in (("rejected", counts.rows_rejected), ("duplicate", counts.rows_duplicate)):
        if rows:
            table.add_row(named(name).append(f", {number_of(rows, 'row')}"), f"{getattr(counts, name):,}")
    if counts.rows:
        table.add_row("rows read", f"{counts.rows:,}")
    waiting = ", ".join(progress.handed_on[:MAX_SHOWN])
    return Group(table, *([Text(f"these take long: {waiting}", style="bold magenta")] if waiting else []))


# --- the end --------------------------------------------------------------------------------------


def outcome_view(document: Mapping[str, Any]) -> RenderableType:
    table = Table(title=f"batch {document['name']}", title_style="bold", header_style="bold")
    table.add_column("Orders")
    table.add_column("Number", justify="right")
    for status, number in sorted(document["by_status"].items()):
        table.add_row(named(status), f"{number:,}")
    remarks = [f"every line: {document['output']}"] if document["output"] else []
    if document["rejects"]:
        remarks.append(f"what was rejected: {document['rejects']}. Mend it, and run it as a batch of its own")
    return Group(table, *map(Text, remarks))
