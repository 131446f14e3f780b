"""Who started which workflow: the children of a batch or an order, and the parent of an order or a step.

The server finds children by `ParentWorkflowId`, which holds for every run of a parent's ID. What people mean
are those of its newest start; so only these are listed, through continuing as new and through a reset, and
older ones on request, marked as such. The orders of a batch come from the book, page by page: it knows also
those that the batch skipped, since another start runs them or has fulfilled them, and those that Temporal
has forgotten. How they stand, the server is asked, and the book where the server has nothing more.

Nothing is held in memory but a page.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from temporalio.client import Client, WorkflowExecution

from order_system.book.order_book import SqlOrderBook
from order_system.domain.book import SubmissionRecord, SubmissionStatus
from order_system.domain.errors import UnknownWorkflow
from order_system.domain.ids import is_order_id, order_of_workflow, order_workflow_id, step_workflow_id
from order_system.domain.progress import StepState
from order_system.domain.steps import Step
from order_system.infra import policy
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import reaching_server
from order_system.infra.temporal.executions import describe, first_run, side_by_side
from order_system.orders.child_document import Child, Parent, StartedBy, WorkflowState, state_called, state_of
from order_system.orders.in_book import steps_in_book
from workflows.order import OrderFulfillmentWorkflow
from workflows.registry import CHILDREN

_OTHERWISE_CALLED = {
    SubmissionStatus.FULFILLED: WorkflowState.COMPLETED,
    # Of an order that the server no longer has: its workflow is gone before it closed.
    SubmissionStatus.OPEN: WorkflowState.TERMINATED,
}


@dataclass(frozen=True)
class _Start:
    """The newest start of a parent."""

    workflow_id: str
    run: str
    """`first_execution_run_id`."""
    since: datetime | None
    """When; None if server and book have forgotten it, so that no child is told apart by its age."""

    def of(self, parent_id: str | None, started_at: datetime) -> StartedBy:
        if parent_id != self.workflow_id:
            return StartedBy.ELSEWHERE
        if self.since is not None and started_at < self.since:
            return StartedBy.EARLIER_START
        return StartedBy.THIS_START


class Relatives:
    """The half of `client.OrderClient` that tells who started what."""

    def __init__(self, temporal: Client, book: SqlOrderBook) -> None:
        self._temporal = temporal
        self._book = book

    # --- downwards -------------------------------------------------------------------------------

    async def children(
        self, parent_id: str, status: str | None = None, *, earlier: bool = False
    ) -> AsyncGenerator[Child]:
        """What the workflow `order-<ORDER_ID>` or `batch-<NAME>` has started, one after another.

        `status` is a state in people's words: running, completed (or fulfilled), failed, cancelled,
        terminated, timed_out. Only the children of the parent's newest start, unless those of its `earlier`
        ones are asked for too. Of a batch: its orders as they stand now, skipped ones among them. Visibility
        is eventually consistent: what has changed within the last moments may not show yet.

        Raises UnknownWorkflow, and InvalidUsage for a status that is none.
        """
        state = None if status is None else state_called(status)
        async with reaching_server():
            async for child in self._children(parent_id, state, earlier=earlier):
                if state in (None, child.state):
                    yield child

    async def _children(
        self, parent_id: str, state: WorkflowState | None, *, earlier: bool
    ) -> AsyncGenerator[Child]:
        """Of those that only the server is asked for, just the ones in this state; of the others all."""
        start = await self._newest_start(parent_id)
        if start is None:
            for child in await self._steps_in_book(parent_id):
                yield child
            return
        is_batch = False
        async for child in self._orders_of_batch(start):
            is_batch = True
            yield child
        spans = [] if is_batch else [visibility.started_since(start.since) if start.since else None]
        if earlier and start.since is not None:
            spans.append(visibility.started_before(start.since))
        for span in spans:
            async for child in self._visible(start, state, span):
                yield child

    async def _newest_start(self, parent_id: str) -> _Start | None:
        """None if the server has no such workflow and the book no such batch."""
        described = await describe(self._temporal, parent_id)
        if described is None:
            in_book = await self._book.batch_run(parent_id)
            return in_book and _Start(parent_id, in_book.run, in_book.started_at)
        run = first_run(described)
        first = described if run == described.run_id else await describe(self._temporal, parent_id, run)
        if first is not None:
            return _Start(parent_id, run, first.start_time)
        # A batch that has continued as new for longer than the server remembers.
        in_book = await self._book.batch_run(parent_id, run)
        return _Start(parent_id, run, in_book.started_at if in_book else None)

    async def _visible(
        self, start: _Start, state: WorkflowState | None, span: str | None
    ) -> AsyncGenerator[Child]:
        query = visibility.all_of(
            f"ParentWorkflowId = {visibility.quoted(start.workflow_id)}",  # of every run of that ID
            visibility.NEWEST_RUNS,
            f"ExecutionStatus = '{state.in_queries}'" if state else None,
            span,
        )
        async for execution in self._temporal.list_workflows(query, rpc_timeout=policy.RPC):
            yield _as_child(execution, start)

    # --- the orders of a batch -------------------------------------------------------------------

    async def _orders_of_batch(self, start: _Start) -> AsyncGenerator[Child]:
        """Nothing if it is no batch, or not in this book."""
        after = ""
        while order_ids := await self._book.orders_of(
            start.workflow_id, start.run, after=after, limit=policy.ORDERS_PER_LOOK
        ):
            # The server first: what it does not have any more, the book has by then.
            on_server = await self._newest_on_server(order_ids)
            in_book = await self._book.find(order_ids)
            # Open in the book and unseen: just started, or gone. Only a description tells for sure.
            unseen = [
                order_workflow_id(order_id)
                for order_id, record in in_book.items()
                if record.status is SubmissionStatus.OPEN and order_workflow_id(order_id) not in on_server
            ]
            for described in await side_by_side(partial(describe, self._temporal), unseen):
                if described is not None:
                    on_server[described.id] = described
            for order_id in order_ids:
                execution = on_server.get(order_workflow_id(order_id))
                record = in_book.get(order_id)
                if execution is not None:
                    yield _as_order(execution, record, start)
                elif record is not None:
                    yield _order_in_book(record, start)
            after = order_ids[-1]

    async def _newest_on_server(self, order_ids: Sequence[str]) -> dict[str, WorkflowExecution]:
        query = visibility.all_of(
            visibility.with_ids(map(order_workflow_id, order_ids)), visibility.NEWEST_RUNS
        )
        listed = self._temporal.list_workflows(query, rpc_timeout=policy.RPC)
        oldest_first = sorted(
            [execution async for execution in listed],
            key=lambda execution: (execution.start_time, execution.close_time is None),
        )
        return {execution.id: execution for execution in oldest_first}

    # --- when only the book remembers ------------------------------------------------------------

    async def _steps_in_book(self, parent_id: str) -> list[Child]:
        order_id = order_of_workflow(parent_id) or ""
        record = (await self._book.find([order_id])).get(order_id)
        if record is None or parent_id != order_workflow_id(order_id):
            raise _unknown(parent_id)
        return [
            Child(
                workflow_id=step.workflow_id,
                run_id=None,
                type=CHILDREN[step.step].__name__,
                state=WorkflowState(step.status),
                started_at=step.started_at,
                closed_at=step.closed_at,
                started_by=StartedBy.THIS_START,
                forgotten=True,
            )
            for step in steps_in_book(order_id, await self._book.journal(record.ref))
            if step.status is not StepState.SKIPPED
        ]

    # --- upwards ---------------------------------------------------------------------------------

    async def parent(self, name: str) -> Parent | None:
        """Who started this: a step's or an order's workflow ID or, if no workflow has it, an order ID. None
        if nobody's child. Raises UnknownWorkflow."""
        async with reaching_server():
            for workflow_id in (name, order_workflow_id(name)):
                described = await describe(self._temporal, workflow_id)
                if described is not None:
                    if described.parent_id is None:
                        return None
                    return Parent(described.parent_id, described.parent_run_id)
            return await self._parent_in_book(name)

    async def _parent_in_book(self, name: str) -> Parent | None:
        for order_id in filter(is_order_id, (name, order_of_workflow(name) or "")):
            if (record := (await self._book.find([order_id])).get(order_id)) is None:
                continue
            if name in (order_id, order_workflow_id(order_id)):
                return None if record.ref.batch is None else Parent(record.ref.batch, None)
            if name in [step_workflow_id(step, order_id) for step in Step]:
                return Parent(order_workflow_id(order_id), record.ref.submission)
        raise _unknown(name)


