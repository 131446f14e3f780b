"""An order as the book has it, for when Temporal has forgotten the order, or no server answers."""

from collections.abc import Mapping
from typing import Any

from order_system.book.order_book import SqlOrderBook
from order_system.domain.book import EffectState, SubmissionRecord, SubmissionStatus
from order_system.domain.ids import order_workflow_id, step_workflow_id
from order_system.domain.journal import Journal, parcel_is_gone, was_voided
from order_system.domain.messages import OrderStatus
from order_system.domain.order import paid_already
from order_system.domain.progress import OrderProgress, StepProgress, StepState, UndoProgress, UndoState
from order_system.domain.refunds import RefundDocument
from order_system.domain.steps import AUTHORISATION_VOIDED, STEPS, UNDOS, Effect, Step

NOT_SETTLED = "ended from outside, unfinished; the reconciler settles it, or its next submission"
"""The reason of an order that is open in the book, and whose workflow has ended or is gone."""

NO_SERVER = "the server does not answer; this is what the book knows"
"""The note of an order that is read while no server answers."""


async def in_book_alone(book: SqlOrderBook, order_id: str, *, open_too: bool = False) -> OrderProgress | None:
    """Return the book's record of an order, for when no server answers. An open order is returned only if
    `open_too`, and as running: the book cannot know whether it still runs."""
    record = (await book.find([order_id])).get(order_id)
    if record is None or (record.status is SubmissionStatus.OPEN and not open_too):
        return None
    progress = order_in_book(record, await book.journal(record.ref))
    if record.status is SubmissionStatus.OPEN:
        progress = may_run(progress)
    return await with_refunds(book, progress.model_copy(update={"note": NO_SERVER}))


async def with_refunds(book: SqlOrderBook, order: OrderProgress) -> OrderProgress:
    if order.status is not OrderStatus.FULFILLED:
        return order
    refunds = (await book.refunds([order.order_id])).get(order.order_id, [])
    return order.model_copy(update={"refunds": tuple(RefundDocument(**dict(each)) for each in refunds)})


def order_in_book(record: SubmissionRecord, journal: Journal) -> OrderProgress:
    """Return the document of an order that Temporal has forgotten."""
    order_id = record.ref.order_id
    status, reason = record.status.value, record.reason
    if record.status is SubmissionStatus.OPEN:
        status, reason = OrderStatus.TERMINATED, NOT_SETTLED
    return OrderProgress(
        order_id=order_id,
        workflow_id=order_workflow_id(order_id),
        run_id=None,
        submission=record.ref.submission,
        started_at=record.opened_at,
        closed_at=record.closed_at,
        status=OrderStatus(status),
        failed_step=Step(record.failed_step) if record.failed_step else None,
        reason=reason,
        children=tuple(_step(step, order_id, journal) for step in Step),
        undos=undos_in_book(journal),
        note="Temporal has forgotten this order; this is what the book knows",
    )


def may_run(in_book: OrderProgress) -> OrderProgress:
    """Return an open order as running: it may well run, on a server that cannot be asked. Its steps have
    ended if an undo has begun; but the customer is told when the end is known."""
    running, pending = {"status": StepState.RUNNING}, {"status": StepState.PENDING}
    children = restated(in_book, {StepState.FAILED: running, StepState.SKIPPED: pending})
    if in_book.undos:
        children = (*in_book.children[:-1], children[-1])
    told = {"status": OrderStatus.RUNNING, "reason": None, "children": children}
    return in_book.model_copy(update=told)


def restated(order: OrderProgress, told: Mapping[StepState, dict[str, Any]]) -> tuple[StepProgress, ...]:
    """Return the order's steps, each changed by what is `told` for its status."""
    return tuple(step.model_copy(update=told.get(step.status, {})) for step in order.children)


def _step(step: Step, order_id: str, journal: Journal) -> StepProgress:
    """Return a step as its journal tells. A step that claimed nothing was skipped."""
    entries = [journal[effect] for effect in STEPS[step].effects if effect in journal]
    started_at = min((entry.claimed_at for entry in entries if entry.claimed_at), default=None)
    done = [entry.done_at for entry in entries if entry.done_at]
    closed_at = max(done) if entries and len(done) == len(entries) else None
    state = StepState.COMPLETED if closed_at else StepState.FAILED
    return StepProgress(
        step=step,
        workflow_id=step_workflow_id(step, order_id),
        status=state if started_at else StepState.SKIPPED,
        started_at=started_at,
        closed_at=closed_at,
        **told_by_book(step, journal),
    )


def told_by_book(step: Step, journal: Journal) -> dict[str, Any]:
    """Return the fields of a step that only the book knows: the most attempts that one of its effects took
    (None if it has claimed nothing), and that its order was paid already."""
    attempts = (journal[effect].attempts for effect in STEPS[step].effects if effect in journal)
    told: dict[str, Any] = {"attempts": max(attempts, default=0) or None}
    charge = journal.get(Effect.CHARGE)
    if step is Step.PAYMENT and charge and (receipt := paid_already(charge.receipt)):
        told["reason"] = str(receipt)
    return told


def stuck_undo(journal: Journal) -> Step | None:
    """Return the undo that has begun and not ended, in an open submission that no workflow works on."""
    begun = ((step, entry) for step, undo in UNDOS.items() if (entry := journal.get(undo.effect)))
    return next((step for step, entry in begun if entry.fenced_at and not entry.undo_ended_at), None)


def undos_in_book(journal: Journal) -> tuple[UndoProgress, ...]:
    """Return the undos in their own words, as far as the book knows them."""
    undos: list[UndoProgress] = []
    for step, undo in UNDOS.items():
        entry = journal.get(undo.effect)
        if entry is None or entry.fenced_at is None:
            continue
        if entry.state is EffectState.DONE and parcel_is_gone(journal):
            continue
        status = UndoState.DONE if entry.undo_ended_at else UndoState.PENDING
        reason = undo.done if entry.state is EffectState.UNDONE else undo.nothing
        if status is UndoState.PENDING:
            reason = None
        elif step is Step.PAYMENT and was_voided(journal):
            reason = AUTHORISATION_VOIDED
        if entry.state is EffectState.IN_DOUBT:
            reason = "in doubt: an attempt was never answered, and may still take effect"
        if entry.state is EffectState.HANDLED:
            status, reason = UndoState.HANDLED, f"by {entry.handled_by}: {entry.handled_note}"
        undos.append(UndoProgress(step=step, status=status, reason=reason))
    return tuple(undos)
