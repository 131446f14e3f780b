"""The simulated warehouse. Stock rows are taken in the order of their SKUs, so that two orders with the
same goods wait for each other instead of deadlocking."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from order_system.errors import OutOfStock
from order_system.models import CommitReceipt, OrderLine, Reservation
from order_system.simulation.behaviours import OUT_OF_STOCK
from order_system.simulation.faults import Operation
from order_system.simulation.switchboard import Call, Switchboard, id_from
from order_system.simulation.tables import insert_into, reservations, stock

GENEROUS_STOCK = 10_000_000
"""What a SKU that nobody has mentioned before turns out to have on hand."""

RESERVED, RELEASED, COMMITTED = "reserved", "released", "committed"


class SimulatedWarehouse:
    """Implements ports.Warehouse. With `strict_stock`, only what was received can be reserved."""

    def __init__(self, switchboard: Switchboard, *, strict_stock: bool) -> None:
        self._switchboard = switchboard
        self._strict_stock = strict_stock

    async def receive(self, sku: str, quantity: int) -> None:
        """Put new goods on the shelf; `quantity` more of them each time."""

        def shelve(tx: Connection) -> None:
            delivery = insert_into(tx, stock).values(
                sku=sku, initial=quantity, on_hand=quantity, reserved=0, shipped=0
            )
            tx.execute(
                delivery.on_conflict_do_update(
                    index_elements=[stock.c.sku],
                    set_={"initial": stock.c.initial + quantity, "on_hand": stock.c.on_hand + quantity},
                )
            )

        await self._switchboard.database.write(shelve)

    async def reserve(self, key: str, *, lines: Sequence[OrderLine]) -> Reservation:
        def set_aside(call: Call) -> Reservation:
            stored = _find(call, key)
            skus = [line.sku for line in lines]
            refusal = OutOfStock(f"{skus[0]} is out of stock (simulated)") if stored is None else None
            call.meet_trouble(skus, refusal=refusal)
            if stored is not None:
                return stored
            with call.connection.begin_nested():  # every line or none
                for sku, quantity in _by_sku(lines):
                    self._take(call.connection, sku, quantity)
            reservation = Reservation(reservation_id=id_from("rs", key), lines=tuple(lines))
            call.connection.execute(
                insert_into(call.connection, reservations).values(
                    key=key, state=RESERVED, **reservation.model_dump(mode="json")
                )
            )
            return reservation

        return await self._switchboard.put_through(Operation.RESERVE, key, set_aside)

    async def release(self, reserve_key: str) -> Reservation | None:
        """Raises ValueError if the stock is committed: the parcel has left with it."""

        def put_back(call: Call) -> Reservation | None:
            reservation = _find(call, reserve_key)
            call.meet_trouble([] if reservation is None else [line.sku for line in reservation.lines])
            if reservation is None:
                return None
            if _move(call.connection, reserve_key, RELEASED):
                for sku, quantity in _by_sku(reservation.lines):
                    back = {"reserved": stock.c.reserved - quantity, "on_hand": stock.c.on_hand + quantity}
                    call.connection.execute(update(stock).where(stock.c.sku == sku).values(back))
            return reservation

        return await self._switchboard.put_through(Operation.RELEASE, reserve_key, put_back)

    async def commit(self, reserve_key: str) -> CommitReceipt:
        """Raises ValueError if nothing is reserved under the key."""

        def ship(call: Call) -> CommitReceipt:
            reservation = _find(call, reserve_key)
            call.meet_trouble([] if reservation is None else [line.sku for line in reservation.lines])
            if reservation is None:
                raise ValueError(f"nothing was reserved under {reserve_key}")
            if _move(call.connection, reserve_key, COMMITTED):
                for sku, quantity in _by_sku(reservation.lines):
                    gone = {"reserved": stock.c.reserved - quantity, "shipped": stock.c.shipped + quantity}
                    call.connection.execute(update(stock).where(stock.c.sku == sku).values(gone))
            return CommitReceipt(reservation_id=reservation.reservation_id)

        return await self._switchboard.put_through(Operation.COMMIT, reserve_key, ship)

    def _take(self, connection: Connection, sku: str, quantity: int) -> None:
        """From the shelf to the reserved ones, stocking an unknown SKU first. Raises OutOfStock."""
        take = (
            update(stock)
            .where(stock.c.sku == sku, stock.c.on_hand >= quantity)
            .values(on_hand=stock.c.on_hand - quantity, reserved=stock.c.reserved + quantity)
        )
        if connection.execute(take).rowcount:
            return
        if not self._strict_stock:
            found = 0 if sku == OUT_OF_STOCK else GENEROUS_STOCK
            shelf = insert_into(connection, stock).values(
                sku=sku, initial=found, on_hand=found, reserved=0, shipped=0
            )
            connection.execute(shelf.on_conflict_do_nothing())
            if connection.execute(take).rowcount:
                return
        raise OutOfStock(f"{sku} is out of stock: {quantity} wanted")


def _find(call: Call, key: str) -> Reservation | None:
    row = call.connection.execute(select(reservations).where(reservations.c.key == key)).first()
    return None if row is None else Reservation(reservation_id=row.reservation_id, lines=row.lines)


def _move(connection: Connection, key: str, state: str) -> bool:
    """Whether the reservation goes to `state` now. Raises ValueError if it is in the other final state."""
    leave_reserved = update(reservations).where(reservations.c.key == key, reservations.c.state == RESERVED)
    if connection.execute(leave_reserved.values(state=state)).rowcount:
        return True
    current = connection.scalar(select(reservations.c.state).where(reservations.c.key == key))
    if current != state:
        raise ValueError(f"the reservation under {key} is {current}: it cannot be {state}")
    return False


def _by_sku(lines: Iterable[OrderLine]) -> list[tuple[str, int]]:
    quantities: Counter[str] = Counter()
    for line in lines:
        quantities[line.sku] += line.quantity
    return sorted(quantities.items())
