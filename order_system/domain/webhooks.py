"""The events that a receiver outside is told of. Each is one workflow (`workflows/webhook.py`), with an ID
made from what has happened: noticed twice, it is one event all the same. Events hold no personal data."""

import hashlib
from enum import StrEnum
from typing import Any

from order_system.domain.order import OfBook
from order_system.domain.wording import Timestamp

UNDELIVERED = "undelivered"
"""The `OrderStatus` of an event's workflow once it waits for a person; people search by it."""
WHY = "why_undelivered"
WHICH = "event"
"""Keys in the workflow's memo, for people: why it was not delivered, and its type and what it is about."""


class EventType(StrEnum):
    FULFILLED = "order.fulfilled"
    """The parcel is with the carrier."""
    FAILED = "order.failed"
    """Everything is undone; also for an order whose workflow was terminated."""
    CANCELLED = "order.cancelled"
    NEEDS_ATTENTION = "order.needs_attention"
    BATCH_FINISHED = "batch.finished"
    """The batch has ended: finished, cancelled or failed."""
    TEST = "webhook.test"


class Event(OfBook):
    type: EventType
    timestamp: Timestamp
    """When it happened."""
    data: dict[str, Any]
    which: tuple[str | None, ...]
    """What tells the event from all others of its type."""

    @property
    def id(self) -> str:
        """The header `webhook-id`: the same however often the event is noticed and sent."""
        return f"evt_{hashlib.sha256(repr((self.type.value, self.which)).encode()).hexdigest()[:32]}"
