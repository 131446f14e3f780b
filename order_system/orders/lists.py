"""Lists of orders: pages from the book, completed by what the server knows of the open ones.

The book knows that an order is open. Only its workflow knows whether it waits for a person, and the server's
visibility does, a second later. A terminated order is open in the book until the reconciler settles it. If no
server answers, a list shows what the book knows."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from temporalio.client import Client, WorkflowExecution

from order_system.book.order_book import SqlOrderBook
from order_system.domain.book import SubmissionStatus
from order_system.domain.ids import order_id_in, order_workflow_id
from order_system.domain.listing import (
    EVERY_ORDER,
    PAGE_ROWS,
    PAGE_ROWS_LIMIT,
    BatchOrder,
    LineStatus,
    OrderFilter,
    OrderSummary,
    Page,
    Sort,
)
from order_system.domain.messages import OrderStatus
from order_system.domain.search_attributes import BATCH_NAME, FAILED_STEP, ORDER_STATUS
from order_system.domain.steps import Step
from order_system.infra import policy
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import answering_soon, if_it_answers_soon
from order_system.infra.temporal.executions import WorkflowState, side_by_side, state_of
from order_system.orders.in_book import NOT_SETTLED
from order_system.orders.on_server import TemporalOrderRuns
from workflows.order import OrderFulfillmentWorkflow

_RUNNING_ORDERS = visibility.all_of(visibility.of_type(OrderFulfillmentWorkflow), visibility.RUNNING)
_CUT_SHORT = "ExecutionStatus IN ('Terminated', 'TimedOut')"
_OPEN_ONES = OrderFilter(status=SubmissionStatus.OPEN)

Row = TypeVar("Row", OrderSummary, BatchOrder)

WAITING_LISTED = 1_000
"""The most orders that need attention in one list. `attention` has them all."""


@dataclass(frozen=True)
class OrderLists:
    book: SqlOrderBook
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
        """Return a page of orders. It may have fewer rows than `limit` although there are more: its `next`
        tells. The first page of all orders, or of running ones, begins with those that the server runs and
        the book does not know: a batch has just begun them, or a client died before it could note them. The
        first page of terminated orders begins with those that nobody has settled yet, and the first page of
        those that failed at a step or for a reason with PAGE_ROWS_LIMIT at most that need attention there.

        Raises InvalidUsage, and ServerUnreachable if only the orders that need attention are wanted."""
        if status is OrderStatus.NEEDS_ATTENTION:
            return await self._waiting(wanted, cursor, limit)
        first = Page[OrderSummary]((), None)
        if cursor is None and status is None and (wanted.step or wanted.reason):
            async with if_it_answers_soon(self.temporal):
                first = await self._waiting(wanted, None, PAGE_ROWS_LIMIT)
        is_open = status is OrderStatus.RUNNING
        in_book = SubmissionStatus.OPEN if is_open else status and SubmissionStatus(status.value)
        wanted = replace(wanted, status=in_book)
        page = await self.book.orders(wanted, cursor=cursor, limit=limit)
        if await self._forgot_ended(page.rows):
            page = await self.book.orders(wanted, cursor=cursor, limit=limit)
        if cursor is None and wanted in (EVERY_ORDER, _OPEN_ONES):
            unnoted = await self._unnoted()
            again = {row.order_id for row in unnoted}
            page = replace(page, rows=(*unnoted, *(row for row in page.rows if row.order_id not in again)))
        if cursor is None and status is OrderStatus.TERMINATED:
            page = replace(page, rows=(*await self._unsettled(wanted), *page.rows))
        page = await self._with_server_state(page, status)
        return replace(page, rows=(*first.rows, *page.rows))

    async def _waiting(self, wanted: OrderFilter, cursor: str | None, limit: int) -> Page[OrderSummary]:
        """Return a page of the orders that need attention. At which step is known to the server alone."""
        waiting = sorted(await self.waiting_ids(wanted.step))
        part = (wanted.reason or "").lower()
        wanted = replace(wanted, status=SubmissionStatus.OPEN, order_ids=waiting, step=None, reason=None)
        page = await self.book.orders(wanted, cursor=cursor, limit=limit)
        page = await self._with_server_state(page, OrderStatus.NEEDS_ATTENTION)
        return replace(page, rows=tuple(row for row in page.rows if part in (row.reason or "").lower()))

    async def _forgot_ended(self, rows: Sequence[OrderSummary]) -> bool:
        """Remove accepted orders from the book whose workflows closed before they opened anything; return
        whether there were any. A row that runs and has no total is of an order that was only accepted."""
        accepted = [row for row in rows if row.status is OrderStatus.RUNNING and row.total is None]
        running = await self._listed(_RUNNING_ORDERS, [row.order_id for row in accepted])
        ids = {order_id_in(run.id) for run in running}
        accepted = [row for row in accepted if row.order_id not in ids]  # or visibility is late
        if not accepted:
            return False
        async with if_it_answers_soon(self.temporal):
            on_server = TemporalOrderRuns(self.temporal)
            here = await on_server.server()
            runs = await side_by_side(on_server.current_run, [row.order_id for row in accepted])
            ended = [
                row.submission
                for row, run in zip(accepted, runs, strict=True)
                if run is None or not run.is_open or run.submission != row.submission
            ]
            return bool(ended and await self.book.forget_accepted(ended, here))
        return False

    async def _unnoted(self) -> list[OrderSummary]:
        """Return the orders that the server runs and the book does not know."""
        running = await self._listed(_RUNNING_ORDERS, PAGE_ROWS_LIMIT)
        orders = {order_id_in(execution.id): execution for execution in running}
        in_book = await self.book.orders(OrderFilter(order_ids=list(orders)), limit=PAGE_ROWS_LIMIT)
        known = {row.order_id: row for row in in_book.rows}
        live = (OrderStatus.RUNNING, OrderStatus.FULFILLED)
        return [
            OrderSummary(
                order_id=order_id,
                submission=run.run_id,
                status=OrderStatus.RUNNING,
                batch=run.typed_search_attributes.get(BATCH_NAME),
                opened_at=run.start_time,
            )
            for order_id, run in orders.items()
            if (row := known.get(order_id)) is None
            # The book only knows an earlier submission, which was not fulfilled.
            or (row.status not in live and row.submission != run.run_id and row.opened_at < run.start_time)
        ]

    async def _unsettled(self, wanted: OrderFilter = EVERY_ORDER) -> tuple[OrderSummary, ...]:
        """Return the orders whose workflow was terminated or is gone, and that nobody has settled yet: those
        that the server lists as terminated, and those among the oldest open ones."""
        cut_short = sorted({order_id_in(run.id) for run in await self._listed(_CUT_SHORT, WAITING_LISTED)})
        is_open = replace(wanted, status=SubmissionStatus.OPEN, sort=Sort.OLDEST)
        open_ones = [
            await self.book.orders(each, limit=PAGE_ROWS_LIMIT)
            for each in (is_open, replace(is_open, order_ids=cut_short))
        ]
        rows = {row.order_id: row for page in open_ones for row in page.rows}
        return (await self._with_server_state(Page((*rows.values(),), None), OrderStatus.TERMINATED)).rows

    async def counts(self) -> dict[OrderStatus, int]:
        """Count the orders by status. A status without orders is 0. If no server answers, `needs_attention`
        is not there, and orders that wait or were terminated are among the running ones."""
        found = await self.book.order_counts()
        ours = {OrderStatus.RUNNING: found[SubmissionStatus.OPEN]}
        query = visibility.all_of(self._ours, visibility.WAITING)
        async with if_it_answers_soon(self.temporal):
            counted = await self.temporal.count_workflows(query, rpc_timeout=policy.WAITING_ASKED)
            unsettled = len(await self._unsettled())
            waiting = min(counted.count, found[SubmissionStatus.OPEN])
            ours = {
                OrderStatus.RUNNING: max(0, found[SubmissionStatus.OPEN] - waiting - unsettled),
                OrderStatus.NEEDS_ATTENTION: waiting,
                OrderStatus.TERMINATED: found[SubmissionStatus.TERMINATED] + unsettled,
            }
        return {
            status: ours[status] if status in ours else found[SubmissionStatus(status.value)]
            for status in OrderStatus
            if status is not OrderStatus.NEEDS_ATTENTION or status in ours
        }

    async def waiting_ids(self, step: Step | None = None) -> set[str]:
        """Return the orders that need attention, WAITING_LISTED at most. Raises ServerUnreachable."""
        waiting = visibility.all_of(visibility.WAITING, f"FailedStep = '{step}'" if step else None)
        async with answering_soon(self.temporal):
            found = await self._found(waiting, WAITING_LISTED)
        return {order_id_in(run.id) for run in found}

    async def batch_orders(
        self,
        name: str,
        status: LineStatus | None = None,
        *,
        cursor: str | None = None,
        limit: int = PAGE_ROWS,
    ) -> Page[BatchOrder]:
        """Return a page of a batch's orders by order ID, else like `orders`. Also raises UnknownBatch."""
        among = await self.waiting_ids() if status is LineStatus.NEEDS_ATTENTION else None
        page = await self.book.batch_orders(name, status, among=among, cursor=cursor, limit=limit)
        return await self._with_server_state(page, status)

    async def _with_server_state(self, page: Page[Row], status: OrderStatus | LineStatus | None) -> Page[Row]:
        """Add what the server knows of each row, then keep the rows with that status."""
        runs: dict[str, list[WorkflowExecution]] = defaultdict(list)
        gone: set[str] = set()
        async with if_it_answers_soon(self.temporal):
            for run in await self._found(None, [row.order_id for row in page.rows]):
                runs[order_id_in(run.id)].append(run)
            running = [row.order_id for row in page.rows if row.status == OrderStatus.RUNNING]
            gone = await self._gone([order_id for order_id in running if not runs[order_id]])
        rows = [_as_on_server(row, runs[row.order_id], is_gone=row.order_id in gone) for row in page.rows]
        waiting = [row.order_id for row in rows if row.status == OrderStatus.NEEDS_ATTENTION]
        said = await self.book.last_words(waiting) if waiting else {}
        rows = (row.model_copy(update={"reason": said.get(row.order_id, row.reason)}) for row in rows)
        return Page(tuple(row for row in rows if status in (None, row.status)), page.next)

    async def _gone(self, order_ids: Sequence[str]) -> set[str]:
        """Return those that this server has no workflow of, although they are open in the book as its own."""
        on_server, known = TemporalOrderRuns(self.temporal), await self.book.find(order_ids)
        runs = await side_by_side(on_server.current_run, list(known))
        here = await on_server.server()
        lost = (record for record, run in zip(known.values(), runs, strict=True) if run is None)
        still_open = (record for record in lost if record.status is SubmissionStatus.OPEN)
        return {record.ref.order_id for record in still_open if here.has(record)}

    async def _listed(self, condition: str, among: Sequence[str] | int) -> list[WorkflowExecution]:
        """Return what `_found` does; nothing if no server answers."""
        async with if_it_answers_soon(self.temporal):
            return await self._found(condition, among)
        return []

    async def _found(self, condition: str | None, among: Sequence[str] | int) -> list[WorkflowExecution]:
        """Return the runs that meet the condition: those of the orders `among`, or so many of all."""
        limit, ids = (among, None) if isinstance(among, int) else (None, map(order_workflow_id, among))
        if not among:
            return []
        query = visibility.all_of(self._ours, condition, ids and visibility.with_ids(ids))
        found = self.temporal.list_workflows(query, limit=limit, rpc_timeout=policy.WAITING_ASKED)
        return [run async for run in found]

    @property
    def _ours(self) -> str:
        return visibility.on_queue(self.task_queue)


