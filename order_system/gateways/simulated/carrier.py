"""The simulated carrier. One row is one label's life; a void decides it for good, even before its birth."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, update

from order_system.domain.errors import ShippingRefused
from order_system.domain.gateways import Voided
from order_system.domain.order import Address, DispatchReceipt, Label, OrderLine
from order_system.gateways.simulated.faults import Operation
from order_system.gateways.simulated.switchboard import Call, Switchboard, id_from
from order_system.gateways.simulated.tables import shipments

BOUGHT, VOIDED, DISPATCHED = "bought", "voided", "dispatched"

CARRIER = "Simulated Parcel Service"

# Made once: to put a statement together costs more than to carry it out.
_LEAVE_BOUGHT = update(shipments).where(
    shipments.c.label_key == bindparam("of_label"), shipments.c.state == BOUGHT
)


class SimulatedCarrier:
    """Implements `domain.gateways.Carrier`."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    async def buy_label(self, key: str, *, address: Address, lines: Sequence[OrderLine]) -> Label:
        def sell(call: Call) -> Label:
            shipment = call.find(shipments, key)
            refusal = ShippingRefused("the carrier does not deliver there (simulated)")
            call.meet_trouble([address.postal_code], refusal=refusal if shipment is None else None)
            if shipment is None:
                label = {
                    "label_key": key,
                    "state": BOUGHT,
                    "label_id": id_from("lb", key),
                    "carrier": CARRIER,
                    "tracking_number": id_from("SPS", key).upper(),
                    "postal_code": address.postal_code,
                }
                # A void of the same key may be in here with us. Whoever inserts first wins, and the
                # other one waits for that and finds the row.
                call.insert_unless_there(shipments, label)
                shipment = call.get(shipments, key)
            if shipment.state == VOIDED:
                raise ShippingRefused("the label was voided")
            return Label(
                label_id=shipment.label_id,
                carrier=shipment.carrier,
                tracking_number=shipment.tracking_number,
            )

        return await self._switchboard.put_through(Operation.LABEL, key, sell)

    async def dispatch(self, key: str, *, label_key: str) -> DispatchReceipt:
        def hand_over(call: Call) -> DispatchReceipt:
            shipment = call.find(shipments, label_key)
            gone_already = shipment is not None and shipment.dispatch_key == key
            refusal = ShippingRefused("the carrier does not take the parcel (simulated)")
            call.meet_trouble(_tokens(shipment), refusal=None if gone_already else refusal)
            # Atomic against a void: the row is changed from `bought` by one of the two.
            taken = {"of_label": label_key, "state": DISPATCHED, "dispatch_key": key}
            call.connection.execute(_LEAVE_BOUGHT, taken)
            shipment = call.find(shipments, label_key)
            if shipment is None or shipment.dispatch_key != key:
                reason = (
                    "the label was never bought" if shipment is None else f"the label is {shipment.state}"
                )
                raise ShippingRefused(reason)
            return _receipt(shipment)

        return await self._switchboard.put_through(Operation.DISPATCH, key, hand_over)

    async def void(self, label_key: str) -> Voided | DispatchReceipt:
        def decide(call: Call) -> Voided | DispatchReceipt:
            call.meet_trouble(_tokens(call.find(shipments, label_key)))
            call.insert_unless_there(shipments, {"label_key": label_key, "state": VOIDED})
            call.connection.execute(_LEAVE_BOUGHT, {"of_label": label_key, "state": VOIDED})
            shipment = call.get(shipments, label_key)
            if shipment.state == DISPATCHED:
                return _receipt(shipment)
            return Voided(label_existed=shipment.label_id is not None)

        return await self._switchboard.put_through(Operation.VOID, label_key, decide)


def _tokens(shipment: Row[Any] | None) -> list[str]:
    return [] if shipment is None or shipment.postal_code is None else [shipment.postal_code]


def _receipt(shipment: Row[Any]) -> DispatchReceipt:
    return DispatchReceipt(carrier=shipment.carrier, tracking_number=shipment.tracking_number)
