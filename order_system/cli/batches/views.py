"""Shows people batches: what a run of a file would do, how far it is, and what became of each line."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType, group
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from order_system.batches.outcome_files import OutcomeFile, outcome_document, rejects_from
from order_system.batches.progress import pace_words
from order_system.batches.reports import A_RUN_WILL, Plan
from order_system.bootstrap import OrderSystem
from order_system.cli.screen import Screen, written_whole
from order_system.cli.views import status_text
from order_system.domain.batch import ENDED, BatchCounts, BatchProgress, Fate
from order_system.domain.errors import InvalidUsage
from order_system.domain.order_file import FileRef, RowProblem
from order_system.domain.wording import so_many
from order_system.infra.process import STARTER

MAX_SHOWN = 20
"""The most problems that a plan shows; `--json` has more, and `batch outcome` has all."""

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

_pace = partial(pace_words, elsewhere=f"{STARTER} attention")


def progress_picture(progress: BatchProgress) -> RenderableType:
    expected, done = max(1, progress.orders_expected), progress.counts.ended
    line = Table.grid(padding=(0, 2))
    bar = ProgressBar(expected, done, width=30)
    line.add_row(progress.status, f"{done:,}/{expected:,}", bar, _pace(progress))
    return Group(line, _counts_line(progress.stand))


def progress_words(progress: BatchProgress) -> str:
    parts = [f"{progress.name} {progress.status}: {_counts_line(progress.stand)}", _pace(progress)]
    return " · ".join(part for part in parts if part)


def _counts_line(counts: BatchCounts) -> Text:
    names: Sequence[str] = (*_ORDERS, *_OTHERS)
    parts = [
        status_text(name, f"{number:,} {name.replace('_', ' ')}")
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
    yield table
    if pace := _pace(progress):  # no caption: that is as narrow as the table, and would cut a command
        yield Text(pace, style="dim italic")
    if waiting := ", ".join(progress.handed_on[:MAX_SHOWN]):
        yield Text(f"these take long: {waiting}", style="bold magenta")
    if counts.rows and not counts.valid and progress.status in ENDED:
        yield Text("there was no order to run: ").append(_counts_line(counts))


async def read_plan(system: OrderSystem, screen: Screen, file: FileRef) -> Plan:
    """Plan the file with a progress bar. Raises FileRefused."""
    plan = Plan(file)
    with screen.reading("planning", file.size) as show:
        async for offset, so_far in system.batch_reports().plan(file):
            plan = so_far
            show(offset)
    return plan


def plan_document(plan: Plan) -> dict[str, Any]:
    file = plan.file.model_dump(mode="json", include={"url", "size", "sha256", "format", "encoding"})
    return {"file": file, **plan.document()}


def problems_in_words(plan: Plan) -> str:
    """Count the problems by kind, in words; blank if there are none."""
    names = {"invalid": "invalid order", "duplicate": "duplicate", Fate.CONFLICT: "conflict"}
    numbers = plan.numbers()
    return ", ".join(so_many(numbers[name], told) for name, told in names.items() if name in numbers)


@group()
def plan_view(plan: Plan, sample: Sequence[str]) -> Iterator[RenderableType]:
    yield Text(f"{plan.rows:,} rows of {plan.file.url}", style="bold")
    table = Table("Orders", Column("Number", justify="right"), "A run will", header_style="bold")
    for status, number in plan.numbers().items():
        table.add_row(status_text(status), f"{number:,}", A_RUN_WILL[status])
    if not table.row_count:
        table.add_row("none", "0", "do nothing")
    yield table
    yield Text(plan.in_money(), style="bold")
    if sample:
        yield Text("\n  ".join(["An order, as it would be read:", *sample]))
    for warning in plan.warnings():
        yield Text(warning, style="yellow")
    yield from _told_of(plan.examples, plan.problems + plan.duplicates)
    yield from _told_of(plan.left_out_examples, plan.left_out)
    if plan.conflicts:
        more = plan.fates.get(Fate.CONFLICT, 0) - MAX_SHOWN
        names = ", ".join(plan.conflicts[:MAX_SHOWN])
        yield Text(f"in conflict: {names}{f' and {more:,} more' if more > 0 else ''}", style="yellow")
        yield Text("if two shops have these IDs, give each shop's profile an id_prefix", style="yellow")


def _told_of(examples: Sequence[RowProblem], number: int) -> Iterator[Text]:
    for problem in examples[:MAX_SHOWN]:
        # The reason of an order that is left out does not name its line.
        where = [f"line {problem.first_line}"] if problem.is_left_out else []
        where += [problem.order_id] if problem.order_id else []
        told = f"{', '.join(where)}: {problem.reason}" if where else problem.reason
        yield Text(told, style=status_text(problem.kind).style)
    if number > MAX_SHOWN:
        yield Text(f"... and {number - MAX_SHOWN:,} more")


async def write_outcome(
    system: OrderSystem, screen: Screen, name: str, *, output: str | None, rejects: str | None
) -> dict[str, Any]:
    """Return the outcome as a document, with the lines unless they are written to `output`.

    Raises UnknownBatch, FileRefused, InvalidUsage."""
    batches = system.batch_reports()
    ref = (await batches.record(name)).request.file
    _check_names(ref.url, output, rejects)
    by_status = Counter[str]()
    lines: list[dict[str, Any]] = []
    with ExitStack() as stack:
        table = OutcomeFile(stack.enter_context(written_whole(output))) if output else None
        mending = None
        if rejects:
            file = stack.enter_context(written_whole(rejects))
            mending = stack.enter_context(rejects_from(ref, system.settings.readable_roots, file))
        stack.enter_context(screen.waiting(f"reading {ref.url}"))
        async for line in batches.outcome(name):
            by_status[line.status] += 1
            if table:
                table.add(line)
            elif screen.as_json:
                lines.append(outcome_document(line))
            if mending and line.status == "rejected":
                mending.add(line)
    return {
        "name": name,
        "file": ref.url,
        "by_status": by_status,
        "output": output,
        "rejects": rejects,
        **({} if output else {"lines": lines}),
    }


def _check_names(source: str, output: str | None, rejects: str | None) -> None:
    """Raise InvalidUsage unless source, `output` and `rejects` are different files."""
    if output and output == rejects:
        raise InvalidUsage("-o and --rejects are two files: name two")
    for name in filter(None, (output, rejects)):
        if str(Path(name).resolve()) == source:
            raise InvalidUsage(f"{name} is the batch's own file: name another one")


@group()
def outcome_view(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    table = numbers_table(f"batch {document['name']}")
    for status, number in sorted(document["by_status"].items()):
        table.add_row(status_text(status), f"{number:,}")
    yield table
    if document["output"]:
        yield Text(f"every line: {document['output']}")
    if "open" in document["by_status"]:
        yield Text(f"what an open order waits for: {STARTER} status ORDER")
    if document["rejects"]:
        yield Text(f"what was rejected: {document['rejects']}. Mend it, and run it as a batch of its own")
