"""`batch plan`: what a run of a file would do."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType, group
from rich.table import Column, Table
from rich.text import Text

from order_system.batches.reports import A_RUN_WILL, Plan
from order_system.bootstrap import OrderSystem
from order_system.cli.batches.views import status_text
from order_system.cli.screen import Screen
from order_system.domain.batch import Fate
from order_system.domain.order_file import FileRef, RowProblem
from order_system.domain.wording import so_many

MAX_SHOWN = 20
"""The most problems that a plan shows; `--json` has more, and `batch outcome` has all."""


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
        yield Text(_line(problem), style=status_text(problem.kind).style)
    if number > MAX_SHOWN:
        yield Text(f"... and {number - MAX_SHOWN:,} more")


def _line(problem: RowProblem) -> str:
    """Show a problem in one line. The reason of an order that is left out does not name its line."""
    where = [f"line {problem.first_line}"] if problem.is_left_out else []
    where += [problem.order_id] if problem.order_id else []
    return f"{', '.join(where)}: {problem.reason}" if where else problem.reason
