"""What a run of orders leaves behind in the outside world, whoever ran them: counted from its statement."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from order_system.domain.gateways import Statement
from order_system.domain.ids import split_key
from order_system.domain.messages import NoticeKind
from order_system.domain.order import Order


@dataclass
class _Traces:
    """Of one order, over all its submissions."""

    charges: int = 0
    kept: int = 0
    """Minor units that were captured and not refunded."""
    held: int = 0
    """Pieces of stock."""
    parcel: bool = False
    idle_label: bool = False
    confirmed: bool = False

    @property
    def nothing_left(self) -> bool:
        return not (self.kept or self.held or self.parcel or self.idle_label)


@dataclass(frozen=True)
class Aftermath:
    orders: int
    fulfilled: int
    """Paid for, and with the carrier."""
    failed_cleanly: int
    """Nothing kept, nothing held, nothing sent."""
    charged_without_parcel: int
    money_without_parcel: int
    """Minor units."""
    charged_twice: int
    orders_holding_stock: int
    pieces_held: int
    idle_labels: int
    """Bought, and neither used nor voided."""
    sent_but_reported_failed: int
    fulfilled_without_notice: int


def aftermath(orders: Sequence[Order], statement: Statement, reported: Collection[str]) -> Aftermath:
    """`reported`: the IDs of the orders that were said to be fulfilled."""
    traces = _traces(statement)
    all_traces = [traces[order.order_id] for order in orders]

    def count(holds: Callable[[_Traces], bool]) -> int:
        return sum(map(holds, all_traces))

    return Aftermath(
        orders=len(orders),
        fulfilled=count(lambda order: order.parcel and order.kept > 0),
        failed_cleanly=count(lambda order: order.nothing_left),
        charged_without_parcel=count(lambda order: order.kept > 0 and not order.parcel),
        money_without_parcel=sum(order.kept for order in all_traces if not order.parcel),
        charged_twice=count(lambda order: order.charges > 1),
        orders_holding_stock=count(lambda order: order.held > 0),
        pieces_held=sum(order.held for order in all_traces),
        idle_labels=count(lambda order: order.idle_label),
        sent_but_reported_failed=sum(
            traces[order.order_id].parcel and order.order_id not in reported for order in orders
        ),
        fulfilled_without_notice=count(lambda order: order.parcel and not order.confirmed),
    )


def _traces(statement: Statement) -> defaultdict[str, _Traces]:
    traces: defaultdict[str, _Traces] = defaultdict(_Traces)

    def of(key: str) -> _Traces:
        return traces[split_key(key)[0]]

    for charge in statement.charges or ():
        order, kept = of(charge.key), charge.amount - charge.refunded
        order.kept += kept
        order.charges += kept > 0
    for reservation in statement.reservations or ():
        if reservation.state == "reserved":
            of(reservation.key).held += sum(quantity for _, quantity in reservation.lines)
    for shipment in statement.shipments or ():
        order = of(shipment.label_key)
        order.parcel |= shipment.state == "dispatched"
        order.idle_label |= shipment.state == "bought"
    for notice in statement.notices or ():
        of(notice.key).confirmed |= notice.kind is NoticeKind.CONFIRMATION
    return traces
