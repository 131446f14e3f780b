"""What gateways do for a key, and the calls for that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from order_system.domain import errors
from order_system.domain.gateways import NoticeDetails
from order_system.domain.ids import GATEWAY_CHECK
from order_system.domain.messages import NoticeKind
from order_system.domain.order import Address, Customer, OrderLine, PaymentReceipt
from order_system.domain.steps import Effect
from order_system.testing.answers import Call, NotShown
from order_system.testing.playing import Play

AMOUNT = 1_990
"""Minor units. It ends in 0, since some providers take no third decimal but 0. As a float, 19.90 is a little
less: a gateway that calculates with floats gets 1989."""
PART = 10
"""Minor units: a part of a payment made elsewhere, or of what a fulfilled order paid."""

Arguments = Callable[[Play], dict[str, Any]]


@dataclass(frozen=True)
class Act:
    method: str
    effect: str
    """The end of its key."""
    twice: str
    """What follows for orders if the act is done twice."""
    undo: str | None = None
    """The method that takes the act back, by the key of the `first` act or by its own."""
    first: "Act | None" = None
    """The act that must have been done before."""
    arguments: Arguments = lambda _: {}
    refused: Arguments = lambda _: {}
    """The arguments that get a definite no."""
    error: type[errors.BusinessError] | None = None
    """The definite no that the act may raise, if any."""
    listed: bool = True
    """Whether every statement of accounts lists it."""

    def call(self, play: Play, **other: Any) -> Call:
        """Return the call for the newest order."""
        return Call(self.method, _key(play, self.method, self.effect), self.arguments(play) | other)

    def undo_call(self, play: Play) -> Call:
        effect = Effect.CHARGE if self.undo == "refund" else (self.first or self).effect
        arguments = _receipt(play, self.undo) if effect is Effect.CHARGE else {}
        return Call(self.undo or "", _key(play, self.undo, effect), arguments)


def _key(play: Play, method: str | None, effect: str) -> str:
    """Return the key. A method that gets another method's key gets no round, except the void of money."""
    bare = method in ("refund", "release", "commit") or (method, effect) == ("void", Effect.LABEL)
    return str(play.key(effect)) if bare else play.key(effect)


def family_of(act: Act) -> tuple[Act, Act, Act]:
    """Return the family of an act. Raises StopIteration if it has none."""
    return next(family for family in FAMILIES if act in family)


async def begun(play: Play, act: Act) -> Call:
    """Begin a scenario, do all that must be done before the act, and return the call for the act."""
    await play.scenario()
    if TAKE_OVER in (act, act.first):
        await _hold_elsewhere(play)
    if act.first:
        await play.ask(act.first.call(play))
    return act.call(play)


async def _hold_elsewhere(play: Play) -> None:
    """Choose what is to be taken over: the next of --authorised, or else what another order holds."""
    if not hasattr(play.gateway, "take_over"):
        raise NotShown("it takes a gateway that has take_over")
    if given := play.options.authorised:
        play.reference, _, rest = given.partition(",")
        play.options = replace(play.options, authorised=rest or " ")
    else:
        play.reference = (await play.ask(AUTHORISE.call(play))).charge_id
        play.order()


def lines(*skus: str, quantity: int = 1) -> dict[str, Any]:
    return {"lines": [OrderLine(sku=sku, quantity=quantity, unit_price=1) for sku in skus]}


def _receipt(play: Play, undo: str | None = "refund") -> dict[str, Any]:
    """Return the receipt to undo by, None if no answer came. A refund gets a capture's, if there is one."""
    first = play.receipts.get(play.key(Effect.CHARGE))
    return {"receipt": first if undo == "void" else play.receipts.get(play.key(Effect.CAPTURE), first)}


def _held(play: Play) -> dict[str, Any]:
    """Return the arguments to capture what is held. If nothing is held, they pretend that it is."""
    made_up = PaymentReceipt(charge_id=GATEWAY_CHECK, amount=AMOUNT, currency=play.options.currency)
    charge_key = play.key(Effect.CHARGE)
    return {"charge_key": str(charge_key), "receipt": play.receipts.get(charge_key, made_up)}


