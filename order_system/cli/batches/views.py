"""Batches as people see them: the plan, the running counts, the end."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType, group
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from order_system.batches.progress import pace_words
from order_system.cli.views import STATUS_STYLE
from order_system.domain.batch import ENDED, BatchCounts, BatchProgress
from order_system.domain.messages import OrderStatus

MAX_SHOWN = 20
"""Orders named in one list."""

_STYLES = {
    "fulfilled": STATUS_STYLE[OrderStatus.FULFILLED],
    "failed": STATUS_STYLE[OrderStatus.FAILED],
    "cancelled": STATUS_STYLE[OrderStatus.CANCELLED],
    "needing_attention": STATUS_STYLE[OrderStatus.NEEDS_ATTENTION],
    "running": STATUS_STYLE[OrderStatus.RUNNING],
    "conflicting": "yellow",
    "rejected": "red",
    "invalid": "red",
    "duplicate": "yellow",
    "left_out": "cyan",
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
_OTHERS = ("rejected", "duplicate", "left_out")
"""Of the file, and not run."""


def number_of(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}" if number else ""


def named(status: str) -> Text:
    return Text(status.replace("_", " "), style=_STYLES.get(status.replace(" ", "_"), ""))


# --- while it runs --------------------------------------------------------------------------------


def progress_picture(progress: BatchProgress) -> RenderableType:
    expected, done = max(1, progress.orders_expected), progress.counts.ended
    line = Table.grid(padding=(0, 2))
    bar = ProgressBar(expected, done, width=30)
    line.add_row(progress.status, f"{done:,}/{expected:,}", bar, _pace(progress))
    return Group(line, _counts_line(progress.counts))


def progress_words(progress: BatchProgress) -> str:
    parts = [f"{progress.name} {progress.status}: {_counts_line(progress.counts)}", _pace(progress)]
    return " · ".join(part for part in parts if part)


def _pace(progress: BatchProgress) -> str:
    return pace_words(progress, elsewhere="starter.py attention")


def _counts_line(counts: BatchCounts) -> Text:
    names: Sequence[str] = (*_ORDERS, *_OTHERS)
    parts = [
        Text(f"{number:,} {name.replace('_', ' ')}", style=_STYLES.get(name, ""))
        for name in names
        if (number := getattr(counts, name))
    ]
    return Text(" · ").join(parts) if parts else Text("nothing read yet")


def _numbers_table(title: str) -> Table:
    columns = ("Orders", Column("Number", justify="right"))
    return Table(*columns, title=title, title_style="bold", header_style="bold")


@group()
def progress_table(progress: BatchProgress) -> Iterator[RenderableType]:
    counts = progress.counts
    table = _numbers_table(f"batch {progress.name}: {progress.status}")
    for name in _ORDERS:
        if number := getattr(counts, name):
            table.add_row(named(name), f"{number:,}")
    table.add_row("all of them", f"{counts.valid:,}", style="bold")
    table.add_section()
    for name in _OTHERS:
        if rows := getattr(counts, f"rows_{name}"):
            table.add_row(named(name).append(f", {number_of(rows, 'row')}"), f"{getattr(counts, name):,}")
    if counts.rows:
        table.add_row("rows read", f"{counts.rows:,}")
    table.caption = _pace(progress)
    yield table
    if waiting := ", ".join(progress.handed_on[:MAX_SHOWN]):
        yield Text(f"these take long: {waiting}", style="bold magenta")
    if counts.rows and not counts.valid and progress.status in ENDED:
        yield Text("there was no order to run: ").append(_counts_line(counts))


# --- the end --------------------------------------------------------------------------------------


@group()
def outcome_view(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    table = _numbers_table(f"batch {document['name']}")
    for status, number in sorted(document["by_status"].items()):
        table.add_row(named(status), f"{number:,}")
    yield table
    if document["output"]:
        yield Text(f"every line: {document['output']}")
    if "open" in document["by_status"]:
        yield Text("what an open order waits for: python starter.py status ORDER")
    if document["rejects"]:
        yield Text(f"what was rejected: {document['rejects']}. Mend it, and run it as a batch of its own")
