"""Scenario tokens, as card gateways have test cards: data that a call carries, and what it then meets.

They act even when no random faults are drawn. An undo is told only a key; it finds the token in what the
gateway stored with the effect."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from order_system.gateways.simulated.faults import FaultKind, Operation

ALWAYS = range(1, sys.maxsize)
ONCE = range(1, 2)
THRICE = range(1, 4)
FOR_A_WHILE = range(1, 3)
"""Shorter than policy.EFFECT_RETRY goes on trying."""
LONGER_THAN_A_STEP = range(1, 9)
"""Longer than that: the step gives up, and an undo finds the gateway back at work."""


@dataclass(frozen=True)
class Behaviour:
    """`operation` meets `kind` on those of its calls (counted from 1, for each key) that are in `calls`."""

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
    # SKUs; the warehouse stocks none of OUT_OF_STOCK, which is no trouble but a fact
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
"""What a card does to a charge, it does to an authorisation, too; and so with their undos."""

OUT_OF_STOCK = "OUT-OF-STOCK"
"""A SKU that the warehouse knows and has none of."""
MADE_UP = "ch_made_up"
"""The reference of a payment that was never made, of an order that says it is paid already."""


def scripted_fault(operation: Operation, tokens: Iterable[str | None], call: int) -> FaultKind | None:
    """What a token among `tokens` has in store for the `call`-th call of this operation, if any does."""
    for token in tokens:
        for behaviour in BEHAVIOURS.get(token or "", ()):
            if behaviour.operation is _AS.get(operation, operation) and call in behaviour.calls:
                return behaviour.kind
    return None
