"""Money that was taken for orders that are not dispatched: of which orders, and why it is still so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from order_system.domain.book import SubmissionStatus
from order_system.domain.metrics import AGES

Why = Literal["charged", "held", "undo_stuck", "in_doubt"]
Place = tuple[Why, str, str]
"""Why, currency, age: the labels of the metrics."""


@dataclass(frozen=True)
class ChargedOrder:
    """As the book has it."""

    order_id: str
    total: int
    """Minor units."""
    currency: str
    since: datetime
    """When its charge was first tried."""
    why: Why
    """Never `held`: only the server knows which orders are."""


@dataclass(frozen=True)
class Standing:
    """How things stand in the book at one moment."""

    open_orders: int
    in_doubt: Mapping[str, int]
    """By effect."""
    charged: Sequence[ChargedOrder]

    def at_risk(self, waiting: Collection[str], now: datetime) -> dict[Place, tuple[int, int]]:
        """How many orders, and how much, in minor units. `waiting`: IDs of orders that wait for a person, by
        the server's word."""
        sums: dict[Place, tuple[int, int]] = {}
        for order in self.charged:
            age = next(name for name, most in AGES.items() if now - order.since <= most)
            why = "held" if order.why == "charged" and order.order_id in waiting else order.why
            orders, money = sums.get((why, order.currency, age), (0, 0))
            sums[why, order.currency, age] = orders + 1, money + order.total
        return sums


@dataclass(frozen=True)
class Pulse:
    """Of the orders that began within a short time."""

    began: datetime
    counts: Mapping[SubmissionStatus, int]
    durations_ms: Sequence[int]
    """Of the newest that have ended, ascending."""
