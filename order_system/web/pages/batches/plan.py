"""What the plan of a batch's file says: how many orders are what, what a run does about them, and what is
wrong with the rest."""

from typing import Any

from order_system.batches.reports import A_RUN_WILL
from order_system.web.documents.batches import PlanDocument
from order_system.web.pages.words import counted

MOST_SHOWN = 20

_LOOKS = {"open": "running", "invalid": "failed", "left out": "skipped"}
_STARTS = ("new", "failed", "cancelled", "terminated", "open")


def plan_context(plan: PlanDocument) -> dict[str, Any]:
    """For the template."""
    startable = sum(plan.by_status.get(status, 0) for status in _STARTS)
    others = {"duplicate": plan.duplicates, "invalid": plan.invalid, "left out": plan.left_out}
    numbers = {**plan.by_status, **others}
    problems, left_out = plan.problems[:MOST_SHOWN], plan.left_out_orders[:MOST_SHOWN]
    return {
        "summary": f"The file holds {counted(plan.orders, 'order')} on {counted(plan.rows, 'row')}.",
        "lines": [
            (name, _LOOKS.get(name, name), numbers[name], action)
            for name, action in A_RUN_WILL.items()
            if numbers.get(name)
        ],
        "warnings": plan.warnings,
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
