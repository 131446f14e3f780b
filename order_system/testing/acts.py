"""What gateways do by a key, and the calls for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from order_system.domain import errors
from order_system.domain.messages import NoticeKind
from order_system.domain.order import Address, Customer, OrderLine
from order_system.domain.steps import Effect
from order_system.testing.playing import Call, Play

AMOUNT = 1_230
"""Minor units. It ends in 0, since some providers take no third decimal but that."""

Arguments = Callable[[Play], dict[str, Any]]


@dataclass(frozen=True)
class Act:
    method: str
    effect: Effect
    """Whose key it is called with."""
    twice: str
    """What follows for orders if it is done twice."""
    first: "Act | None" = None
    """What must have been done, so that this can be."""
    arguments: Arguments = lambda _: {}
    refused: Arguments = lambda _: {}
    """Those that meet a definite no, if any do,"""
    error: type[errors.BusinessError] = errors.BusinessError
    """and that no."""

    def __call__(self, play: Play, **other: Any) -> Call:
        """For the newest order."""
        return Call(self.method, play.key(self.effect), self.arguments(play) | other)


def lines(*skus: str, quantity: int = 1) -> dict[str, Any]:
    return {"lines": [OrderLine(sku=sku, quantity=quantity, unit_price=1) for sku in skus]}


def _address(text: str) -> dict[str, Any]:
    parts = [part.strip() for part in text.split(",")]
    return {"address": Address.model_validate(dict(zip(Address.model_fields, parts, strict=True)))}


def _customer(email: str) -> dict[str, Any]:
    return {"customer": Customer(name="Gateway Check", email=email)}


def _declined(play: Play) -> dict[str, Any]:
    amount = play.options.declined_amount
    return {"payment_method": play.options.declined} if amount is None else {"amount": amount}


CHARGE = Act(
    "charge",
    Effect.CHARGE,
    "a retry after a lost answer charges twice",
    arguments=lambda play: {
        "amount": AMOUNT,
        "currency": play.options.currency,
        "payment_method": play.options.method,
    },
    refused=_declined,
    error=errors.PaymentDeclined,
)
REFUND = Act("refund", Effect.CHARGE, "a retry gives the money back twice", CHARGE)
RESERVE = Act(
    "reserve",
    Effect.RESERVE,
    "a retry after a lost answer holds goods twice, and one lot for ever",
    arguments=lambda play: lines(play.options.sku),
    refused=lambda play: lines(play.options.sku, play.options.out_of_stock),
    error=errors.OutOfStock,
)
RELEASE = Act("release", Effect.RESERVE, "a retry puts goods back that are not there", RESERVE)
COMMIT = Act("commit", Effect.RESERVE, "a retry books goods out twice", RESERVE)
LABEL = Act(
    "buy_label",
    Effect.LABEL,
    "a retry buys a second label, which nobody voids",
    arguments=lambda play: _address(play.options.address) | lines(play.options.sku),
    refused=lambda play: _address(play.options.refused_address),
    error=errors.ShippingRefused,
)
DISPATCH = Act(
    "dispatch",
    Effect.DISPATCH,
    "a retry hands over a second parcel, or fails although the first one is gone",
    LABEL,
    arguments=lambda play: {"label_key": play.key(Effect.LABEL)},
)
VOID = Act("void", Effect.LABEL, "an undo that is retried does not end", LABEL)
SEND = Act(
    "send",
    Effect.NOTIFY,
    "a retry writes to the customer twice",
    arguments=lambda play: {"kind": NoticeKind.CONFIRMATION} | _customer(play.options.email),
    refused=lambda play: _customer(play.options.refused_email),
    error=errors.NoticeRefused,
)
