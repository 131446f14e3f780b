"""Where an order stands, by whatever can still be asked: its workflow, the server, the book.

The workflow's own `progress` says most, but needs a worker. Without a worker, the server still knows the
children and how they ended. Temporal forgets an order after its retention; the book does not. If server and
book differ after a termination, the book wins: it knows whether the parcel is gone."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import temporalio.client as sdk
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.service import RPCError

from order_system.book.order_book import SqlOrderBook
from order_system.domain.book import SubmissionRecord, SubmissionStatus
from order_system.domain.errors import UnknownOrder
from order_system.domain.ids import AFTER_FIRST, FINGERPRINT, order_workflow_id, step_workflow_id
from order_system.domain.journal import Journal
from order_system.domain.messages import OrderStatus, one_line
from order_system.domain.progress import OrderProgress, StepProgress, StepState, UndoProgress, UndoState
from order_system.domain.search_attributes import ORDER_STATUS
from order_system.domain.steps import STEP_UNDONE_BY, UNDOS, Step
from order_system.infra import policy
from order_system.infra.temporal import visibility
from order_system.infra.temporal.executions import WorkflowState, describe, first_run, state_of
from order_system.infra.temporal.servers import server_of
from order_system.orders.in_book import (
    NOT_SETTLED,
    may_run,
    order_in_book,
    restated,
    told_by_book,
    undos_in_book,
    with_refunds,
)

_OTHER_NAMES = {
    WorkflowState.COMPLETED: OrderStatus.FULFILLED,
    WorkflowState.TIMED_OUT: OrderStatus.TERMINATED,
}
"""The order's status by the state of its workflow, where the two have different names."""


class OrderStatusReader:
    """Reads where an order stands. Raises UnknownOrder, and the SDK's RPCError when the server fails."""

    def __init__(self, temporal: sdk.Client, book: SqlOrderBook) -> None:
        self._temporal = temporal
        self._book = book

    async def read(self, order_id: str) -> OrderProgress:
        return await with_refunds(self._book, await self._read(order_id))

    async def _read(self, order_id: str) -> OrderProgress:
        record = (await self._book.find([order_id])).get(order_id)
        journal = await self._book.journal(record.ref) if record else {}
        described = await describe(self._temporal, order_workflow_id(order_id))
        if described is None:
            here = await server_of(self._temporal)
            record = record or await self._book.accepted_elsewhere(order_id, here)
            if record is None:
                raise UnknownOrder(f"there is no order {order_id}, neither on the server nor in the book")
            in_book = order_in_book(record, journal)
            if record.status is not SubmissionStatus.OPEN or here.has(record):
                return in_book
            note = "it is open on another Temporal server; this is what the book knows"
            return may_run(in_book).model_copy(update={"note": note})
        progress = await self.by_workflow(described) or await self._by_server(order_id, described)
        if progress.closed and described.close_time is None:  # it has closed since
            described = await describe(self._temporal, described.id, described.run_id) or described
        times = {"started_at": described.start_time, "closed_at": described.close_time}
        progress = progress.model_copy(update=times)
        state = state_of(described)
        if state is not WorkflowState.RUNNING or progress.status is OrderStatus.NEEDS_ATTENTION:
            progress = await self._with_times_of_children(progress)
        if state in (WorkflowState.TERMINATED, WorkflowState.TIMED_OUT):
            progress = _terminated(progress, described.close_time)
        closed = state is not WorkflowState.RUNNING
        if record and record.ref.submission != first_run(described):
            content = (None, record.ref.fingerprint)
            fulfilled = closed and record.status is SubmissionStatus.FULFILLED
            if fulfilled and (await described.memo()).get(FINGERPRINT) not in content:
                told = f"other content that was submitted later, as {first_run(described)}, was refused"
                return order_in_book(record, journal).model_copy(update={"note": told})
            if record.closed_at and described.close_time and record.closed_at > described.close_time:
                # It had blocked the newest start, and was settled since.
                return order_in_book(record, journal)
        return _with_the_books_word(progress, record, journal, closed=closed) if record else progress

    async def by_workflow(self, described: sdk.WorkflowExecutionDescription) -> OrderProgress | None:
        """Return what the workflow itself says, and why its undos fail. The book is not asked. None if no
        worker answers, or the workflow cannot be replayed."""
        handle = self._temporal.get_workflow_handle(described.id, run_id=described.run_id)
        try:
            progress = await handle.query("progress", result_type=OrderProgress, rpc_timeout=policy.QUERY)
        except (RPCError, sdk.WorkflowQueryFailedError, sdk.WorkflowQueryRejectedError):
            return None
        failures, again = pending_undos(described), next_attempts(described)
        undos: list[UndoProgress] = []
        for undo in progress.undos:
            why, when = failures.get(undo.step) or undo.reason, again.get(UNDOS[undo.step].activity)
            goes_on = undo.status in (UndoState.PENDING, UndoState.STUCK)
            told = {"reason": why, "next_attempt_at": when} if goes_on else {}
            undos.append(undo.model_copy(update=told))
        children = tuple([await self._with_trouble(step) for step in progress.children])
        return progress.model_copy(update={"undos": tuple(undos), "children": children})

    async def _with_trouble(self, step: StepProgress) -> StepProgress:
        """Add the last failure of a step that takes long. The step does not hear of it; the server does."""
        if step.status is not StepState.RUNNING or step.started_at is None:
            return step
        if datetime.now(UTC) - step.started_at < policy.STEP_TAKES_LONG:
            return step
        if (child := await describe(self._temporal, step.workflow_id, step.run_id)) is None:
            return step
        again = next(iter(next_attempts(child).values()), None)
        return step.model_copy(update={"reason": _last_failure(child), "next_attempt_at": again})

    async def _with_times_of_children(self, order: OrderProgress) -> OrderProgress:
        """Give each step the times of its child workflow. The parent hears of them later."""
        query = visibility.with_ids(step.workflow_id for step in order.children)
        runs: dict[str | None, dict[str, Any]] = {}
        with suppress(RPCError):  # visibility is away: the times that the parent has are near enough
            async for run in self._temporal.list_workflows(query, rpc_timeout=policy.RPC):
                if run.close_time:
                    runs[run.run_id] = {"started_at": run.start_time, "closed_at": run.close_time}
        children = (step.model_copy(update=runs.get(step.run_id)) for step in order.children)
        return order.model_copy(update={"children": tuple(children)})

    async def _by_server(self, order_id: str, order: sdk.WorkflowExecutionDescription) -> OrderProgress:
        """Return what the server knows of the order and its children, without any worker."""
        children: list[StepProgress] = []
        for step in Step:
            told: dict[str, Any] = {"step": step, "workflow_id": step_workflow_id(step, order_id)}
            child = await describe(self._temporal, told["workflow_id"])
            if child and child.parent_id == order.id and child.start_time >= order.start_time:
                told |= {"run_id": child.run_id, "status": StepState(state_of(child))}
                told |= {"started_at": child.start_time, "closed_at": child.close_time}
                told["reason"] = _last_failure(child)
            children.append(StepProgress(**told))
        state = state_of(order)
        waiting = order.typed_search_attributes.get(ORDER_STATUS) == OrderStatus.NEEDS_ATTENTION
        if waiting and state is WorkflowState.RUNNING:
            status = OrderStatus.NEEDS_ATTENTION
        else:
            status = OrderStatus(_OTHER_NAMES.get(state, state))
        return OrderProgress(
            order_id=order_id,
            workflow_id=order.id,
            run_id=order.run_id,
            submission=first_run(order),
            status=status,
            children=tuple(children),
            note=None if order.close_time else "no worker answers; this is what the server knows",
        )


