"""What the plan of a batch's file says: how many orders are what, what a run does about them, and what
is wrong with the rest."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from order_system.batches.files import ProblemKind
from order_system.domain.batch import Fate
from order_system.web.documents.batches import PlanDocument, PlannedProblem
from order_system.web.pages.words import counted

MOST_SHOWN = 20

_A_RUN_WILL = {
    "new": "start them",
    "failed": "run them again",
    "cancelled": "run them again",
    "terminated": "settle what they left open, and run them again",
    "open": "skip those that run; settle the others, and run them again",
    "fulfilled": "skip them",
    Fate.CONFLICT: "leave them alone: they are fulfilled or running with other content",
}
_STARTS = ("new", "failed", "cancelled", "terminated", "open")


@dataclass(frozen=True)
class PlanLine:
    name: str
    look: str
    number: int
    action: str


@dataclass(frozen=True)
class Example:
    lines: str
    order_id: str | None
    reason: str
    look: str


def plan_context(plan: PlanDocument) -> dict[str, Any]:
    """For the template."""
    startable = sum(plan.by_status.get(status, 0) for status in _STARTS)
    wrong = plan.invalid + plan.duplicates
    shown = plan.problems[:MOST_SHOWN]
    return {
        "summary": f"It holds {counted(plan.orders, 'order')} on {counted(plan.rows, 'row')}.",
        "lines": list(_lines(plan)),
        "examples": [_example(problem) for problem in shown],
        "examples_words": f"{len(shown)} of {wrong:,} shown" if wrong > len(shown) else "",
        "conflicts": plan.conflicts[:MOST_SHOWN],
        "startable": startable > 0,
        "startable_words": counted(startable, "order"),
    }


def _lines(plan: PlanDocument) -> Iterator[PlanLine]:
    for status, action in _A_RUN_WILL.items():
        if number := plan.by_status.get(status, 0):
            look = "running" if status == "open" else status
            yield PlanLine(status, look, number, action)
    if plan.duplicates:
        yield PlanLine(
            "duplicate", "duplicate", plan.duplicates, "leave them out: the file has their ID before"
        )
    if plan.invalid:
        yield PlanLine(
            "invalid", "failed", plan.invalid, "leave them out, and keep them as rejects to be mended"
        )


def _example(problem: PlannedProblem) -> Example:
    alone = problem.first_line == problem.last_line
    return Example(
        lines=str(problem.first_line) if alone else f"{problem.first_line} to {problem.last_line}",
        order_id=problem.order_id,
        reason=problem.reason,
        look="cancelled" if problem.kind is ProblemKind.DUPLICATE else "failed",
    )
