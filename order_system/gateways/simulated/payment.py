"""The simulated payment gateway."""

import re

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from order_system.domain.errors import PaymentDeclined, PaymentNotConfirmed
from order_system.domain.gateways import PaymentElsewhere
from order_system.domain.order import PaymentReceipt, RefundReceipt
from order_system.gateways.simulated.behaviours import MADE_UP
from order_system.gateways.simulated.faults import Operation
from order_system.gateways.simulated.switchboard import Call, Switchboard, id_from
from order_system.gateways.simulated.tables import CHECKOUT, charges, insert_unless_there, refunds

# Made once: to put a statement together costs more than to carry it out.
_PAYMENT = select(charges, func.coalesce(refunds.c.amount, 0).label("refunded")).outerjoin_from(
    charges, refunds
)
_OF_OUR_KIND = re.compile(r"ch_[\w.-]{1,61}", re.ASCII)


class SimulatedPaymentGateway:
    """Implements `domain.gateways.PaymentGateway` and `PaymentsElsewhere`. It can look up references that
    begin with `ch_`, and has them all but MADE_UP, as large as the first order that names it; with
    `strict_payments` it has what was received, and nothing else. It gives of each payment back once, to one
    order, however little: what a second one took of it is for a person to give back."""

    def __init__(self, switchboard: Switchboard, *, strict_payments: bool) -> None:
        self._switchboard = switchboard
        self._strict_payments = strict_payments

    async def receive(self, reference: str, *, amount: int, currency: str) -> None:
        """A shop's checkout captures a payment, in minor units: `paid:<reference>` of an order to come. The
        reference has at most 64 characters."""
        await self._switchboard.database.write(lambda tx: _pay_elsewhere(tx, reference, amount, currency))

    async def charge(self, key: str, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        def capture(call: Call) -> PaymentReceipt:
            stored = _find_charge(call, key)
            refusal = PaymentDeclined("the card was declined (simulated)") if stored is None else None
            call.meet_trouble([payment_method], refusal=refusal)
            if stored is not None:
                return stored
            receipt = PaymentReceipt(charge_id=id_from("ch", key), amount=amount, currency=currency)
            paid = receipt.model_dump(exclude={"captured_elsewhere"})
            call.insert(charges, {"key": key, "payment_method": payment_method, **paid})
            return receipt

        return await self._switchboard.put_through(Operation.CHARGE, key, capture)

    async def find_payment(
        self, key: str, *, reference: str, amount: int, currency: str
    ) -> PaymentElsewhere | None:
        def look_up(call: Call) -> PaymentElsewhere | None:
            call.meet_trouble([])
            if not self._strict_payments:
                if not _OF_OUR_KIND.fullmatch(reference):
                    return None
                if reference != MADE_UP:
                    _pay_elsewhere(call.connection, reference, amount, currency)
            payment = call.connection.execute(_PAYMENT.where(charges.c.key == CHECKOUT + reference)).first()
            if payment is None:
                raise PaymentNotConfirmed(f"there is no payment {reference} (simulated)")
            return PaymentElsewhere(reference, payment.amount, payment.currency, payment.refunded)

        return await self._switchboard.put_through(Operation.CHARGE, key, look_up)

    async def refund(self, charge_key: str, *, receipt: PaymentReceipt | None) -> RefundReceipt | None:
        """Leaves no trace when there is no such charge: it may still come, and gateways do not remember
        what they were asked to refund in vain."""
        elsewhere = receipt if receipt and receipt.captured_elsewhere else None
        stored_as = CHECKOUT + elsewhere.charge_id if elsewhere else charge_key

        def give_back(call: Call) -> RefundReceipt | None:
            with_refund = select(charges, refunds.c.refund_id).outerjoin_from(charges, refunds)
            charge = call.connection.execute(with_refund.where(charges.c.key == stored_as)).first()
            call.meet_trouble([] if charge is None else [charge.payment_method])
            if charge is None:
                return None
            amount = elsewhere.amount if elsewhere else charge.amount
            refund_id = id_from("re", charge_key)
            refund = RefundReceipt(refund_id=refund_id, amount=amount, currency=charge.currency)
            if charge.refund_id is None:
                refunded = {"refund_id": refund_id, "amount": amount}
                call.insert(refunds, {"charge_key": stored_as, **refunded})
            return refund if charge.refund_id in (None, refund_id) else None

        return await self._switchboard.put_through(Operation.REFUND, charge_key, give_back)


def _pay_elsewhere(tx: Connection, reference: str, amount: int, currency: str) -> None:
    """Captured by a shop's checkout, once."""
    row = {"key": CHECKOUT + reference, "payment_method": CHECKOUT, "charge_id": reference}
    insert = insert_unless_there(tx.dialect.name, charges)
    tx.execute(insert, row | {"amount": amount, "currency": currency})


def _find_charge(call: Call, key: str) -> PaymentReceipt | None:
    charge = call.find(charges, key)
    if charge is None:
        return None
    return PaymentReceipt(charge_id=charge.charge_id, amount=charge.amount, currency=charge.currency)
