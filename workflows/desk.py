"""The desk: where a person answers when an order needs attention. `order.py` hands each Update on to here.

A check refuses an answer before anything is written down, and so leaves nothing in the history. What is
accepted takes effect at once, so that of two people who answer together only the first is heard; then it is
noted in the order book. Answers do not wait for what they set off, but for `handled`: whoever says so must
learn whether that, or the undo itself, has come first.
"""

from temporalio import workflow

from workflows.board import OrderBoard
from workflows.failures import answer_refused, uninterrupted
from workflows.hold import Hold
from workflows.saga import Saga
from workflows.undo import Undo

with workflow.unsafe.imports_passed_through():
    from activities.desk import DeskActivities
    from order_system.domain import policy
    from order_system.domain.answers import (
        MOST_CHARACTERS_OF_ID,
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
    from order_system.domain.ids import Step
    from order_system.domain.messages import AnswerToNote
    from order_system.domain.order import SubmissionRef


class Desk:
    def __init__(self, submission: SubmissionRef, board: OrderBoard, hold: Hold) -> None:
        self._order_id = submission.order_id
        self._submission = submission
        self._board = board
        self._hold = hold
        self._saga: Saga | None = None

    def attend(self, saga: Saga) -> Saga:
        """From now on answers about undos are about this one's."""
        self._saga = saga
        return saga

    async def close(self) -> None:
        """Whoever was heard has an answer before the order ends."""
        await uninterrupted(workflow.wait_condition(workflow.all_handlers_finished))

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
            raise answer_refused(f"no undo of {step} is under way for {self._order_id}")
        if why_not := undo.why_not_to_be_resolved():
            raise answer_refused(why_not)
        return undo

    # --- an order that is held -------------------------------------------------------------------

    def check_held(self, answer: Answer) -> None:
        _check(answer)
        self._hold.step_to_answer_for()

    async def retry_step(self, retry: StepRetry) -> AnswerReceipt:
        record = await self._answer_hold(retry, AnsweredAs.RETRY_STEP)
        return self._receipt(record, AnswerResult.RETRIED, f"{record.step} runs again now")

    async def give_up(self, give_up: GiveUp) -> AnswerReceipt:
        record = await self._answer_hold(give_up, AnsweredAs.GIVE_UP)
        return self._receipt(record, AnswerResult.GIVEN_UP, "the order is being undone")

    async def _answer_hold(self, answer: Answer, answered_as: AnsweredAs) -> AnswerRecord:
        record = _record(answer, self._hold.step_to_answer_for(), answered_as)
        self._hold.answer(record)
        await self._note(self._submission, record)
        return record

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
        return AnswerReceipt(order_id=self._order_id, step=record.step, result=result, detail=detail)


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
    update = workflow.current_update_info()
    if update is not None and len(update.id) > MOST_CHARACTERS_OF_ID:
        raise answer_refused(f"the ID of an Update must be at most {MOST_CHARACTERS_OF_ID} characters")
    if flaw := flaw_in(answer):
        raise answer_refused(flaw)
