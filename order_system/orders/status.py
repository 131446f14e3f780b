"""Where an order stands, put together from what is left to ask: its workflow, the server, the book.

The workflow's own `progress` says most, but needs a worker. Without one, the server still knows which
children there are and how they ended. Temporal forgets an order after its retention; the book does not.
Where they differ after a termination, the book wins: it knows whether the parcel is gone.
"""

from datetime import datetime

from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.service import RPCError, RPCStatusCode

from order_system.domain.book import EffectState, JournalEntry, OrderBook, SubmissionRecord, SubmissionStatus
from order_system.domain.errors import UnknownOrder
from order_system.domain.ids import order_workflow_id, step_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress, StepProgress, StepState, UndoProgress, UndoState
from order_system.domain.search_attributes import ORDER_STATUS
from order_system.domain.steps import STEP_UNDONE_BY, STEPS, UNDOS, Effect, Step
from order_system.infra import policy

_WORKFLOW_STATUS = {
    WorkflowExecutionStatus.RUNNING: OrderStatus.RUNNING,
    WorkflowExecutionStatus.COMPLETED: OrderStatus.FULFILLED,
    WorkflowExecutionStatus.FAILED: OrderStatus.FAILED,
    WorkflowExecutionStatus.CANCELED: OrderStatus.CANCELLED,
}
_CHILD_STATE = {
    WorkflowExecutionStatus.RUNNING: StepState.RUNNING,
    WorkflowExecutionStatus.COMPLETED: StepState.COMPLETED,
    WorkflowExecutionStatus.FAILED: StepState.FAILED,
    WorkflowExecutionStatus.CANCELED: StepState.CANCELLED,
    WorkflowExecutionStatus.TERMINATED: StepState.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT: StepState.TIMED_OUT,
}


class OrderStatusReader:
    """Raises UnknownOrder, and the SDK's RPCError when the server fails."""

    def __init__(self, temporal: Client, book: OrderBook) -> None:
        self._temporal = temporal
        self._book = book

    async def read(self, order_id: str) -> OrderProgress:
        record = (await self._book.find([order_id])).get(order_id)
        journal = await self._book.journal(record.ref) if record else {}
        described = await self._describe(order_workflow_id(order_id))
        if described is None:
            if record is None:
                raise UnknownOrder(f"there is no order {order_id}, neither on the server nor in the book")
            return _from_book(record, journal)

        progress = await self._asked(described) or await self._described(order_id, described)
        progress = _closed_by_server(progress, described)
        progress = _with_stuck_reasons(progress, described)
        if record is not None and record.ref.submission == progress.submission:
            progress = _with_attempts(progress, journal)
        closed = described.status is not WorkflowExecutionStatus.RUNNING
        if closed and record is not None and record.status is SubmissionStatus.FULFILLED:
            progress = progress.model_copy(
                update={"status": OrderStatus.FULFILLED, "failed_step": None, "reason": None}
            )
        if closed and record is not None and record.status is SubmissionStatus.TERMINATED:
            progress = _settled_by_others(progress, record, journal)
        return progress

    async def ask(self, described: WorkflowExecutionDescription) -> OrderProgress | None:
        """The workflow's own word, and why its undos fail, without the book; None if nobody answers."""
        progress = await self._asked(described)
        return progress and _with_stuck_reasons(progress, described)

    async def _describe(self, workflow_id: str) -> WorkflowExecutionDescription | None:
        try:
            handle = self._temporal.get_workflow_handle(workflow_id)
            return await handle.describe(rpc_timeout=policy.RPC)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _asked(self, described: WorkflowExecutionDescription) -> OrderProgress | None:
        """The workflow's own word; None if no worker answers or the workflow cannot be replayed."""
        handle = self._temporal.get_workflow_handle(described.id, run_id=described.run_id)
        try:
            return await handle.query("progress", result_type=OrderProgress, rpc_timeout=policy.QUERY)
        except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
            return None

    async def _described(self, order_id: str, order: WorkflowExecutionDescription) -> OrderProgress:
        """What the server knows of the order and its children without asking any worker."""
        children: list[StepProgress] = []
        for step in Step:
            child = await self._describe(step_workflow_id(step, order_id))
            ours = child is not None and child.parent_id == order.id and child.start_time >= order.start_time
            children.append(_described_step(step, order_id, child if ours else None))
        return OrderProgress(
            order_id=order_id,
            workflow_id=order.id,
            run_id=order.run_id,
            submission=order.raw_description.workflow_execution_info.first_run_id or order.run_id,
            status=_status_on_server(order),
            children=tuple(children),
            note=None if order.close_time else "no worker answers; this is what the server knows",
        )


def _status_on_server(order: WorkflowExecutionDescription) -> OrderStatus:
    status = _WORKFLOW_STATUS.get(order.status or WorkflowExecutionStatus.RUNNING, OrderStatus.RUNNING)
    waiting = order.typed_search_attributes.get(ORDER_STATUS) == OrderStatus.NEEDS_ATTENTION
    return OrderStatus.NEEDS_ATTENTION if status is OrderStatus.RUNNING and waiting else status


def _described_step(step: Step, order_id: str, child: WorkflowExecutionDescription | None) -> StepProgress:
    workflow_id = step_workflow_id(step, order_id)
    if child is None:
        return StepProgress(step=step, workflow_id=workflow_id)
    pending = child.raw_description.pending_activities
    return StepProgress(
        step=step,
        workflow_id=workflow_id,
        run_id=child.run_id,
        status=_CHILD_STATE[child.status or WorkflowExecutionStatus.RUNNING],
        started_at=child.start_time,
        closed_at=child.close_time,
        duration_ms=_milliseconds(child.start_time, child.close_time),
        reason=pending[0].last_failure.message or None if pending else None,
    )


