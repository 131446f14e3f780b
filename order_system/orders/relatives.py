"""Who started which workflow: the children of a batch or an order, and the parent of an order or a step.

An order's children are the steps in its status: those of its newest start. A batch's children are the orders
of its file, as its list has them. They include orders that it skipped, since another start runs them or has
fulfilled them, and orders that Temporal has forgotten.

Only one page is held in memory."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from temporalio.client import Client

from order_system.book.order_book import SqlOrderBook
from order_system.domain import ids
from order_system.domain.batch import Fate
from order_system.domain.errors import UnknownBatch, UnknownOrder, UnknownWorkflow
from order_system.domain.listing import PAGE_ROWS_LIMIT, LineStatus
from order_system.domain.order import Wire
from order_system.domain.progress import StepState
from order_system.domain.steps import Step
from order_system.domain.wording import Timestamp
from order_system.infra.temporal.connection import if_it_answers_soon, reaching_server
from order_system.infra.temporal.executions import WorkflowState, describe, first_run, state_of
from order_system.orders.exports import every_row
from order_system.orders.lists import OrderLists
from order_system.orders.status import OrderStatusReader
from workflows.order import OrderFulfillmentWorkflow
from workflows.registry import CHILDREN

_STATES = {LineStatus.FULFILLED: WorkflowState.COMPLETED, LineStatus.NEEDS_ATTENTION: WorkflowState.RUNNING}
"""The state of an order's workflow by the order's status, where the two have different names."""

ChildStatus = Literal["running", "completed", "fulfilled", "failed", "cancelled", "terminated", "timed_out"]
"""The states of workflows, in people's words: an order that has completed is fulfilled."""


class StartedBy(StrEnum):
    THIS_START = "this start"
    """The newest start of the parent."""
    ELSEWHERE = "elsewhere"
    """An earlier start of the batch, another batch, or a person. The newest start left the order alone."""


class Child(Wire):
    workflow_id: str
    run_id: str | None
    """The first run of an order's submission. None for a step that only the book remembers."""
    type: str
    state: WorkflowState
    started_at: Timestamp | None
    closed_at: Timestamp | None
    started_by: StartedBy = StartedBy.THIS_START


@dataclass(frozen=True)
class Parent:
    workflow_id: str
    run_id: str | None
    """None if only the book remembers the batch that started an order."""


class Relatives:
    """The half of `client.OrderClient` that tells who started what."""

    def __init__(self, temporal: Client, book: SqlOrderBook, task_queue: str) -> None:
        self._temporal = temporal
        self._book = book
        self._task_queue = task_queue
        self._status = OrderStatusReader(temporal, book)

    async def children(self, parent_id: str, status: ChildStatus | None = None) -> AsyncGenerator[Child]:
        """Yield what the workflow `order-<ORDER_ID>` or `batch-<NAME>` has started, one after another.

        An order has the steps of its newest start. A batch has its orders as they stand now, including
        skipped ones. Visibility is eventually consistent: changes of the last moments may not show yet.
        Raises UnknownWorkflow."""
        state = WorkflowState.COMPLETED if status == "fulfilled" else status and WorkflowState(status)
        name, order_id = ids.batch_name(parent_id), ids.order_of_workflow(parent_id)
        if name != parent_id:
            found = self._orders_of_batch(name)
        elif order_id and parent_id == ids.order_workflow_id(order_id):
            found = self._steps(order_id)
        elif order_id:
            raise UnknownWorkflow(f"{parent_id!r} is no order's workflow and no batch's: it starts none")
        else:
            raise _unknown(parent_id)
        async for child in found:
            if state in (None, child.state):
                yield child

    async def _steps(self, order_id: str) -> AsyncGenerator[Child]:
        try:
            async with reaching_server():
                order = await self._status.read(order_id)
        except UnknownOrder:
            raise _unknown(ids.order_workflow_id(order_id)) from None
        for step in order.children:
            if step.status not in (StepState.PENDING, StepState.SKIPPED):
                yield Child(
                    workflow_id=step.workflow_id,
                    run_id=step.run_id,
                    type=CHILDREN[step.step].__name__,
                    state=WorkflowState(step.status),
                    started_at=step.started_at,
                    closed_at=step.closed_at,
                )

    async def _orders_of_batch(self, name: str) -> AsyncGenerator[Child]:
        lists = OrderLists(self._book, self._temporal, self._task_queue)
        try:
            async for row in every_row(
                lambda cursor: lists.batch_orders(name, cursor=cursor, limit=PAGE_ROWS_LIMIT)
            ):
                if row.status in (LineStatus.CONFLICT, LineStatus.NOT_STARTED):
                    continue
                state = _STATES.get(row.status) or WorkflowState(row.status)
                if state is WorkflowState.TERMINATED:  # as the book calls one that timed out, too
                    async with if_it_answers_soon(self._temporal):
                        newest = await describe(self._temporal, ids.order_workflow_id(row.order_id))
                        timed_out = newest and state_of(newest) is WorkflowState.TIMED_OUT
                        if newest and timed_out and first_run(newest) == row.submission:
                            state = WorkflowState.TIMED_OUT
                yield Child(
                    workflow_id=ids.order_workflow_id(row.order_id),
                    run_id=row.submission,
                    type=OrderFulfillmentWorkflow.__name__,
                    state=state,
                    started_at=row.opened_at,
                    closed_at=row.closed_at,
                    started_by=StartedBy.THIS_START if row.fate is Fate.START else StartedBy.ELSEWHERE,
                )
        except UnknownBatch:
            raise _unknown(ids.batch_workflow_id(name)) from None

    async def parent(self, name: str) -> Parent | None:
        """Return who started `name`: the workflow ID of a step or an order or, if no workflow has that ID, an
        order ID. None if it has no parent. Raises UnknownWorkflow."""
        async with reaching_server():
            for workflow_id in (name, ids.order_workflow_id(name)):
                described = await describe(self._temporal, workflow_id)
                if described is not None:
                    if described.parent_id is None:
                        return None
                    return Parent(described.parent_id, described.parent_run_id)
            return await self._parent_in_book(name)

    async def _parent_in_book(self, name: str) -> Parent | None:
        for order_id in filter(ids.is_order_id, (name, ids.order_of_workflow(name) or "")):
            if (record := (await self._book.find([order_id])).get(order_id)) is None:
                continue
            if name in (order_id, ids.order_workflow_id(order_id)):
                return None if record.ref.batch is None else Parent(record.ref.batch, None)
            if name in [ids.step_workflow_id(step, order_id) for step in Step]:
                return Parent(ids.order_workflow_id(order_id), record.ref.submission)
        raise _unknown(name)


def _unknown(name: str) -> UnknownWorkflow:
    return UnknownWorkflow(
        f"there is no workflow {name[:100]!r}, neither on the server nor in the book; "
        "an order's is order-<ORDER_ID>, a batch's batch-<NAME>"
    )
