"""Money that was taken for orders that are not dispatched: of which orders, and why it is still so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from order_system.domain.metrics import AGES
from order_system.domain.money import decimals


class Why(StrEnum):
    CHARGED = "charged"
    HELD = "held"
    UNDO_STUCK = "undo_stuck"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True)
class ChargedOrder:
    """As the book has it."""

    order_id: str
    total: int
    """Minor units."""
    currency: str
    since: datetime
    """When its charge was first tried."""
    in_doubt: bool
    """Whether it was charged."""
    undo_stuck: bool

    def why(self, waiting: Collection[str]) -> Why:
        """`waiting`: IDs of orders that wait for a person, by the server's word."""
        if self.undo_stuck:
            return Why.UNDO_STUCK
        if self.in_doubt:
            return Why.IN_DOUBT
        return Why.HELD if self.order_id in waiting else Why.CHARGED


@dataclass(frozen=True)
class Standing:
    """How things stand in the book at one moment."""

    open_orders: int
    in_doubt: Mapping[str, int]
    """By effect."""
    charged: Sequence[ChargedOrder]


class TellsStanding(Protocol):
    async def standing(self, *, stuck_before: datetime) -> Standing:
        """An undo that began before then and has not ended is stuck. A few queries over indexes."""
        ...


Place = tuple[str, str, str]
"""Why, currency, age: the labels of `metrics.MONEY_AT_RISK`."""


def at_risk(standing: Standing, waiting: Collection[str], now: datetime) -> dict[Place, tuple[int, float]]:
    """How many orders, and how much, in units of their currency."""
    sums: dict[Place, tuple[int, float]] = {}
    for order in standing.charged:
        age = next(name for name, most in AGES.items() if now - order.since <= most)
        place = (order.why(waiting).value, order.currency, age)
        orders, money = sums.get(place, (0, 0.0))
        sums[place] = orders + 1, money + order.total / 10 ** decimals(order.currency)
    return sums
