"""Lists of orders as people mean them: the book's pages, and the server's word about those that are open.

The book knows that an order is open; whether it waits for a person, only its workflow knows, and the server's
visibility, a second late. Where no server answers, the book's word has to do.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from temporalio.client import Client

from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import ServerUnreachable
from order_system.domain.ids import order_workflow_id
from order_system.domain.listing import (
    PAGE_ROWS,
    BatchOrder,
    LineStatus,
    OrderFilter,
    OrderListing,
    OrderSummary,
    Page,
)
from order_system.domain.messages import OrderStatus
from order_system.domain.search_attributes import ORDER_STATUS
from order_system.infra import policy
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import reaching_server

_WAITING = visibility.all_of(
    "ExecutionStatus = 'Running'", f"{ORDER_STATUS.name} = '{OrderStatus.NEEDS_ATTENTION}'"
)

WAITING_LISTED = 1_000
"""Orders that need attention in one list; `attention` has them all."""


@dataclass(frozen=True)
class OrderLists:
    listing: OrderListing
    temporal: Client
    task_queue: str

    async def orders(
        self,
        status: OrderStatus | None = None,
        *,
        id_prefix: str | None = None,
        batch: str | None = None,
        opened_since: datetime | None = None,
        opened_before: datetime | None = None,
        cursor: str | None = None,
        limit: int = PAGE_ROWS,
    ) -> Page[OrderSummary]:
        """Newest first. A page may hold fewer rows than `limit` although there are more; its `next` tells.

        Raises InvalidCursor."""
        wanted = OrderFilter(
            _in_book(status),
            id_prefix=id_prefix,
            batch=batch,
            opened_since=opened_since,
            opened_before=opened_before,
        )
        if status is OrderStatus.NEEDS_ATTENTION:
            wanted = replace(wanted, order_ids=sorted(await self._waiting(limit=WAITING_LISTED)))
        page = await self.listing.orders(wanted, cursor=cursor, limit=limit)
        rows = await self._with_waiting(page.rows)
        return Page(tuple(row for row in rows if status in (None, row.status)), page.next)

    async def counts(self) -> dict[OrderStatus, int]:
        """Orders by how they stand, those that are 0 too."""
        found = await self.listing.order_counts()
        waiting = min(await self.waiting(), found[SubmissionStatus.OPEN])
        counts = {
            OrderStatus(status): n for status, n in found.items() if status is not SubmissionStatus.OPEN
        }
        counts[OrderStatus.NEEDS_ATTENTION] = waiting
        counts[OrderStatus.RUNNING] = found[SubmissionStatus.OPEN] - waiting
        return {status: counts[status] for status in OrderStatus}

    async def waiting(self) -> int:
        """How many orders need attention; 0 as well if no server answers."""
        try:
            async with _soon(), reaching_server():
                query = visibility.all_of(self._ours, _WAITING)
                return (await self.temporal.count_workflows(query, rpc_timeout=policy.WAITING_ASKED)).count
        except (ServerUnreachable, TimeoutError):
            return 0

    async def batch_orders(
        self,
        name: str,
        status: LineStatus | None = None,
        *,
        cursor: str | None = None,
        limit: int = PAGE_ROWS,
    ) -> Page[BatchOrder]:
        """By order ID; else as `orders`. Raises UnknownBatch, InvalidCursor."""
        page = await self.listing.batch_orders(name, status, cursor=cursor, limit=limit)
        open_ones = [row.order_id for row in page.rows if row.status is LineStatus.RUNNING]
        waiting = await self._waiting(open_ones) if open_ones else set[str]()
        rows = (
            row.model_copy(update={"status": LineStatus.NEEDS_ATTENTION}) if row.order_id in waiting else row
            for row in page.rows
        )
        return Page(tuple(row for row in rows if status in (None, row.status)), page.next)

    async def _with_waiting(self, rows: Sequence[OrderSummary]) -> list[OrderSummary]:
        open_ones = [row.order_id for row in rows if row.status is OrderStatus.RUNNING]
        waiting = await self._waiting(open_ones) if open_ones else set[str]()
        return [
            row.model_copy(update={"status": OrderStatus.NEEDS_ATTENTION}) if row.order_id in waiting else row
            for row in rows
        ]

    async def _waiting(self, order_ids: Sequence[str] | None = None, *, limit: int | None = None) -> set[str]:
        """Of these orders, or of all, those that wait for a person."""
        among = None if order_ids is None else visibility.with_ids(map(order_workflow_id, order_ids))
        found: set[str] = set()
        try:
            async with _soon(), reaching_server():
                async for execution in self.temporal.list_workflows(
                    visibility.all_of(self._ours, _WAITING, among),
                    limit=limit,
                    rpc_timeout=policy.WAITING_ASKED,
                ):
                    found.add(execution.id.removeprefix(order_workflow_id("")))
        except (ServerUnreachable, TimeoutError):
            return set()
        return found

    @property
    def _ours(self) -> str:
        return f"TaskQueue = {visibility.quoted(self.task_queue)}"


def _soon() -> asyncio.Timeout:
    """The SDK tries again for longer than the time-out that a call is given."""
    return asyncio.timeout(policy.WAITING_ASKED.total_seconds())


def _in_book(status: OrderStatus | None) -> SubmissionStatus | None:
    if status in (OrderStatus.RUNNING, OrderStatus.NEEDS_ATTENTION):
        return SubmissionStatus.OPEN
    return None if status is None else SubmissionStatus(status.value)