def _unknown(name: str) -> UnknownWorkflow:
    return UnknownWorkflow(
        f"there is no workflow {name[:100]!r}, neither on the server nor in the book; "
        "an order's is order-<ORDER_ID>, a batch's batch-<NAME>"
    )


def _as_child(execution: WorkflowExecution, start: _Start) -> Child:
    return Child(
        workflow_id=execution.id,
        run_id=execution.run_id,
        type=execution.workflow_type,
        state=state_of(execution),
        started_at=execution.start_time,
        closed_at=execution.close_time,
        started_by=start.of(execution.parent_id, execution.start_time),
    )


def _as_order(execution: WorkflowExecution, record: SubmissionRecord | None, start: _Start) -> Child:
    """As `status` has it: of one ended from outside the book knows whether the parcel went."""
    child = _as_child(execution, start)
    fulfilled = record is not None and record.status is SubmissionStatus.FULFILLED
    if fulfilled and child.state is not WorkflowState.RUNNING:
        return child.model_copy(update={"state": WorkflowState.COMPLETED})
    return child


def _order_in_book(record: SubmissionRecord, start: _Start) -> Child:
    return Child(
        workflow_id=order_workflow_id(record.ref.order_id),
        run_id=record.ref.submission,
        type=OrderFulfillmentWorkflow.__name__,
        state=_OTHERWISE_CALLED.get(record.status) or WorkflowState(record.status),
        started_at=record.opened_at,
        closed_at=record.closed_at,
        started_by=start.of(record.ref.batch, record.opened_at),
        forgotten=True,
    )
