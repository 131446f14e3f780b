"""Counting damage from the world's statement."""

from examples.aftermath import aftermath
from order_system.cli.orders.samples import sample_orders
from order_system.domain.gateways import ChargeEntry, NoticeEntry, ReservationEntry, ShipmentEntry, Statement
from order_system.domain.messages import NoticeKind

FINE, NOTHING, STRANDED, TWICE, GONE = sample_orders(1)


def key(order: str, effect: str, submission: str = "1") -> str:
    return f"{order}:{submission}:{effect}"


STATEMENT = Statement(
    charges=(
        ChargeEntry(key("ORDER-001", "charge"), amount=100, refunded=0),
        ChargeEntry(key("ORDER-002", "charge"), amount=100, refunded=100),
        ChargeEntry(key("ORDER-003", "charge"), amount=70, refunded=0),
        ChargeEntry(key("ORDER-004", "charge", "1"), amount=10, refunded=0),
        ChargeEntry(key("ORDER-004", "charge", "2"), amount=10, refunded=0),
        ChargeEntry(key("ORDER-005", "charge"), amount=100, refunded=0),
    ),
    reservations=(
        ReservationEntry(key("ORDER-001", "reserve"), "committed", (("A", 1),)),
        ReservationEntry(key("ORDER-002", "reserve"), "released", (("A", 1),)),
        ReservationEntry(key("ORDER-003", "reserve"), "reserved", (("A", 2), ("B", 3))),
    ),
    shipments=(
        ShipmentEntry(key("ORDER-001", "label"), "dispatched"),
        ShipmentEntry(key("ORDER-002", "label"), "voided"),
        ShipmentEntry(key("ORDER-003", "label"), "bought"),
        ShipmentEntry(key("ORDER-005", "label"), "dispatched"),
    ),
    notices=(
        NoticeEntry(key("ORDER-001", "notify"), NoticeKind.CONFIRMATION),
        NoticeEntry(key("ORDER-002", "notify"), NoticeKind.CANCELLATION),
    ),
    stock=(),
)


def test_each_kind_of_damage_is_counted() -> None:
    left = aftermath([FINE, NOTHING, STRANDED, TWICE, GONE], STATEMENT, reported={"ORDER-001"})

    assert left.fulfilled == 2
    assert left.failed_cleanly == 1
    assert (left.charged_without_parcel, left.money_without_parcel) == (2, 90)
    assert left.charged_twice == 1
    assert (left.orders_holding_stock, left.pieces_held) == (1, 5)
    assert left.idle_labels == 1
    assert left.sent_but_reported_failed == 1
    assert left.fulfilled_without_notice == 1
