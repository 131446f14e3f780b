"""Scenario tokens, like the test cards of card gateways: data in a call, and the faults that it then meets.

They act even when no random faults are drawn. An undo gets only a key; it finds the token in what the
gateway stored with the effect."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from order_system.gateways.simulated.faults import FaultKind, Operation

ALWAYS = range(1, sys.maxsize)
ONCE = range(1, 2)
THRICE = range(1, 4)
FOR_A_WHILE = range(1, 3)
"""Fewer calls than policy.DEMO_PATIENCE allows."""
LONGER_THAN_A_STEP = range(1, 9)
"""More calls than that: the step gives up, and then an undo finds the gateway at work again."""


@dataclass(frozen=True)
class Behaviour:
    """`kind` strikes the calls of `operation` whose number is in `calls`: from 1, counted for each key."""

    operation: Operation
    kind: FaultKind
    calls: range = ALWAYS


_REFUSED, _NOT_REACHED, _LOST = FaultKind.REFUSED, FaultKind.NOT_REACHED, FaultKind.ANSWER_LOST

EXPIRES = "pm_authorisation_expires"
"""A payment method that can be authorised, and never captured."""

BEHAVIOURS: dict[str, tuple[Behaviour, ...]] = {
    # payment methods
    "pm_card_declined": (Behaviour(Operation.CHARGE, _REFUSED),),
    "pm_answer_lost_once": (Behaviour(Operation.CHARGE, _LOST, ONCE),),
    "pm_answer_always_lost": (Behaviour(Operation.CHARGE, _LOST),),
    "pm_gateway_down_for_a_while": (Behaviour(Operation.CHARGE, _NOT_REACHED, FOR_A_WHILE),),
    "pm_gateway_down": (Behaviour(Operation.CHARGE, _NOT_REACHED),),
    "pm_refund_fails_thrice": (Behaviour(Operation.REFUND, _NOT_REACHED, THRICE),),
    "pm_refund_answer_lost_once": (Behaviour(Operation.REFUND, _LOST, ONCE),),
    "pm_refund_never": (Behaviour(Operation.REFUND, _NOT_REACHED),),
    EXPIRES: (Behaviour(Operation.CAPTURE, _REFUSED),),
    # SKUs; OUT_OF_STOCK is not among them: that is no fault, the warehouse has none of it
    "RESERVE-ANSWER-LOST": (Behaviour(Operation.RESERVE, _LOST),),
    "RELEASE-NEVER": (Behaviour(Operation.RELEASE, _NOT_REACHED),),
    "COMMIT-DOWN": (Behaviour(Operation.COMMIT, _NOT_REACHED, LONGER_THAN_A_STEP),),
    # postal codes, none of which exists
    "00000": (Behaviour(Operation.LABEL, _REFUSED),),
    "00001": (Behaviour(Operation.DISPATCH, _REFUSED),),
    "00002": (Behaviour(Operation.DISPATCH, _LOST, ONCE),),
    "00003": (Behaviour(Operation.DISPATCH, _LOST),),
    "00004": (Behaviour(Operation.DISPATCH, _REFUSED), Behaviour(Operation.VOID, _NOT_REACHED)),
    "00005": (Behaviour(Operation.DISPATCH, _REFUSED, ONCE),),
    # e-mail addresses
    "bounces@example.com": (Behaviour(Operation.NOTIFY, _REFUSED),),
    "mailer-down@example.com": (Behaviour(Operation.NOTIFY, _NOT_REACHED),),
}

_AS = {Operation.AUTHORISE: Operation.CHARGE, Operation.VOID_PAYMENT: Operation.REFUND}
"""A card that fails a charge also fails an authorisation; one that fails a refund also fails a void."""

OUT_OF_STOCK = "OUT-OF-STOCK"
"""A SKU that the warehouse knows and has none of."""
MADE_UP = "ch_made_up"
"""The reference of a payment that was never made, for an order that claims to be paid already."""


def scripted_fault(operation: Operation, tokens: Iterable[str | None], call: int) -> FaultKind | None:
    """Return the fault that one of `tokens` prescribes for the `call`-th call of this operation, if any."""
    for token in tokens:
        for behaviour in BEHAVIOURS.get(token or "", ()):
            if behaviour.operation is _AS.get(operation, operation) and call in behaviour.calls:
                return behaviour.kind
    return None
