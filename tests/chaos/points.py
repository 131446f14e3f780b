"""The named points of each effect and each undo, and to which row of the matrix a point belongs.

Around a gateway's call: `before charge` (nothing has happened), `after charge` (it has, and nobody knows).
Around a transaction of the book: `before claim charge`, `after record charge`, `before fence label` ...

An order's charge is whatever the gateway does under that key: take the money, only authorise it, take over
what a checkout has authorised, or look up what is paid already.
"""

from enum import StrEnum

from order_system.domain import steps
from order_system.domain.steps import PIVOT, Effect

EFFECTS = tuple(map(str, Effect))
UNDOS = ("void", "release", "void payment", "refund")
GATEWAY_CALLS = (*EFFECTS, *UNDOS)

CLAIMED = ("charge", "reserve", "label", "capture", "dispatch", "notify")
RECORDED = ("charge", "reserve", "label", "capture", "notify")
"""A dispatch is recorded by `fulfil`, together with its commit."""
FENCED = tuple(str(undo.effect) for undo in steps.UNDOS.values())
BOOK_CALLS = (
    *(f"claim {effect}" for effect in CLAIMED),
    *(f"record {effect}" for effect in RECORDED),
    "fulfil",
    *(f"{step} {effect}" for step in ("fence", "end_undo") for effect in FENCED),
)
BATCH_CALLS = ("read page",)

STEP_OF = {**{str(effect): str(step) for effect, step in steps.STEP_OF.items()}, "fulfil": str(PIVOT)}
"""Which child is at work where."""

GATEWAYS = {
    "payments": ("charge", "capture", "void payment", "refund"),
    "warehouse": ("reserve", "commit", "release"),
    "carrier": ("label", "dispatch", "void"),
    "mailer": ("notify",),
}
"""The calls of each."""


class Row(StrEnum):
    BEFORE = "before the effect commits"
    COMMITTED = "committed, answer lost"
    DISPATCHED = "dispatch committed, answer lost"
    BETWEEN = "between children"
    UNDOING = "inside the undos"
    BATCH = "batch, order k"
    AFTERWARDS = "after dispatch"


def before(call: str) -> str:
    return f"before {call}"


def after(call: str) -> str:
    return f"after {call}"


def is_gateway(point: str) -> bool:
    return point.partition(" ")[2] in GATEWAY_CALLS


def gateway_at(point: str) -> str:
    call = point.partition(" ")[2]
    return next(gateway for gateway, calls in GATEWAYS.items() if call in calls)


def row_of(point: str) -> Row:
    when, _, call = point.partition(" ")
    subject = call.rpartition(" ")[2]
    rows = {
        Row.BATCH: call in BATCH_CALLS,
        Row.UNDOING: is_undo(point),
        Row.AFTERWARDS: subject == "notify" or point == "after fulfil",
        Row.DISPATCHED: call == "commit" or point in ("after dispatch", "before fulfil"),
        Row.BETWEEN: point in ("after record charge", "after record reserve"),
        Row.COMMITTED: call.startswith("record") or (when == "after" and call in EFFECTS),
    }
    return next((row for row, belongs in rows.items() if belongs), Row.BEFORE)


def is_undo(point: str) -> bool:
    call = point.partition(" ")[2]
    return call in UNDOS or call.startswith(("fence", "end_undo"))


def only_on_dispatch(point: str) -> bool:
    """Whether no order comes there whose money is taken at once."""
    call = point.partition(" ")[2]
    return call == "void payment" or call.rpartition(" ")[2] == "capture"


def child_at(point: str) -> str | None:
    """The step whose child works at this point; None while the parent undoes."""
    call = point.partition(" ")[2]
    return None if call.startswith(("fence", "end_undo")) else STEP_OF.get(call.rpartition(" ")[2])
