"""The simulated warehouse. Stock rows are locked in the order of their SKUs, so that two orders with the
same goods wait for each other instead of deadlocking."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, update
from sqlalchemy.engine import Connection

from order_system.domain.errors import OutOfStock
from order_system.domain.order import CommitReceipt, OrderLine, Reservation, by_sku
from order_system.gateways.simulated.behaviours import OUT_OF_STOCK
from order_system.gateways.simulated.faults import Operation
from order_system.gateways.simulated.switchboard import AtSwitchboard, Call, call_of, id_from
from order_system.gateways.simulated.tables import reservations, stock
from order_system.infra.database import Prepared, insert_into, writes

GENEROUS_STOCK = 10_000_000
"""The quantity on hand of a SKU that is named for the first time."""

RESERVED, RELEASED, COMMITTED = "reserved", "released", "committed"

_QUANTITY = bindparam("quantity", type_=BigInteger)
_SHELF = update(stock).where(stock.c.sku == bindparam("of_sku"))
_TAKE = Prepared(
    _SHELF.where(stock.c.on_hand >= _QUANTITY).values(
        on_hand=stock.c.on_hand - _QUANTITY, reserved=stock.c.reserved + _QUANTITY
    )
)
_PUT_BACK = Prepared(
    _SHELF.values(reserved=stock.c.reserved - _QUANTITY, on_hand=stock.c.on_hand + _QUANTITY)
)
_SHIP = Prepared(_SHELF.values(reserved=stock.c.reserved - _QUANTITY, shipped=stock.c.shipped + _QUANTITY))


class SimulatedWarehouse(AtSwitchboard):
    """Implements `domain.gateways.Warehouse`. If `strict`, only what was received can be reserved."""

    @writes
    def receive(self, tx: Connection, sku: str, quantity: int) -> None:
        """Put `quantity` more goods on the shelf, each time it is called."""
        more = {"initial": stock.c.initial + quantity, "on_hand": stock.c.on_hand + quantity}
        delivery = insert_into(tx.dialect.name, stock)
        delivery = delivery.on_conflict_do_update(index_elements=[stock.c.sku], set_=more)
        tx.execute(delivery, _shelf(sku, quantity))

    @call_of(Operation.RESERVE)
    def reserve(self, call: Call, key: str, *, lines: Sequence[OrderLine]) -> Reservation:
        stored = _find(call, key)
        skus = [line.sku for line in lines]
        refusal = OutOfStock(f"{skus[0]} is out of stock (simulated)") if stored is None else None
        call.meet_trouble(skus, refusal=refusal)
        if stored is not None:
            return stored
        taken: list[dict[str, Any]] = []
        try:
            for sku, quantity in sorted(by_sku(lines).items()):
                self._take(call, sku, quantity)
                taken.append({"of_sku": sku, "quantity": quantity})
        except OutOfStock:  # every line or none
            for each in taken:
                _PUT_BACK.changes(call.connection, each)
            raise
        reservation = Reservation(reservation_id=id_from("rs", key), lines=tuple(lines))
        call.insert(reservations, {"key": key, "state": RESERVED, **reservation.model_dump(mode="json")})
        return reservation

    @call_of(Operation.RELEASE)
    def release(self, call: Call, reserve_key: str) -> Reservation | None:
        """Release the stock. Raises ValueError if it is committed: the parcel has left with it."""
        return _end(call, reserve_key, RELEASED, _PUT_BACK)

    @call_of(Operation.COMMIT)
    def commit(self, call: Call, reserve_key: str) -> CommitReceipt:
        """Commit the stock. Raises ValueError if nothing is reserved under the key."""
        if (reservation := _end(call, reserve_key, COMMITTED, _SHIP)) is None:
            raise ValueError(f"nothing was reserved under {reserve_key}")
        return CommitReceipt(reservation_id=reservation.reservation_id)

    def _take(self, call: Call, sku: str, quantity: int) -> None:
        """Move goods from the shelf to the reserved ones; stock an unknown SKU first. Raises OutOfStock."""
        taken = {"of_sku": sku, "quantity": quantity}
        if _TAKE.changes(call.connection, taken):
            return
        if not self.strict:
            found = 0 if sku == OUT_OF_STOCK else GENEROUS_STOCK
            call.insert_unless_there(stock, _shelf(sku, found))
            if _TAKE.changes(call.connection, taken):
                return
        raise OutOfStock(f"{sku} is out of stock: {quantity} wanted")


def _shelf(sku: str, found: int) -> dict[str, str | int]:
    return {"sku": sku, "initial": found, "on_hand": found, "reserved": 0, "shipped": 0}


def _find(call: Call, key: str) -> Reservation | None:
    row = call.find(reservations, key)
    return None if row is None else Reservation.model_validate(row, from_attributes=True)


def _end(call: Call, key: str, state: str, on_the_shelf: Prepared) -> Reservation | None:
    """End a reservation in `state`. None if there is none; ValueError if it has the other final state."""
    reservation = _find(call, key)
    call.meet_trouble([] if reservation is None else [line.sku for line in reservation.lines])
    if reservation is None:
        return None
    if call.move(reservations, key, RESERVED, state):
        for sku, quantity in sorted(by_sku(reservation.lines).items()):
            on_the_shelf.changes(call.connection, {"of_sku": sku, "quantity": quantity})
    elif (current := call.get(reservations, key).state) != state:
        raise ValueError(f"the reservation under {key} is {current}: it cannot be {state}")
    return reservation
