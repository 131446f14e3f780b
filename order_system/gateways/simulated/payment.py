"""The simulated payment gateway."""

from sqlalchemy import bindparam, select

from order_system.domain.errors import PaymentDeclined
from order_system.domain.order import PaymentReceipt, RefundReceipt
from order_system.gateways.simulated.faults import Operation
from order_system.gateways.simulated.switchboard import Call, Switchboard, id_from
from order_system.gateways.simulated.tables import charges, insert_into, refunds

# Made once: to put a statement together costs more than to carry it out.
_CHARGE = select(charges).where(charges.c.key == bindparam("key"))


class SimulatedPaymentGateway:
    """Implements `domain.gateways.PaymentGateway`."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    async def charge(self, key: str, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        def capture(call: Call) -> PaymentReceipt:
            stored = _find_charge(call, key)
            refusal = PaymentDeclined("the card was declined (simulated)") if stored is None else None
            call.meet_trouble([payment_method], refusal=refusal)
            if stored is not None:
                return stored
            receipt = PaymentReceipt(charge_id=id_from("ch", key), amount=amount, currency=currency)
            row = {"key": key, "payment_method": payment_method, **receipt.model_dump()}
            call.connection.execute(insert_into(call.connection.dialect.name, charges), row)
            return receipt

        return await self._switchboard.put_through(Operation.CHARGE, key, capture)

    async def refund(self, charge_key: str) -> RefundReceipt | None:
        """Leaves no trace when there is no such charge: it may still come, and gateways do not remember
        what they were asked to refund in vain."""

        def give_back(call: Call) -> RefundReceipt | None:
            with_refund = select(charges, refunds.c.refund_id).outerjoin_from(charges, refunds)
            charge = call.connection.execute(with_refund.where(charges.c.key == charge_key)).first()
            call.meet_trouble([] if charge is None else [charge.payment_method])
            if charge is None:
                return None
            receipt = RefundReceipt(
                refund_id=id_from("re", charge_key), amount=charge.amount, currency=charge.currency
            )
            if charge.refund_id is None:
                call.connection.execute(
                    insert_into(call.connection.dialect.name, refunds).values(
                        charge_key=charge_key, refund_id=receipt.refund_id, amount=receipt.amount
                    )
                )
            return receipt

        return await self._switchboard.put_through(Operation.REFUND, charge_key, give_back)


def _find_charge(call: Call, key: str) -> PaymentReceipt | None:
    charge = call.connection.execute(_CHARGE, {"key": key}).first()
    if charge is None:
        return None
    return PaymentReceipt(charge_id=charge.charge_id, amount=charge.amount, currency=charge.currency)
