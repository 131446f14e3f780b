"""The answers that a person may give when an order needs attention, as Updates of its workflow.

A validator refuses an answer before it reaches the history. An accepted answer takes effect at once, so that
of two people who answer together only the first is heard; then the answer is noted in the order book. Only
`handled` waits for its effect: its sender must learn which came first, the answer or the end of the undo."""

from collections.abc import Sequence

from temporalio import workflow

from workflows.board import OrderBoard
from workflows.failures import answer_refused, uninterrupted
from workflows.hold import Hold
from workflows.saga import Saga
from workflows.undo import Undo

with workflow.unsafe.imports_passed_through():
    from activities.answers import AnswerActivities
    from order_system.domain import policy
    from order_system.domain.answers import (
        MOST_CHARACTERS_OF_ID,
        Answer,
        AnsweredAs,
        AnswerReceipt,
        AnswerRecord,
        AnswerResult,
        GiveUp,
        Remedy,
        Resolution,
        StepRetry,
        answered_as,
        flaw_in,
    )
    from order_system.domain.messages import AnswerToNote, UndoResult
    from order_system.domain.order import SubmissionRef
    from order_system.domain.steps import Step


class TakesAnswers:
    """The order's workflow inherits from this class, and provides the parts below."""

    _submission: SubmissionRef
    _board: OrderBoard
    _hold: Hold
    _saga: Saga

    async def answers_are_given(self) -> None:
        """Wait until everybody whose answer was accepted has a receipt: the order must not end before."""
        await uninterrupted(workflow.wait_condition(workflow.all_handlers_finished))

    # --- an undo that is stuck -------------------------------------------------------------------

    @workflow.update
    async def resolve(self, resolution: Resolution) -> AnswerReceipt:
        """Retry a stuck undo, or record that a person has handled it. Refused if that undo is not stuck."""
        undo = self._undo_to_resolve(resolution)
        record = _record(resolution, resolution.step, answered_as(resolution))
        if resolution.remedy is Remedy.RETRY:
            undo.retry(record)
            await self._note(undo.submission, record)
            detail = f"the undo of {record.step} is tried again now"
            return self._receipt(record, AnswerResult.RETRIED, detail)
        outcome = await undo.handle(record)
        if not outcome.recorded:
            detail = f"nothing was recorded, since the undo has just ended by itself: {outcome.undo.detail}"
            return self._receipt(record, AnswerResult.OVERTAKEN, detail)
        self._board.answered(record)
        detail = f"the undo of {record.step} is recorded as handled, and not tried again"
        if outcome.undo.result is UndoResult.ALREADY_DISPATCHED:
            detail += f": {outcome.undo.detail}"
        return self._receipt(record, AnswerResult.HANDLED, detail)

    @resolve.validator
    def _check_resolution(self, resolution: Resolution) -> None:
        _check(resolution)
        if resolution.remedy is Remedy.RETRY:
            _refuse_if_history_is_long()
        self._undo_to_resolve(resolution)
        self._refuse_if_it_has_just_moved()

    def _undo_to_resolve(self, resolution: Resolution) -> Undo:
        undo = self._saga.undo_of(resolution.step)
        if undo is None:
            raise answer_refused(f"no undo of {resolution.step} is under way for {self._submission.order_id}")
        if why_not := undo.why_not_to_be_resolved(resolution.remedy):
            raise answer_refused(why_not)
        return undo

    # --- an order that is held -------------------------------------------------------------------

    @workflow.update
    async def retry_step(self, retry: StepRetry) -> AnswerReceipt:
        """Run once more the step, or both, at which the order is held. Refused if the order is not held."""
        record, steps = await self._answer_hold(retry, AnsweredAs.RETRY_STEP)
        again = f"{' and '.join(steps)} {'run' if len(steps) > 1 else 'runs'} again now"
        return self._receipt(record, AnswerResult.RETRIED, again)

    @retry_step.validator
    def _check_retry(self, retry: StepRetry) -> None:
        _refuse_if_history_is_long()
        self._check_held(retry)

    @workflow.update
    async def give_up(self, give_up: GiveUp) -> AnswerReceipt:
        """Undo the order now instead of holding it any longer. Refused if the order is not held."""
        record, _ = await self._answer_hold(give_up, AnsweredAs.GIVE_UP)
        return self._receipt(record, AnswerResult.GIVEN_UP, "the order is being undone")

    @give_up.validator
    def _check_give_up(self, give_up: GiveUp) -> None:
        self._check_held(give_up)

    def _check_held(self, answer: Answer) -> None:
        _check(answer)
        self._hold.step_to_answer_for()
        self._refuse_if_it_has_just_moved()

    async def _answer_hold(
        self, answer: Answer, answered_as: AnsweredAs
    ) -> tuple[AnswerRecord, Sequence[Step]]:
        """Answer for every held step, each with its own record. Returns the record of the first to fail."""
        record = _record(answer, self._hold.step_to_answer_for(), answered_as)
        steps = self._hold.answer(record)
        beside = (
            record.model_copy(update={"answer_id": str(workflow.uuid4()), "step": step})
            for step in steps
            if step is not record.step
        )
        await self._note(self._submission, record, *beside)
        return record, steps

    # --- what both kinds share -------------------------------------------------------------------

    def _refuse_if_it_has_just_moved(self) -> None:
        """Refuse an answer that may share a task with news of the order. A replay always gives us the answer
        before the news. The first run may give us the news first, for instance if a query brought it. An
        answer accepted in that order would fail every replay."""
        if self._board.has_just_moved:
            raise answer_refused("something has just happened to it: look at it once more, and answer again")

    async def _note(self, submission: SubmissionRef, record: AnswerRecord, *beside: AnswerRecord) -> None:
        for each in (record, *beside):
            self._board.answered(each)
        await workflow.execute_activity_method(
            AnswerActivities.note_answer,
            AnswerToNote(submission=submission, answer=record, beside=beside),
            start_to_close_timeout=policy.EFFECT_ATTEMPT,
            retry_policy=policy.UNDO_RETRY,
            summary=f"{record.who} answers: {record.answer}",
        )

    def _receipt(self, record: AnswerRecord, result: AnswerResult, detail: str) -> AnswerReceipt:
        return AnswerReceipt(
            order_id=self._submission.order_id, step=record.step, result=result, detail=detail
        )


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


def _refuse_if_history_is_long() -> None:
    if workflow.info().get_current_history_length() > policy.RETRIES_HISTORY_EVENTS:
        raise answer_refused(
            "it has been tried so often that its history is nearly full: give the order up, or say that its "
            "undo was handled"
        )


def _check(answer: Answer) -> None:
    update = workflow.current_update_info()
    if update is not None and len(update.id) > MOST_CHARACTERS_OF_ID:
        raise answer_refused(f"the ID of an Update must be at most {MOST_CHARACTERS_OF_ID} characters")
    if flaw := flaw_in(answer):
        raise answer_refused(flaw)
