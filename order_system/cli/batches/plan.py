"""`batch plan`: what a run of a file would do."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from order_system.batches.files import ProblemKind, RowProblem
from order_system.batches.reports import Plan
from order_system.bootstrap import OrderSystem
from order_system.cli.batches.views import named, number_of
from order_system.cli.screen import Screen
from order_system.domain.batch import Fate
from order_system.domain.order_file import FileRef

MAX_SHOWN = 20
"""Problems that a plan shows; `--json` has more, and `batch outcome` has all."""

_WHAT_A_RUN_DOES = {
    "new": "start",
    "failed": "run again",
    "cancelled": "run again",
    "terminated": "run again",
    "open": "skip if it runs; else settle, then run again",
    "fulfilled": "skip",
    Fate.CONFLICT: "leave alone: fulfilled or running with other content",
}
"""An open order is tried too. The server refuses a second start of one that runs; of one whose workflow is
gone only the book still believes that it runs. The plan asks no server, so that it counts such a one with
other content as a conflict, though a run would settle and run it."""

_STYLES = {ProblemKind.INVALID: "red", ProblemKind.DUPLICATE: "yellow", ProblemKind.LEFT_OUT: "cyan"}


async def read_plan(system: OrderSystem, screen: Screen, file: FileRef) -> Plan:
    """Raises FileRefused."""
    plan = Plan(file)
    with screen.reading("planning", file.size) as show:
        async for offset, so_far in system.batch_client(None).plan(file):
            plan = so_far
            show(offset)
    return plan


def plan_document(plan: Plan) -> dict[str, Any]:
    return {
        "file": plan.file.model_dump(mode="json", include={"url", "size", "sha256", "format", "encoding"}),
        "rows": plan.rows,
        "orders": plan.orders,
        "by_status": plan.fates,
        "conflicts": plan.conflicts,
        "invalid": plan.problems,
        "duplicates": plan.duplicates,
        "left_out": plan.left_out,
        "problems": [asdict(problem) for problem in plan.examples],
        "left_out_orders": [asdict(order) for order in plan.left_out_examples],
    }


def has_problems(plan: Plan) -> bool:
    return bool(plan.problems or plan.duplicates or plan.fates.get(Fate.CONFLICT))


def plan_in_words(plan: Plan) -> str:
    parts = (
        number_of(plan.problems, "invalid order"),
        number_of(plan.duplicates, "duplicate"),
        number_of(plan.fates.get(Fate.CONFLICT, 0), "conflict"),
    )
    return ", ".join(part for part in parts if part)


def plan_view(plan: Plan) -> RenderableType:
    table = Table(title=f"{plan.rows:,} rows of {plan.file.url}", title_style="bold", header_style="bold")
    table.add_column("Orders")
    table.add_column("Number", justify="right")
    table.add_column("A run would")
    for status, action in _WHAT_A_RUN_DOES.items():
        if number := plan.fates.get(status, 0):
            table.add_row(named(status), f"{number:,}", action)
    if plan.duplicates:
        table.add_row(
            named("duplicate"), f"{plan.duplicates:,}", "leave out: the file has had that ID before"
        )
    if plan.problems:
        table.add_row(Text("invalid", style="red"), f"{plan.problems:,}", "leave out")
    if plan.left_out:
        table.add_row(named("left out"), f"{plan.left_out:,}", "leave out: not to be shipped, says the shop")
    if not table.row_count:
        table.add_row("none", "0", "do nothing")
    return Group(table, *_told(plan))


def _told(plan: Plan) -> Iterator[Text]:
    yield from _told_of(plan.examples, plan.problems + plan.duplicates)
    yield from _told_of(plan.left_out_examples, plan.left_out)
    if plan.conflicts:
        more = plan.fates.get(Fate.CONFLICT, 0) - MAX_SHOWN
        names = ", ".join(plan.conflicts[:MAX_SHOWN])
        yield Text(f"in conflict: {names}{f' and {more:,} more' if more > 0 else ''}", style="yellow")


def _told_of(examples: Sequence[RowProblem], number: int) -> Iterator[Text]:
    for problem in examples[:MAX_SHOWN]:
        yield Text(_line(problem), style=_STYLES[problem.kind])
    if number > MAX_SHOWN:
        yield Text(f"... and {number - MAX_SHOWN:,} more")


def _line(problem: RowProblem) -> str:
    return f"{problem.order_id}: {problem.reason}" if problem.order_id else problem.reason