def _address(text: str) -> dict[str, Any]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != len(Address.model_fields):
        raise NotShown(f"{text!r} is no address: it takes {', '.join(Address.model_fields)}")
    return {"address": Address.model_validate(dict(zip(Address.model_fields, parts, strict=True)))}


def _customer(email: str) -> dict[str, Any]:
    return {"customer": Customer(name="Gateway Check", email=email)}


def _payment(play: Play) -> dict[str, Any]:
    given = play.options
    return {"amount": AMOUNT, "currency": given.currency, "payment_method": given.method}


def _declined(play: Play) -> dict[str, Any]:
    given = play.options
    if given.declined_amount:
        return {"amount": given.declined_amount}
    return {"payment_method": given.declined, "amount": AMOUNT + PART}


CHARGE = Act(
    "charge",
    Effect.CHARGE,
    "a retry after a lost answer charges twice",
    "refund",
    arguments=_payment,
    refused=_declined,
    error=errors.PaymentDeclined,
)
REFUND = Act("refund", Effect.CHARGE, "a retry gives the money back twice", "refund", CHARGE, _receipt)
REFUND_PART = Act(
    "refund_part",
    f"refund-{'1' * 20}",
    "a retry gives the money back twice",
    "refund",
    CHARGE,
    arguments=lambda play: {"charge_key": str(play.key(Effect.CHARGE)), "amount": PART} | _receipt(play),
)
AUTHORISE = replace(
    CHARGE, method="authorise", twice="a retry holds the customer's money twice", undo="void", listed=False
)
CAPTURE = Act("capture", Effect.CAPTURE, "a retry takes the money twice", "refund", AUTHORISE, _held)
_ENDLESS = "an undo that is retried does not end"
RELINQUISH = Act("void", Effect.CHARGE, _ENDLESS, "void", AUTHORISE, partial(_receipt, undo="void"))
TAKE_OVER = Act(
    "take_over",
    Effect.CHARGE,
    "two orders are paid by what was authorised for one, or a retry is told that it is another's",
    "void",
    arguments=lambda play: {"reference": play.reference, "amount": AMOUNT, "currency": play.options.currency},
    error=errors.PaymentNotConfirmed,
    listed=False,
)
CAPTURE_TAKEN = replace(CAPTURE, first=TAKE_OVER, error=errors.PaymentDeclined)
RESERVE = Act(
    "reserve",
    Effect.RESERVE,
    "a retry after a lost answer holds goods twice, and one lot for ever",
    "release",
    arguments=lambda play: lines(play.options.sku),
    refused=lambda play: lines(play.options.sku, play.options.out_of_stock),
    error=errors.OutOfStock,
)
RELEASE = Act("release", Effect.RESERVE, "a retry puts goods back that are not there", "release", RESERVE)
COMMIT = Act("commit", Effect.RESERVE, "a retry books goods out twice", None, RESERVE)
LABEL = Act(
    "buy_label",
    Effect.LABEL,
    "a retry buys a second label, which nobody voids",
    "void",
    arguments=lambda play: _address(play.options.address) | lines(play.options.sku),
    refused=lambda play: _address(play.options.refused_address),
    error=errors.ShippingRefused,
)
DISPATCH = Act(
    "dispatch",
    Effect.DISPATCH,
    "a retry hands over a second parcel, or fails although the first one is gone",
    "void",
    LABEL,
    arguments=lambda play: {"label_key": str(play.key(Effect.LABEL))},
)
VOID = Act("void", Effect.LABEL, _ENDLESS, "void", LABEL)
MONEY = (AUTHORISE, CAPTURE, RELINQUISH), (TAKE_OVER, CAPTURE_TAKEN, RELINQUISH)
FAMILIES = (LABEL, DISPATCH, VOID), *MONEY
"""Each has an act that prepares, an act that makes it final, and an act that prevents that."""
SEND = Act(
    "send",
    Effect.NOTIFY,
    "a retry writes to the customer twice",
    arguments=lambda play: {"kind": NoticeKind.CONFIRMATION} | _customer(play.options.email),
    refused=lambda play: _customer(play.options.refused_email),
    error=errors.NoticeRefused,
)


def _details(play: Play) -> dict[str, Any]:
    return SEND.arguments(play) | {"details": NoticeDetails()}


SEND_DETAILS = replace(SEND, method="send_details", arguments=_details)
