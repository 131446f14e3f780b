"""Shows people batches that run, in words and colours that plan and outcome share."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType, group
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from order_system.batches.progress import pace_words
from order_system.cli.views import STATUS_STYLE
from order_system.domain.batch import ENDED, BatchCounts, BatchProgress
from order_system.domain.messages import OrderStatus
from order_system.domain.wording import so_many
from order_system.infra.process import STARTER

MAX_SHOWN = 20

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
"""Rows and orders of the file that are not run."""


def status_text(status: str) -> Text:
    return Text(status.replace("_", " "), style=_STYLES.get(status.replace(" ", "_"), ""))


def progress_picture(progress: BatchProgress) -> RenderableType:
    expected, done = max(1, progress.orders_expected), progress.counts.ended
    line = Table.grid(padding=(0, 2))
    bar = ProgressBar(expected, done, width=30)
    line.add_row(progress.status, f"{done:,}/{expected:,}", bar, _pace(progress))
    return Group(line, _counts_line(progress.stand))


def progress_words(progress: BatchProgress) -> str:
    parts = [f"{progress.name} {progress.status}: {_counts_line(progress.stand)}", _pace(progress)]
    return " · ".join(part for part in parts if part)


def _pace(progress: BatchProgress) -> str:
    return pace_words(progress, elsewhere=f"{STARTER} attention")


def _counts_line(counts: BatchCounts) -> Text:
    names: Sequence[str] = (*_ORDERS, *_OTHERS)
    parts = [
        Text(f"{number:,} {name.replace('_', ' ')}", style=_STYLES.get(name, ""))
        for name in names
        if (number := getattr(counts, name))
    ]
    return Text(" · ").join(parts) if parts else Text("nothing read yet")


def numbers_table(title: str) -> Table:
    columns = ("Orders", Column("Number", justify="right"))
    return Table(*columns, title=title, title_style="bold", header_style="bold")


@group()
def progress_table(progress: BatchProgress) -> Iterator[RenderableType]:
    counts = progress.stand
    table = numbers_table(f"batch {progress.name}: {progress.status}")
    for name in _ORDERS:
        if number := getattr(counts, name):
            table.add_row(status_text(name), f"{number:,}")
    table.add_row("all of them", f"{counts.valid:,}", style="bold")
    table.add_section()
    for name in _OTHERS:
        if rows := getattr(counts, f"rows_{name}"):
            table.add_row(status_text(name).append(f", {so_many(rows, 'row')}"), f"{getattr(counts, name):,}")
    if counts.rows:
        table.add_row("rows read", f"{counts.rows:,}")
    table.caption = _pace(progress)
    yield table
    if waiting := ", ".join(progress.handed_on[:MAX_SHOWN]):
        yield Text(f"these take long: {waiting}", style="bold magenta")
    if counts.rows and not counts.valid and progress.status in ENDED:
        yield Text("there was no order to run: ").append(_counts_line(counts))
