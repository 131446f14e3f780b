"""What the plan of a batch's file says: how many orders are what, what a run does about them, and what is
wrong with the rest."""

from collections.abc import Iterator
from typing import Any

from order_system.domain.batch import Fate
from order_system.web.documents.batches import PlanDocument
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


def plan_context(plan: PlanDocument) -> dict[str, Any]:
    """For the template."""
    startable = sum(plan.by_status.get(status, 0) for status in _STARTS)
    problems, left_out = plan.problems[:MOST_SHOWN], plan.left_out_orders[:MOST_SHOWN]
    return {
        "summary": f"The file holds {counted(plan.orders, 'order')} on {counted(plan.rows, 'row')}.",
        "lines": list(_lines(plan)),
        "problems": problems,
        "problems_words": _shown(len(problems), plan.invalid + plan.duplicates),
        "left_out": left_out,
        "left_out_words": _shown(len(left_out), plan.left_out),
        "conflicts": plan.conflicts[:MOST_SHOWN],
        "startable": startable > 0,
        "startable_words": counted(startable, "order"),
    }


def _shown(number: int, of: int) -> str:
    return f"{number} of {of:,} shown" if of > number else ""


def _lines(plan: PlanDocument) -> Iterator[tuple[str, str, int, str]]:
    """Name, look, number, and what a run will do."""
    for status, action in _A_RUN_WILL.items():
        if number := plan.by_status.get(status, 0):
            yield status, "running" if status == "open" else status, number, action
    if plan.duplicates:
        action = "leave them out: the same ID stands earlier in the file"
        yield "duplicate", "duplicate", plan.duplicates, action
    if plan.invalid:
        yield "invalid", "failed", plan.invalid, "leave them out, and keep them as rejects for you to mend"
    if plan.left_out:
        yield "left out", "skipped", plan.left_out, "leave them out: not to be shipped, says the shop"
