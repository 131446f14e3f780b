"""The simulated payment gateway."""

import re
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.engine import Connection

from order_system.domain.errors import PaymentDeclined, PaymentNotConfirmed, RefundRefused
from order_system.domain.gateways import NotCaptured, PaymentElsewhere
from order_system.domain.money import format_amount
from order_system.domain.order import PaymentReceipt, RefundReceipt
from order_system.gateways.simulated.behaviours import MADE_UP
from order_system.gateways.simulated.faults import Operation
from order_system.gateways.simulated.switchboard import AtSwitchboard, Call, call_of, id_from
from order_system.gateways.simulated.tables import (
    CHECKOUT,
    PAYMENTS,
    authorisations,
    charges,
    refunded_parts,
    refunds,
)
from order_system.infra.database import insert_unless_there, writes

# Made once: building a statement costs more than running it.
_PAYMENT = PAYMENTS.where(charges.c.key == bindparam("of_key"))
_HELD = select(authorisations).where(authorisations.c.charge_id == bindparam("of_reference"))
_DECLINED = "the card was declined (simulated)"
_OF_OUR_KIND = re.compile(r"ch_[\w.-]{1,61}", re.ASCII)


class SimulatedPaymentGateway(AtSwitchboard):
    """Implements `domain.gateways.PaymentGateway` and all its optional methods. It looks up references that
    begin with `ch_`. Any such payment exists except MADE_UP, with the total of the first order that names it;
    if `strict`, only received payments exist. Each payment is refunded once, for one order, however little of
    it: if a second order used the same payment, a person refunds that order."""

    @writes
    def receive(self, tx: Connection, reference: str, *, amount: int, currency: str) -> None:
        """Record that a shop's checkout captured a payment, in minor units. A later order names it as
        `paid:<reference>`. The reference has at most 64 characters."""
        _pay_elsewhere(tx, reference, amount, currency)

    @call_of(Operation.CHARGE)
    def charge(
        self, call: Call, key: str, *, amount: int, currency: str, payment_method: str
    ) -> PaymentReceipt:
        stored = _find_charge(call, key)
        call.meet_trouble([payment_method], refusal=None if stored else PaymentDeclined(_DECLINED))
        if stored is not None:
            return stored
        payment = _payment(key, amount, currency, payment_method)
        call.insert(charges, payment)
        return PaymentReceipt.model_validate(payment)

    @call_of(Operation.AUTHORISE)
    def authorise(
        self, call: Call, key: str, *, amount: int, currency: str, payment_method: str
    ) -> PaymentReceipt:
        stored = call.find(authorisations, key)
        call.meet_trouble([payment_method], refusal=None if stored else PaymentDeclined(_DECLINED))
        payment = _payment(key, amount, currency, payment_method)
        # As with a label: the first insert wins, this one or that of a void.
        call.insert_unless_there(authorisations, payment | {"state": "held"})
        held = call.get(authorisations, key)
        if held.state == "voided":
            raise PaymentDeclined("the authorisation was voided")
        return _receipt(held)

    @call_of(Operation.AUTHORISE)
    def take_over(
        self, call: Call, key: str, *, reference: str, amount: int, currency: str
    ) -> PaymentReceipt:
        ours, theirs = call.find(authorisations, key), CHECKOUT + reference
        call.meet_trouble([], refusal=None if ours else PaymentDeclined(_DECLINED))
        if ours is None:
            if not self.strict and reference != MADE_UP:
                known = call.connection.execute(_HELD, {"of_reference": reference}).first()
                price = (known.amount, known.currency) if known else (amount, currency)
                _pay_elsewhere(call.connection, reference, *price, held=True)
            found = call.find(authorisations, theirs)
            if found is None or (found.amount, found.currency) != (amount, currency):
                owed = format_amount(amount, currency)
                raise PaymentNotConfirmed(f"{reference} holds no {owed} (simulated)")
            if not call.move(authorisations, theirs, "held", "taken over"):
                raise PaymentNotConfirmed(f"{reference} is taken already (simulated)")
            payment = _payment(key, amount, currency, reference) | {"charge_id": reference}
            call.insert_unless_there(authorisations, payment | {"state": "held"})
            ours = call.get(authorisations, key)
        if ours.state == "voided" or ours.charge_id != reference:
            raise PaymentNotConfirmed(f"{reference} was voided for this order (simulated)")
        return _receipt(ours)

    @call_of(Operation.CAPTURE)
    def capture(self, call: Call, key: str, *, charge_key: str, receipt: PaymentReceipt) -> PaymentReceipt:
        held, taken = call.find(authorisations, charge_key), call.find(charges, charge_key)
        expired = PaymentDeclined("the authorisation has expired (simulated)") if taken is None else None
        call.meet_trouble([held.payment_method if held else None], refusal=expired)
        # Atomic against a void: only one of the two changes the row from `held`.
        if call.move(authorisations, charge_key, "held", "captured"):
            held = call.get(authorisations, charge_key)
            payment = _payment(charge_key, held.amount, held.currency, held.payment_method)
            call.insert(charges, payment | {"charge_id": held.charge_id})
        if (taken := call.find(charges, charge_key)) is None:
            raise PaymentDeclined("the authorisation was voided" if held else "nothing is authorised")
        return _receipt(taken)

    @call_of(Operation.VOID_PAYMENT)
    def void(
        self, call: Call, charge_key: str, *, receipt: PaymentReceipt | None
    ) -> NotCaptured | PaymentReceipt:
        held = call.find(authorisations, charge_key)
        call.meet_trouble([held.payment_method if held else None])
        call.insert_unless_there(authorisations, {"key": charge_key, "state": "voided"})
        call.move(authorisations, charge_key, "held", "voided")
        if taken := call.find(charges, charge_key):
            return _receipt(taken)
        return NotCaptured(authorised=call.get(authorisations, charge_key).charge_id is not None)

    @call_of(Operation.CHARGE)
    def find_payment(
        self, call: Call, key: str, *, reference: str, amount: int, currency: str
    ) -> PaymentElsewhere | None:
        call.meet_trouble([])
        if not self.strict:
            if not _OF_OUR_KIND.fullmatch(reference):
                return None
            if reference != MADE_UP:
                _pay_elsewhere(call.connection, reference, amount, currency)
        payment = call.connection.execute(_PAYMENT, {"of_key": CHECKOUT + reference}).first()
        if payment is None:
            raise PaymentNotConfirmed(f"there is no payment {reference} (simulated)")
        return PaymentElsewhere(reference, payment.amount, payment.currency, payment.refunded)

    @call_of(Operation.REFUND)
    def refund(self, call: Call, charge_key: str, *, receipt: PaymentReceipt | None) -> RefundReceipt | None:
        """Refund the charge. Stores nothing if there is no such charge: it may still come, and gateways do
        not remember refunds that they could not make."""
        elsewhere = receipt if receipt and receipt.captured_elsewhere else None
        stored_as = CHECKOUT + elsewhere.charge_id if elsewhere else charge_key
        charge = call.connection.execute(_PAYMENT, {"of_key": stored_as}).first()
        call.meet_trouble([charge.payment_method if charge else None])
        if charge is None:
            return None
        left = charge.amount if charge.refund_id else charge.amount - charge.refunded
        amount = elsewhere.amount if elsewhere else left
        refund_id = id_from("re", charge_key)
        refund = RefundReceipt(refund_id=refund_id, amount=amount, currency=charge.currency)
        if charge.refund_id is None:
            call.insert(refunds, {"charge_key": stored_as, "refund_id": refund_id, "amount": amount})
        return refund if charge.refund_id in (None, refund_id) else None

    @call_of(Operation.REFUND)
    def refund_part(
        self, call: Call, key: str, *, charge_key: str, receipt: PaymentReceipt, amount: int
    ) -> RefundReceipt:
        stored_as = CHECKOUT + receipt.charge_id if receipt.captured_elsewhere else charge_key
        charge = call.connection.execute(_PAYMENT, {"of_key": stored_as}).first()
        call.meet_trouble([charge.payment_method if charge else None])
        if call.find(refunded_parts, key) is None:
            if charge is None or charge.amount < charge.refunded + amount:
                raise RefundRefused("the charge has no more to give back (simulated)")
            call.insert(refunded_parts, {"key": key, "charge_key": stored_as, "amount": amount})
        return RefundReceipt(refund_id=id_from("re", key), amount=amount, currency=receipt.currency)


def _pay_elsewhere(tx: Connection, reference: str, amount: int, currency: str, *, held: bool = False) -> None:
    """Store, once, that a shop's checkout has captured a payment, or authorised it if it is `held`."""
    row = {"key": CHECKOUT + reference, "payment_method": CHECKOUT, "charge_id": reference}
    row |= {"amount": amount, "currency": currency, **({"state": "held"} if held else {})}
    insert_unless_there(tx, authorisations if held else charges, row)


def _find_charge(call: Call, key: str) -> PaymentReceipt | None:
    charge = call.find(charges, key)
    return None if charge is None else _receipt(charge)


def _payment(key: str, amount: int, currency: str, payment_method: str) -> dict[str, Any]:
    paid = {"charge_id": id_from("ch", key), "amount": amount, "currency": currency}
    return {"key": key, "payment_method": payment_method, **paid}


def _receipt(row: Row[Any]) -> PaymentReceipt:
    return PaymentReceipt.model_validate(row, from_attributes=True)
