"""What a receiver outside is told of: events. Each is one workflow (`workflows/webhook.py`), whose ID is made
from what has happened: found out twice, it is one event all the same. No personal data: IDs, status, step,
reason, amounts, times."""

import hashlib
from enum import StrEnum
from typing import Any, Protocol

from order_system.domain.listing import OrderSummary
from order_system.domain.order import OfBook, SubmissionRef
from order_system.domain.progress import Timestamp

UNDELIVERED = "undelivered"
"""In `OrderStatus` of its workflow, once it waits for a person; what people search by."""
WHY = "why_undelivered"
"""Key in its memo."""


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


class EndsToAnnounce(Protocol):
    """Kept in the order book, so that no end is missed, whatever dies before its event is a workflow."""

    async def may_end(self, ref: SubmissionRef, /) -> None:
        """Something is about to be done that may close it. Idempotent."""
        ...

    async def ended(self, order_id: str | None = None, /) -> list[OrderSummary]:
        """Submissions that have closed since, of this order or of any, and are not announced."""
        ...

    async def announced(self, order: OrderSummary, /) -> None: ...
