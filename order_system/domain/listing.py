"""The shapes of lists over the order book, for people and programs that look at many orders at once.

A list is read a page at a time. A page's `next` is a cursor: plain data about its last row, opaque to the
client that hands it back. Orders that are added meanwhile neither repeat nor hide a row, since pages go by
the order's own time and ID, and not by a number of rows.

An order is listed as soon as it is accepted. Only its workflow knows whether an unpaid order still runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from pydantic import Field

from order_system.domain.batch import BatchProgress, Fate
from order_system.domain.book import SubmissionStatus
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Wire
from order_system.domain.steps import Step
from order_system.domain.wording import Timestamp

PAGE_ROWS = 50
PAGE_ROWS_LIMIT = 200
"""Rows of one page: by default, and at most."""

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A page of a list."""

    rows: tuple[Row, ...]
    next: Annotated[
        str | None, Field(description="Send it as `cursor` for the page that follows. Null at the end.")
    ]


class OrderSummary(Wire):
    """An order in a list, by the one of its submissions that counts."""

    order_id: str
    submission: str
    status: OrderStatus
    """`running` as far as the book knows: an open order may wait for a person."""
    failed_step: Step | None = None
    reason: str | None = None
    batch: str | None = None
    """Name of the batch that started it."""
    total: str | None = None
    """Decimal text in `currency`."""
    currency: str | None = None
    opened_at: Timestamp
    closed_at: Timestamp | None = None
    note: str | None = None
    """What a person should also know."""
    charge_id: str | None = None
    """The gateway's ID of the charge, or of the payment that was made before the order came to us."""
    tracking_number: str | None = None


class LineStatus(StrEnum):
    """The status of an order of a batch's file: the order's own, or why the batch has started none."""

    RUNNING = OrderStatus.RUNNING
    FULFILLED = OrderStatus.FULFILLED
    FAILED = OrderStatus.FAILED
    CANCELLED = OrderStatus.CANCELLED
    NEEDS_ATTENTION = OrderStatus.NEEDS_ATTENTION
    TERMINATED = OrderStatus.TERMINATED
    CONFLICT = "conflict"
    """The ID is in use for an order with other content."""
    NOT_STARTED = "not_started"


class BatchOrder(Wire):
    """One order of a batch's file, as it stands now, whether or not this batch has run it."""

    order_id: str
    first_line: int
    last_line: int
    status: LineStatus
    fate: Fate | None = None
    """What the batch decided about it; None if nothing yet."""
    submission: str | None = None
    failed_step: Step | None = None
    reason: str | None = None
    opened_at: Timestamp | None = None
    closed_at: Timestamp | None = None
    note: str | None = None


class BatchSummary(Wire):
    """The newest run of a batch."""

    name: str
    workflow_id: str
    started_at: Timestamp
    file: str
    """The file's name, without its folder."""
    bytes_total: int
    window: int
    only_failed: bool
    """True for a retry, which leaves new orders of the file out."""
    progress: BatchProgress | None = None
    """None if neither its workflow nor the server tells it soon."""


class Sort(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    AMOUNT = "amount"
    """Largest first, by the bare number: choose a currency to compare. Orders without one are left out."""


@dataclass(frozen=True)
class OrderFilter:
    """Which orders to list, and how to sort them."""

    status: SubmissionStatus | None = None
    text: str | None = None
    """What a person may know of an order, as `search.meanings_of` takes it."""
    step: Step | None = None
    """The step at which they failed."""
    reason: str | None = None
    """A part of the reason; case does not matter."""
    batch: str | None = None
    """Name of the batch that started them."""
    currency: str | None = None
    opened_since: datetime | None = None
    opened_before: datetime | None = None
    order_ids: Sequence[str] | None = None
    """If given, only these orders; at most a few hundred."""
    sort: Sort = Sort.NEWEST


EVERY_ORDER = OrderFilter()


@dataclass(frozen=True)
class BatchFilter:
    name: str | None = None
    """A part of the name; case does not matter."""
    started_since: datetime | None = None
    started_before: datetime | None = None


EVERY_BATCH = BatchFilter()
