"""Scenario tokens, like the test cards of card gateways: data in a call. `behaviours.toml` says which faults
the call then meets.

They act even when no random faults are drawn. An undo gets only a key; it finds the token in what the
gateway stored with the effect."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter

from order_system.domain.order import Strict
from order_system.gateways.simulated.faults import FaultKind, Operation


class Behaviour(Strict):
    """A fault that strikes calls of an operation with the same key."""

    operation: Operation
    kind: FaultKind
    first: int | None = None
    """How many calls it strikes. None: all of them."""


BEHAVIOURS = TypeAdapter(dict[str, tuple[Behaviour, ...]]).validate_python(
    tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
)

EXPIRES = "pm_authorisation_expires"
"""A payment method that can be authorised, and never captured."""

_AS = {Operation.AUTHORISE: Operation.CHARGE, Operation.VOID_PAYMENT: Operation.REFUND}

OUT_OF_STOCK = "OUT-OF-STOCK"
"""A SKU that the warehouse knows and has none of."""
MADE_UP = "ch_made_up"
"""The reference of a payment that was never made, for an order that claims to be paid already."""


def scripted_fault(operation: Operation, tokens: Iterable[str | None], call: int) -> FaultKind | None:
    """Return the fault that one of `tokens` prescribes for the `call`-th call of this operation, if any."""
    for token in tokens:
        for each in BEHAVIOURS.get(token or "", ()):
            if each.operation is _AS.get(operation, operation) and call <= (each.first or call):
                return each.kind
    return None