def _last_failure(child: sdk.WorkflowExecutionDescription) -> str | None:
    """Return how the child's activity failed last, e.g. `attempt 5: NotReached: connection refused`."""
    for activity in child.raw_description.pending_activities:
        kind = activity.last_failure.application_failure_info.type
        if told := _how_it_failed(activity, f"{kind}: " if kind else ""):
            return told
    return None


def _how_it_failed(activity: PendingActivityInfo, kind: str = "") -> str:
    """Return e.g. `attempt 5: connection refused`; blank if no attempt has failed."""
    said = one_line(activity.last_failure.message)
    return f"attempt {attempt_that_failed(activity)}: {kind}{said}" if said else ""


def attempt_that_failed(activity: PendingActivityInfo) -> int:
    """Return the last failed attempt's number. The server counts the next one, but no local first one."""
    return max(1, activity.attempt - 1) + (activity.activity_id == AFTER_FIRST)


def next_attempts(described: sdk.WorkflowExecutionDescription) -> dict[str, datetime]:
    """Return the time of each next attempt, by the name of the activity that waits for it."""
    return {
        each.activity_type.name: each.next_attempt_schedule_time.ToDatetime(UTC)
        for each in described.raw_description.pending_activities
        if each.HasField("next_attempt_schedule_time")
    }


def pending_undos(order: sdk.WorkflowExecutionDescription) -> dict[Step, str]:
    """Return the undos that are being tried, and how each failed last: blank if it has not failed yet. The
    workflow does not hear of failures while an undo is retried; the server does."""
    return {
        STEP_UNDONE_BY[undo.activity_type.name]: _how_it_failed(undo)
        for undo in order.raw_description.pending_activities
        if undo.activity_type.name in STEP_UNDONE_BY
    }


def _terminated(progress: OrderProgress, at: datetime | None) -> OrderProgress:
    """Correct what a terminated workflow last said: it ran no code when it ended, so that is outdated."""
    ended = {"status": StepState.TERMINATED, "closed_at": at}
    skipped = {"status": StepState.SKIPPED}
    children = restated(progress, {StepState.RUNNING: ended, StepState.PENDING: skipped})
    holds = tuple(
        each if each.ended_at else each.model_copy(update={"ended_at": at}) for each in progress.holds
    )
    told = {"status": OrderStatus.TERMINATED, "children": children, "reason": progress.reason or NOT_SETTLED}
    return progress.model_copy(update={**told, "held_until": None, "holds": holds})


def _with_the_books_word(
    progress: OrderProgress, record: SubmissionRecord, journal: Journal, *, closed: bool
) -> OrderProgress:
    """Add what the book knows: the attempts and, once the workflow has closed, how the order ended, whether
    the parcel is gone, and what was undone since. A terminated workflow knows nothing of that."""
    changes: dict[str, Any] = {}
    if closed and record.status is SubmissionStatus.FULFILLED:
        changes = {"status": OrderStatus.FULFILLED, "failed_step": None, "reason": None}
    if record.ref.submission == progress.submission:
        changes["children"] = tuple(
            step.model_copy(update=told_by_book(step.step, journal)) for step in progress.children
        )
        if progress.status is OrderStatus.TERMINATED and record.status is not SubmissionStatus.OPEN:
            changes["status"] = OrderStatus(record.status.value)
            changes |= {"reason": record.reason, "undos": undos_in_book(journal)}
    return progress.model_copy(update=changes)
