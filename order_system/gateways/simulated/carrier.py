"""The simulated carrier. One row is the life of one label. A void is final, even before the purchase."""

from collections.abc import Sequence

from order_system.domain.errors import ShippingRefused
from order_system.domain.gateways import Voided
from order_system.domain.order import Address, DispatchReceipt, Label, OrderLine
from order_system.gateways.simulated.faults import Operation
from order_system.gateways.simulated.switchboard import AtSwitchboard, Call, call_of, id_from
from order_system.gateways.simulated.tables import shipments

BOUGHT, VOIDED, DISPATCHED = "bought", "voided", "dispatched"

CARRIER = "Simulated Parcel Service"


class SimulatedCarrier(AtSwitchboard):
    """Implements `domain.gateways.Carrier`."""

    @call_of(Operation.LABEL)
    def buy_label(self, call: Call, key: str, *, address: Address, lines: Sequence[OrderLine]) -> Label:
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
            # A void of the same key may run at the same time. The first insert wins; the other one
            # waits for it, and finds its row.
            call.insert_unless_there(shipments, label)
            shipment = call.get(shipments, key)
        if shipment.state == VOIDED:
            raise ShippingRefused("the label was voided")
        return Label.model_validate(shipment, from_attributes=True)

    @call_of(Operation.DISPATCH)
    def dispatch(self, call: Call, key: str, *, label_key: str) -> DispatchReceipt:
        shipment = call.find(shipments, label_key)
        gone_already = shipment is not None and shipment.dispatch_key == key
        refusal = ShippingRefused("the carrier does not take the parcel (simulated)")
        call.meet_trouble(
            [shipment.postal_code if shipment else None], refusal=None if gone_already else refusal
        )
        # Atomic against a void: only one of the two changes the row from `bought`.
        call.move(shipments, label_key, BOUGHT, DISPATCHED, dispatch_key=key)
        shipment = call.find(shipments, label_key)
        if shipment is None or shipment.dispatch_key != key:
            raise ShippingRefused(
                f"the label is {shipment.state}" if shipment else "the label was never bought"
            )
        return DispatchReceipt.model_validate(shipment, from_attributes=True)

    @call_of(Operation.VOID)
    def void(self, call: Call, label_key: str) -> Voided | DispatchReceipt:
        shipment = call.find(shipments, label_key)
        call.meet_trouble([shipment.postal_code if shipment else None])
        call.insert_unless_there(shipments, {"label_key": label_key, "state": VOIDED})
        call.move(shipments, label_key, BOUGHT, VOIDED)
        shipment = call.get(shipments, label_key)
        if shipment.state == DISPATCHED:
            return DispatchReceipt.model_validate(shipment, from_attributes=True)
        return Voided(label_existed=shipment.label_id is not None)