def _as_on_server(row: Row, runs: Sequence[WorkflowExecution], *, is_gone: bool) -> Row:
    """Return the row with what the server knows. `runs` are all its runs of the order. The server has exact
    times. It knows whether an order open in the book waits or was terminated, and runs new to the book."""
    terminated = {"status": type(row.status)(OrderStatus.TERMINATED), "reason": NOT_SETTLED}
    runs = sorted(runs, key=lambda run: run.start_time)
    runs_now = any(state_of(run) is WorkflowState.RUNNING for run in runs)
    is_new = row.status == LineStatus.NOT_STARTED and runs_now
    ours = [run for run in runs if is_new or (row.opened_at and run.start_time <= row.opened_at)]
    if is_gone or not ours:
        return row.model_copy(update=terminated) if is_gone else row
    began, goes_on = ours[-1], is_new or row.status == OrderStatus.RUNNING
    may_run_again = goes_on or state_of(began) is WorkflowState.TERMINATED  # by a reset, or submitted anew
    newest = runs[-1] if may_run_again else began
    status = _status_on_server(newest) if goes_on else row.status
    is_open = status in (OrderStatus.RUNNING, OrderStatus.NEEDS_ATTENTION)
    closed_at = None if is_open else newest.close_time or row.closed_at
    told = {"status": type(row.status)(status), "opened_at": began.start_time, "closed_at": closed_at}
    told |= terminated if goes_on and status is OrderStatus.TERMINATED else {}
    if step := newest.typed_search_attributes.get(FAILED_STEP) if is_open else None:
        told |= {"failed_step": Step(step)}
    return row.model_copy(update=told | ({"submission": began.run_id} if is_new else {}))


def _status_on_server(newest: WorkflowExecution) -> OrderStatus:
    """Return the status of an order that is open in the book. If it has ended, the book soon tells how."""
    if state_of(newest) in (WorkflowState.TERMINATED, WorkflowState.TIMED_OUT):
        return OrderStatus.TERMINATED
    waits = newest.typed_search_attributes.get(ORDER_STATUS) == OrderStatus.NEEDS_ATTENTION
    return OrderStatus.NEEDS_ATTENTION if waits else OrderStatus.RUNNING
