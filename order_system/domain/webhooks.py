"""What a receiver outside is told of: events. Each is one workflow (`workflows/webhook.py`), whose ID is made
from what has happened: found out twice, it is one event all the same. They hold no personal data."""

import hashlib
from enum import StrEnum
from typing import Any

from order_system.domain.order import OfBook
from order_system.domain.progress import Timestamp

UNDELIVERED = "undelivered"
"""In `OrderStatus` of its workflow, once it waits for a person; what people search by."""
WHY = "why_undelivered"
WHICH = "event"
"""Keys in its memo: why it was not delivered, and its type and whom it is about, for people."""


class EventType(StrEnum):
    FULFILLED = "order.fulfilled"
    """The parcel is with the carrier."""
    FAILED = "order.failed"
    """Everything is undone; also of an order whose workflow was terminated."""
    CANCELLED = "order.cancelled"
    NEEDS_ATTENTION = "order.needs_attention"
    BATCH_FINISHED = "batch.finished"
    """It has ended: finished, cancelled or failed."""
    TEST = "webhook.test"


class Event(OfBook):
    type: EventType
    timestamp: Timestamp
    """When it happened."""
    data: dict[str, Any]
    which: tuple[str | None, ...]
    """By which it differs from all others of its type."""

    @property
    def id(self) -> str:
        """`webhook-id`: the same however often it is found out, and sent."""
        return f"evt_{hashlib.sha256(repr((self.type.value, self.which)).encode()).hexdigest()[:32]}"
