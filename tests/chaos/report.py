"""What runs did, counted: a few lines for the terminal, and docs/reliability.md."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from order_system.domain.reconciliation import ReconciliationReport
from tests.chaos.cases import TERMINATES, Blow
from tests.chaos.checks import Judgement
from tests.chaos.points import Row, is_gateway, row_of
from tests.chaos.run import Run
from workflows.reconciliation import ReconciliationWorkflow

COLUMNS: dict[str, tuple[Blow, ...]] = {
    "error, answer lost": (Blow.ERROR, Blow.NEVER, Blow.GATEWAY_AWAY, Blow.TOGETHER),
    "worker killed, stopped, frozen": (Blow.CRASH, Blow.DRAIN, Blow.FREEZE),
    "server killed": (Blow.SERVER,),
    "database down, another book": (
        *(Blow.LOCKED, Blow.REFUSING, Blow.BOOK_AWAY),
        *(Blow.SECOND_BOOK, Blow.BOOK_REPLACED),
    ),
    "time-out, lands later": (Blow.STALL, Blow.LATE, Blow.RACE, Blow.MEET, Blow.SLOW_START),
    "cancel": (Blow.CANCEL, Blow.CANCEL_CHILD, Blow.CANCEL_BATCH),
    "terminate": (*TERMINATES, Blow.STUCK_FOR_GOOD, Blow.TERMINATE_CHILD, Blow.TERMINATE_BATCH),
}


_INTRODUCTION = """\
`make chaos` runs {orders:,} orders through real worker processes, a real Temporal server and a database file,
and strikes them at named points: before each effect commits, after it has committed and before the answer is
heard, inside the undos, between the children. When all is quiet, it holds book, world and workflows against
each other. A failure prints its seed and the command that replays it. These numbers are from a machine with
{cores} cores."""

_SUBMISSIONS = """\
A submission is one start of an order. A terminated order is submitted again, and so are the orders of a batch
that was ended in its middle: so there are more submissions than orders."""


@dataclass
class Summary:
    """The numbers of one run."""

    seed: int
    kind: str
    """In which flows its orders ran, when they were captured, and where they were tried first."""
    orders: int
    seconds: float
    submissions: dict[str, int]
    effects: dict[str, int]
    attempts: dict[str, list[int]]
    """Of each effect: one number for each key that was claimed."""
    blows: Counter[str]
    cells: Counter[tuple[Row, str]]
    figures: dict[str, int]
    broken: list[str]
    untrue: list[str]
    missing: list[str] = field(default_factory=list[str])


async def summarise(run: Run, judgement: Judgement, missing: list[str]) -> Summary:
    entries = run.arena.entries.entries
    batches = {order.order_id for order in run.plan.orders if order.batch}
    cells: Counter[tuple[Row, str]] = Counter()
    for entry in run.fired:
        column = next(name for name, blows in COLUMNS.items() if entry.blow in blows)
        cells[row_of(entry.point), column] += 1
        if entry.order_id in batches:
            cells[Row.BATCH, column] += 1
    attempts: dict[str, list[int]] = {}
    for _, journal in (await run.arena.system.book.ledger()).entries:
        for effect, entry in journal.items():
            if entry.attempts:
                attempts.setdefault(effect, []).append(entry.attempts)

    reconciled = [report async for report in _reports_of_the_reconciler(run)]

    def told(*words: str) -> int:
        return sum(entry.what.startswith(words) for entry in entries)

    return Summary(
        seed=run.plan.seed,
        kind=", ".join(
            " and ".join(turns) for turns in (run.plan.flows, run.plan.captures, run.plan.first_attempts)
        ),
        orders=len(run.plan.orders),
        seconds=run.seconds,
        submissions=judgement.audit.submissions,
        effects=judgement.audit.effects,
        attempts=attempts,
        blows=Counter(entry.blow + _of_two(entry.beside) for entry in run.fired),
        cells=cells,
        figures={
            "worker processes started": run.arena.starts,
            "servers killed and started again": told("server killed"),
            "requests that landed late": told("landed"),
            "requests that came late and were refused": told("refused"),
            "orders that needed attention for a while or for good": judgement.called,
            "orders that still need attention": judgement.waiting,
            "abandoned submissions that the reconciler settled": sum(
                report.settled.count + report.fulfilled.count for report in reconciled
            ),
            "effects that landed when nobody waited, undone by the reconciler": sum(
                report.doubts_undone.count for report in reconciled
            ),
            "keys left in doubt": len(judgement.audit.in_doubt),
            "workflows": judgement.executions,
            "histories replayed": judgement.histories,
        },
        broken=judgement.broken,
        untrue=judgement.untrue,
        missing=missing,
    )


def _of_two(beside: str) -> str:
    if not beside:
        return ""
    return ", two steps running" if is_gateway(beside) else ", the step beside it done"


async def _reports_of_the_reconciler(run: Run) -> AsyncIterator[ReconciliationReport]:
    """On its schedule, and when nothing ran any more."""
    queue = run.arena.system.task_queue
    ended = "WorkflowType = 'ReconciliationWorkflow' AND ExecutionStatus = 'Completed'"
    async for found in run.temporal.list_workflows(f"TaskQueue = '{queue}' AND {ended}"):
        handle = run.temporal.get_workflow_handle_for(
            ReconciliationWorkflow.run, found.id, run_id=found.run_id
        )
        yield await handle.result()


def as_text(summary: Summary) -> str:
    lines = [
        f"{summary.orders} orders in {summary.seconds:.0f} s",
        f"submissions: {_listed(summary.submissions)}",
        f"blows: {_listed(summary.blows)}",
        *(f"{name}: {number}" for name, number in summary.figures.items()),
        *(f"NOT TRIED: {line}" for line in summary.missing),
        *(f"BROKEN: {line}" for line in summary.broken),
        *(f"UNTRUE: {line}" for line in summary.untrue),
        f"{len(summary.broken)} broken, {len(summary.untrue)} untrue, {len(summary.missing)} not tried",
    ]
    return "\n".join(lines)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


# --- docs/reliability.md --------------------------------------------------------------------------


def as_document(runs: Sequence[Summary], invariants: Sequence[str], both_flows: str = "") -> str:
    """`both_flows`: how long the same orders take in each, in words."""
    first = runs[0]
    parts = [
        "# Reliability",
        "<!-- Written by the run: `make chaos ... REPORT=docs/reliability.md`. Do not edit. -->",
        _INTRODUCTION.format(orders=first.orders, cores=os.cpu_count()),
        "## Runs",
        _table(["", *(f"seed {run.seed}" for run in runs)], _rows_of_runs(runs)),
        _SUBMISSIONS,
        *([both_flows] if both_flows else []),
        "## What struck",
        _table(["", *(f"seed {run.seed}" for run in runs)], _counted(runs, lambda run: run.blows)),
        "Where it struck, all runs together. An order of a batch counts in its own row and in the batch's.",
        _table(["hit at", *COLUMNS], _matrix(runs)),
        "## What happened in the world",
        _table(["", *(f"seed {run.seed}" for run in runs)], _counted(runs, lambda run: run.effects)),
        "Attempts at each effect, all runs together:",
        _table(["effect", "keys", "attempts", "on average", "at most"], _attempts(runs)),
        "## What was checked",
        "\n".join(f"- {name}" for name in invariants),
    ]
    return "\n\n".join(parts) + "\n"


def _rows_of_runs(runs: Sequence[Summary]) -> Iterator[list[str]]:
    yield ["orders", *(str(run.orders) for run in runs)]
    yield ["flow, capture, first attempts", *(run.kind for run in runs)]
    yield ["seconds", *(f"{run.seconds:.0f}" for run in runs)]
    yield ["**checks broken**", *(f"**{len(run.broken)}**" for run in runs)]
    yield ["**untrue statements**", *(f"**{len(run.untrue)}**" for run in runs)]
    for status in ("fulfilled", "failed", "cancelled", "terminated", "open"):
        yield [f"submissions {status}", *(str(run.submissions.get(status, 0)) for run in runs)]
    for name in runs[0].figures:
        yield [name, *(str(run.figures[name]) for run in runs)]


def _counted(runs: Sequence[Summary], of: Callable[[Summary], dict[str, int]]) -> Iterator[list[str]]:
    for name in sorted({name for run in runs for name in of(run)}):
        yield [name, *(str(of(run).get(name, 0)) for run in runs)]


def _matrix(runs: Sequence[Summary]) -> Iterator[list[str]]:
    for row in Row:
        yield [row, *(str(sum(run.cells[row, column] for run in runs) or "") for column in COLUMNS)]


def _attempts(runs: Sequence[Summary]) -> Iterator[list[str]]:
    for effect in dict.fromkeys(effect for run in runs for effect in run.attempts):
        numbers = [number for run in runs for number in run.attempts.get(effect, [])]
        mean = sum(numbers) / len(numbers)
        yield [effect, str(len(numbers)), str(sum(numbers)), f"{mean:.2f}", str(max(numbers))]


def _table(head: Sequence[str], rows: Iterator[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
