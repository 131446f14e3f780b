"""The desk: where a person answers when an order needs attention. `order.py` hands each Update on to here.

A check refuses an answer before anything is written down, and so leaves nothing in the history. What is
accepted takes effect at once, so that of two people who answer together only the first is heard; then it is
noted in the order book. Answers do not wait for what they set off, but for `handled`: whoever says so must
learn whether that, or the undo itself, has come first.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from workflows.board import OrderBoard
from workflows.failures import in_words, root_cause
from workflows.saga import Saga
from workflows.undo import Undo

with workflow.unsafe.imports_passed_through():
    from activities.desk import DeskActivities
    from order_system import policy
    from order_system.attention import (
        UPDATE_REFUSED,
        Answer,
        AnsweredAs,
        AnswerReceipt,
        AnswerRecord,
        AnswerResult,
        GiveUp,
        ParcelFate,
        Remedy,
        Resolution,
        StepRetry,
        flaw_in,
    )
    from order_system.errors import OpenElsewhere, OrderConflict
    from order_system.ids import Step
    from order_system.messages import AnswerToNote
    from order_system.models import Order, SubmissionRef

T = TypeVar("T")

NOTHING_WAS_OPENED = {OrderConflict.__name__, OpenElsewhere.__name__}


@dataclass
class _Hold:
    """A step has failed for good, and the order waits for a person."""

    step: Step
    answer: AnswerRecord | None = None


class Desk:
    def __init__(self, order: Order, submission: SubmissionRef, board: OrderBoard) -> None:
        self._order = order
        self._submission = submission
        self._board = board
        self._hold: _Hold | None = None
        self._saga: Saga | None = None

    def attend(self, saga: Saga) -> Saga:
        """From now on answers about undos are about this one's."""
        self._saga = saga
        return saga

    # --- an undo that is stuck -------------------------------------------------------------------

    def check_resolution(self, resolution: Resolution) -> None:
        _check(resolution)
        self._stuck_undo(resolution.step)

    async def resolve(self, resolution: Resolution) -> AnswerReceipt:
        undo = self._stuck_undo(resolution.step)
        record = _record(resolution, resolution.step, _answered_as(resolution))
        if resolution.remedy is Remedy.RETRY:
            undo.retry(record)
            await self._note(undo.submission, record)
            return self._receipt(
                record, AnswerResult.RETRIED, f"the undo of {record.step} is tried again now"
            )
        outcome = await undo.handle(record)
        if not outcome.recorded:
            detail = f"nothing was recorded, since the undo has just ended by itself: {outcome.undo.detail}"
            return self._receipt(record, AnswerResult.OVERTAKEN, detail)
        self._board.answered(record)
        detail = f"the undo of {record.step} is recorded as handled, and not tried again"
        return self._receipt(record, AnswerResult.HANDLED, detail)

    def _stuck_undo(self, step: Step) -> Undo:
        undo = self._saga.undo_of(step) if self._saga else None
        if undo is None:
            raise _refused(f"no undo of {step} is under way for {self._order.order_id}")
        if why_not := undo.why_not_to_be_resolved():
            raise _refused(why_not)
        return undo

    # --- an order that is held -------------------------------------------------------------------

    async def hold_on_failure(self, run_step: Callable[[], Awaitable[T]]) -> T:
        """Run a step. When it fails for good, and the order is to be held, wait for a person: run it again
        if they say so, else raise what it failed of."""
        while True:
            try:
                return await run_step()
            except FailureError as failure:
                if not await self._person_wants_a_retry(failure):
                    raise

    async def _person_wants_a_retry(self, failure: FailureError) -> bool:
        """False when they give up, or when the hold has run out. A cancel passes through, and gives up."""
        patience, step = self._order.hold_on_failure, self._board.current_step
        if patience is None or step is None or _not_to_be_held(failure):
            return False
        hold = self._hold = _Hold(step)
        self._board.held(step, in_words(failure), until=workflow.now() + patience)
        try:
            await workflow.wait_condition(
                lambda: hold.answer is not None, timeout=patience, timeout_summary=f"hold at {step}"
            )
        except TimeoutError:
            pass  # unless a person answered at that very moment
        finally:
            self._hold = None
        self._board.let_go()
        return hold.answer is not None and hold.answer.answer is AnsweredAs.RETRY_STEP

    def check_held(self, answer: Answer) -> None:
        _check(answer)
        self._open_hold()

    async def retry_step(self, retry: StepRetry) -> AnswerReceipt:
        record = await self._answer_hold(retry, AnsweredAs.RETRY_STEP)
        return self._receipt(record, AnswerResult.RETRIED, f"{record.step} runs again now")

    async def give_up(self, give_up: GiveUp) -> AnswerReceipt:
        record = await self._answer_hold(give_up, AnsweredAs.GIVE_UP)
        return self._receipt(record, AnswerResult.GIVEN_UP, "the order is being undone")

    async def _answer_hold(self, answer: Answer, answered_as: AnsweredAs) -> AnswerRecord:
        hold = self._open_hold()
        hold.answer = _record(answer, hold.step, answered_as)
        await self._note(self._submission, hold.answer)
        return hold.answer

    def _open_hold(self) -> _Hold:
        hold = self._hold
        if hold is None:
            raise _refused(
                f"{self._order.order_id} is not held: only an order that says hold_on_failure is, "
                "for that long after a step has failed"
            )
        if hold.answer is not None:
            raise _refused(f"{hold.answer.who} has just answered: {hold.answer.answer}")
        return hold

    # --- what both kinds share -------------------------------------------------------------------

    async def _note(self, submission: SubmissionRef, record: AnswerRecord) -> None:
        self._board.answered(record)
        await workflow.execute_activity_method(
            DeskActivities.note_answer,
            AnswerToNote(submission=submission, answer=record),
            start_to_close_timeout=policy.EFFECT_ATTEMPT,
            retry_policy=policy.UNDO_RETRY,
            summary=f"{record.who} answers: {record.answer}",
        )

    def _receipt(self, record: AnswerRecord, result: AnswerResult, detail: str) -> AnswerReceipt:
        return AnswerReceipt(order_id=self._order.order_id, step=record.step, result=result, detail=detail)


def nothing_was_opened(failure: BaseException) -> bool:
    """The order is none of this submission's business: there is nothing to retry, and nothing to undo."""
    cause = root_cause(failure)
    return isinstance(cause, ApplicationError) and cause.type in NOTHING_WAS_OPENED


def _not_to_be_held(failure: BaseException) -> bool:
    return workflow.cancellation_reason() is not None or nothing_was_opened(failure)


def _record(answer: Answer, step: Step, answered_as: AnsweredAs) -> AnswerRecord:
    update = workflow.current_update_info()
    if update is None:
        raise RuntimeError("an answer that came as no Update")
    return AnswerRecord(
        answer_id=update.id,
        at=workflow.now(),
        who=answer.who,
        note=answer.note,
        step=step,
        answer=answered_as,
    )


def _answered_as(resolution: Resolution) -> AnsweredAs:
    if resolution.remedy is Remedy.RETRY:
        return AnsweredAs.RETRY_UNDO
    match resolution.parcel:
        case ParcelFate.VOIDED:
            return AnsweredAs.VOIDED
        case ParcelFate.DISPATCHED:
            return AnsweredAs.DISPATCHED
        case None:
            return AnsweredAs.HANDLED


def _check(answer: Answer) -> None:
    if flaw := flaw_in(answer):
        raise _refused(flaw)


def _refused(why: str) -> ApplicationError:
    return ApplicationError(why, type=UPDATE_REFUSED, non_retryable=True)
