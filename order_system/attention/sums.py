"""What all that waits comes to, for the top of a list of it."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from order_system.attention.concerns import Concern, ConcernKind

_SEVERAL = {
    ConcernKind.STUCK_UNDO: "undos are stuck",
    ConcernKind.STUCK_REFUND: "refunds are stuck",
    ConcernKind.UNDELIVERED: "events not delivered",
}
"""The kinds of which people speak in other words than of one."""


def sums_of(concerns: Iterable[Concern]) -> list[str]:
    """`3 undos are stuck: 1,059.97 USD, 20.00 EUR`, for each kind that has money in it; each order once.
    And how many events."""
    found: defaultdict[ConcernKind, list[Concern]] = defaultdict(list)
    for concern in concerns:
        if concern.amount or concern.event_id:
            found[concern.kind].append(concern)
    return [_sum(kind, each) for kind, each in found.items()]


def _sum(kind: ConcernKind, concerns: list[Concern]) -> str:
    amounts: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for each in {(each.order_id, each.refund): each for each in concerns}.values():
        if each.amount:
            amounts[each.currency] += Decimal(each.amount)
    money = ", ".join(f"{amount:,} {currency}" for currency, amount in amounts.items())
    many = f"{len(concerns):,} {kind if len(concerns) == 1 else _SEVERAL.get(kind, kind)}"
    return f"{many}: {money}" if money else many
