"""Rows of the tables of orders, and the chips above them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from order_system.domain.durations import time_between
from order_system.domain.listing import BatchOrder, LineStatus, OrderSummary
from order_system.domain.messages import OrderStatus
from order_system.domain.steps import Step
from order_system.web.pages.words import in_words, plain


@dataclass(frozen=True)
class Row:
    order_id: str
    status: str
    cause: str
    """Why it stopped, and where; empty if nothing did."""
    took: str
    opened_at: datetime | None
    batch: str = ""
    total: str = ""
    lines: str = ""
    """Of its batch's file."""


@dataclass(frozen=True)
class Chip:
    words: str
    look: str
    number: int
    address: str
    chosen: bool


def row_of(order: OrderSummary, now: datetime) -> Row:
    return Row(
        order_id=order.order_id,
        status=order.status,
        cause=_cause(order.failed_step, order.reason),
        took=time_between(order.opened_at, order.closed_at or now),
        opened_at=order.opened_at,
        batch=order.batch or "",
        total=f"{order.total} {order.currency}" if order.total else "",
    )


def row_of_batch(order: BatchOrder, now: datetime) -> Row:
    alone = order.first_line == order.last_line
    return Row(
        order_id=order.order_id,
        status=order.status,
        cause=_cause(order.failed_step, order.reason),
        took=time_between(order.opened_at, order.closed_at or now) if order.opened_at else "",
        opened_at=order.opened_at,
        lines=str(order.first_line) if alone else f"{order.first_line} to {order.last_line}",
    )


def _cause(step: Step | None, reason: str | None) -> str:
    words = plain(reason or "")
    return f"{step}: {words}" if step else words


def chips(
    numbers: Mapping[OrderStatus, int] | Mapping[LineStatus, int],
    total: int,
    *,
    path: str,
    kept: Mapping[str, str],
    chosen: str,
) -> Iterator[Chip]:
    """One for all, and one for each status; `kept` are the other filters, which a chip leaves as they are."""
    yield Chip("all", "", total, address(path, kept), not chosen)
    for status, number in numbers.items():
        there = address(path, {"status": status, **kept})
        yield Chip(in_words(status), status, number, there, chosen == status)


def address(path: str, query: Mapping[str, str | None]) -> str:
    told = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{told}" if told else path
