"""Lists of orders as people mean them: the book's pages, and the server's word about those that are open.

The book knows that an order is open; whether it waits for a person, only its workflow knows, and the server's
visibility, a second late. Where no server answers, the book's word has to do.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from temporalio.client import Client

from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import ServerUnreachable
from order_system.domain.ids import order_workflow_id
from order_system.domain.listing import (
    EVERY_ORDER,
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

Row = TypeVar("Row", OrderSummary, BatchOrder)

WAITING_LISTED = 1_000
"""Orders that need attention in one list; `attention` has them all."""


@dataclass(frozen=True)
class OrderLists:
    listing: OrderListing
    temporal: Client
    task_queue: str

    async def orders(
        self,
        wanted: OrderFilter = EVERY_ORDER,
        status: OrderStatus | None = None,
        *,
        cursor: str | None = None,
        limit: int = PAGE_ROWS,
    ) -> Page[OrderSummary]:
        """Newest first. A page may hold fewer rows than `limit` although there are more; its `next` tells.

        Raises InvalidCursor."""
        wanted = replace(wanted, status=_in_book(status))
        if status is OrderStatus.NEEDS_ATTENTION:
            wanted = replace(wanted, order_ids=sorted(await self._waiting(limit=WAITING_LISTED)))
        return await self._told(await self.listing.orders(wanted, cursor=cursor, limit=limit), status)

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
        query = visibility.all_of(self._ours, _WAITING)
        async with if_it_answers_soon():
            return (await self.temporal.count_workflows(query, rpc_timeout=policy.WAITING_ASKED)).count
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
        return await self._told(
            await self.listing.batch_orders(name, status, cursor=cursor, limit=limit), status
        )

    async def _told(self, page: Page[Row], status: OrderStatus | LineStatus | None) -> Page[Row]:
        """With the server's word about those that are open, and then only those that stand so."""
        open_ones = [row.order_id for row in page.rows if row.status == OrderStatus.RUNNING]
        waiting = await self._waiting(open_ones) if open_ones else set[str]()
        rows = (
            row.model_copy(update={"status": type(row.status)(OrderStatus.NEEDS_ATTENTION)})
            if row.order_id in waiting
            else row
            for row in page.rows
        )
        return Page(tuple(row for row in rows if status in (None, row.status)), page.next)

    async def _waiting(self, order_ids: Sequence[str] | None = None, *, limit: int | None = None) -> set[str]:
        """Of these orders, or of all, those that wait for a person."""
        among = None if order_ids is None else visibility.with_ids(map(order_workflow_id, order_ids))
        query = visibility.all_of(self._ours, _WAITING, among)
        found: list[str] = []
        async with if_it_answers_soon():
            listed = self.temporal.list_workflows(query, limit=limit, rpc_timeout=policy.WAITING_ASKED)
            found = [execution.id async for execution in listed]
        return {workflow_id.removeprefix(order_workflow_id("")) for workflow_id in found}

    @property
    def _ours(self) -> str:
        return f"TaskQueue = {visibility.quoted(self.task_queue)}"


@asynccontextmanager
async def if_it_answers_soon() -> AsyncGenerator[None]:
    """Else the block is left where it stands: the SDK tries again for longer than the time-out that a call is
    given."""
    with suppress(ServerUnreachable, TimeoutError):
        async with asyncio.timeout(policy.WAITING_ASKED.total_seconds()), reaching_server():
            yield


def _in_book(status: OrderStatus | None) -> SubmissionStatus | None:
    if status in (OrderStatus.RUNNING, OrderStatus.NEEDS_ATTENTION):
        return SubmissionStatus.OPEN
    return None if status is None else SubmissionStatus(status.value)