def _closed_by_server(progress: OrderProgress, described: WorkflowExecutionDescription) -> OrderProgress:
    """Terminated, it ran no code of its own: what it last said of itself is no longer so."""
    if described.status not in (WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.TIMED_OUT):
        return progress
    ended = {StepState.RUNNING: StepState.TERMINATED, StepState.PENDING: StepState.SKIPPED}
    children = tuple(
        child.model_copy(update={"status": ended.get(child.status, child.status)})
        for child in progress.children
    )
    reason = "terminated before it could finish; the reconciler settles it, or its next submission"
    return progress.model_copy(
        update={"status": OrderStatus.TERMINATED, "children": children, "reason": progress.reason or reason}
    )


def _settled_by_others(
    progress: OrderProgress, record: SubmissionRecord, journal: dict[Effect, JournalEntry]
) -> OrderProgress:
    """It was terminated, and the reconciler has undone it since: of that its workflow knows nothing."""
    if record.ref.submission != progress.submission:
        return progress
    undos = tuple(_booked_undos(journal))
    return progress.model_copy(update={"reason": record.reason, "undos": undos})


def _with_stuck_reasons(progress: OrderProgress, described: WorkflowExecutionDescription) -> OrderProgress:
    """The workflow does not hear why an undo fails while it is retried; the server does."""
    failing = {
        STEP_UNDONE_BY[
            pending.activity_type.name
        ]: f"attempt {pending.attempt}: {pending.last_failure.message}"
        for pending in described.raw_description.pending_activities
        if pending.activity_type.name in STEP_UNDONE_BY and pending.last_failure.message
    }
    undos = tuple(
        undo.model_copy(update={"reason": failing[undo.step]})
        if undo.status in (UndoState.PENDING, UndoState.STUCK) and undo.step in failing
        else undo
        for undo in progress.undos
    )
    return progress.model_copy(update={"undos": undos})


def _with_attempts(progress: OrderProgress, journal: dict[Effect, JournalEntry]) -> OrderProgress:
    children = tuple(
        child.model_copy(update={"attempts": _attempts(child.step, journal)}) for child in progress.children
    )
    return progress.model_copy(update={"children": children})


def _attempts(step: Step, journal: dict[Effect, JournalEntry]) -> int | None:
    return (
        max((journal[effect].attempts for effect in STEPS[step].effects if effect in journal), default=0)
        or None
    )


# --- when only the book remembers -----------------------------------------------------------------


async def closed_in_book(book: OrderBook, order_id: str) -> OrderProgress | None:
    """For when no server answers. None unless the book has the order, and as closed: of an open one the
    book cannot know whether it still runs."""
    record = (await book.find([order_id])).get(order_id)
    if record is None or record.status is SubmissionStatus.OPEN:
        return None
    progress = _from_book(record, await book.journal(record.ref))
    return progress.model_copy(update={"note": "the server does not answer; this is what the book knows"})


def _from_book(record: SubmissionRecord, journal: dict[Effect, JournalEntry]) -> OrderProgress:
    order_id = record.ref.order_id
    is_open = record.status is SubmissionStatus.OPEN
    return OrderProgress(
        order_id=order_id,
        workflow_id=order_workflow_id(order_id),
        run_id=None,
        submission=record.ref.submission,
        status=OrderStatus.TERMINATED if is_open else OrderStatus(record.status),
        failed_step=Step(record.failed_step) if record.failed_step else None,
        reason="its workflow is gone before it closed; the reconciler settles it, or its next submission"
        if is_open
        else record.reason,
        children=tuple(steps_in_book(order_id, journal)),
        undos=tuple(_booked_undos(journal)),
        note="Temporal has forgotten this order; this is what the book knows",
    )


def steps_in_book(order_id: str, journal: dict[Effect, JournalEntry]) -> list[StepProgress]:
    """The four steps of a submission, as its journal has them."""
    return [_booked_step(step, order_id, journal) for step in Step]


def _booked_step(step: Step, order_id: str, journal: dict[Effect, JournalEntry]) -> StepProgress:
    entries = [journal[effect] for effect in STEPS[step].effects if effect in journal]
    claimed = [entry.claimed_at for entry in entries if entry.claimed_at]
    done = [entry.done_at for entry in entries if entry.done_at]
    started_at = min(claimed, default=None)
    completed = bool(entries) and all(entry.done_at for entry in entries)
    closed_at = max(done) if completed else None
    if started_at is None:
        state = StepState.SKIPPED
    else:
        state = StepState.COMPLETED if completed else StepState.FAILED
    return StepProgress(
        step=step,
        workflow_id=step_workflow_id(step, order_id),
        status=state,
        started_at=started_at,
        closed_at=closed_at,
        duration_ms=_milliseconds(started_at, closed_at),
        attempts=_attempts(step, journal),
    )


def _booked_undos(journal: dict[Effect, JournalEntry]) -> list[UndoProgress]:
    undos: list[UndoProgress] = []
    for step, undo in UNDOS.items():
        entry = journal.get(undo.effect)
        if entry is not None and entry.fenced_at is not None and entry.state is not EffectState.DONE:
            state = UndoState.DONE if entry.undo_ended_at else UndoState.PENDING
            reason: str = entry.state
            if entry.state is EffectState.HANDLED:
                state, reason = UndoState.HANDLED, f"by {entry.handled_by}: {entry.handled_note}"
            undos.append(UndoProgress(step=step, status=state, reason=reason))
    return undos


def _milliseconds(began: datetime | None, ended: datetime | None) -> int | None:
    return None if began is None or ended is None else round((ended - began).total_seconds() * 1000)
