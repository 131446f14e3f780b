"""One undo, from its first attempt until it has answered, or until a person has handled it.

It is retried without limit. After `policy.ATTENTION_AFTER` it counts as stuck, and a person is called. A
timer does that, since an activity that is retried for ever gives the workflow no event.

Only a stuck undo may be resolved; one that was stuck and is tried again may still be handled. A person's
answer first cancels the activity. An activity that waits for its next attempt ends at once. One that is at
the gateway is awaited, and if it succeeds, it has won. Otherwise the undo is tried again, or what the person
has done is recorded in the book."""

import contextlib
from dataclasses import dataclass

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.workflow import ActivityCancellationType, ActivityHandle

from workflows.board import OrderBoard
from workflows.failures import answer_refused, in_words, root_cause
from workflows.step_workflow import queue_of

with workflow.unsafe.imports_passed_through():
    from activities.answers import AnswerActivities
    from order_system.domain import policy
    from order_system.domain.answers import AnsweredAs, AnswerRecord, Remedy
    from order_system.domain.messages import HandledUndo, HandledUndoAnswer, UndoAnswer, UndoRequest
    from order_system.domain.progress import UndoState
    from order_system.domain.steps import UNDOS, Step


@dataclass
class _Intervention:
    """A person's answer, kept until it is carried out."""

    answer: AnswerRecord
    outcome: HandledUndoAnswer | None = None
    refusal: str | None = None


class Undo:
    def __init__(self, step: Step, request: UndoRequest, board: OrderBoard) -> None:
        self._step = step
        self._request = request
        self.submission = request.submission
        self._board = board
        self._attempts: ActivityHandle[UndoAnswer] | None = None
        self._stuck = False
        self._has_been_stuck = False
        self._intervention: _Intervention | None = None
        self._answer: UndoAnswer | None = None

    async def run(self) -> UndoAnswer:
        self._board.undo_is(UndoState.PENDING, self._step)
        while True:
            self._answer = await self._retried_without_limit()
            if self._intervention is not None:
                await self._as_the_person_wants(self._intervention)
                self._intervention = None
            if self._answer is not None:
                return self._answer

    # --- what a person may do --------------------------------------------------------------------

    def why_not_to_be_resolved(self, remedy: Remedy) -> str | None:
        """Return why a person may not use this remedy now; None if they may."""
        if self._answer is not None:
            return f"the undo of {self._step} has ended: {self._answer.detail}"
        if self._intervention is not None:
            return f"{self._intervention.answer.who} has just answered about the undo of {self._step}"
        if self._stuck or (self._has_been_stuck and remedy is Remedy.HANDLED):
            return None
        if self._has_been_stuck:
            return f"the undo of {self._step} is being tried again; if it was done by hand, say `handled`"
        return f"the undo of {self._step} is under way, and not stuck"

    def retry(self, answer: AnswerRecord) -> None:
        """Try again now, instead of after the pause."""
        self._step_in(_Intervention(answer))

    async def handle(self, answer: AnswerRecord) -> HandledUndoAnswer:
        """Record what a person has done, and do not try again. Raises ApplicationError if that is refused."""
        intervention = _Intervention(answer)
        self._step_in(intervention)
        await workflow.wait_condition(lambda: bool(intervention.outcome or intervention.refusal))
        if intervention.outcome is None:
            raise answer_refused(intervention.refusal or "")
        return intervention.outcome

    def _step_in(self, intervention: _Intervention) -> None:
        self._intervention = intervention
        if self._attempts is not None:
            self._attempts.cancel()

    # --- trying, and what stops it ---------------------------------------------------------------

    async def _retried_without_limit(self) -> UndoAnswer | None:
        """Run the undo until it answers. Returns None if somebody ended it before."""
        self._attempts = workflow.start_activity(
            UNDOS[self._step].activity,
            self._request,
            result_type=UndoAnswer,
            task_queue=queue_of(self._step, self.submission),
            start_to_close_timeout=policy.EFFECT_ATTEMPT,
            retry_policy=policy.UNDO_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"undo of {self._step}",
            priority=policy.UNDO_FIRST,
        )
        if not self._stuck:
            answered, _ = await workflow.wait(
                [self._attempts], timeout=policy.ATTENTION_AFTER.total_seconds()
            )
            if not answered:
                self._call_a_person("still being retried; see the pending activity for why")
        try:
            answer = await self._attempts
        except ActivityError as ended:
            if self._intervention is None:
                # Only a person can have ended a retry without limit. Money is owed all the same.
                self._call_a_person(in_words(ended))
                await self._pause()
            return None
        self._board.undo_ended(self._step, answer)
        return answer

    def _call_a_person(self, reason: str) -> None:
        self._stuck = self._has_been_stuck = True
        self._board.undo_is(UndoState.STUCK, self._step, reason)
        workflow.logger.error("undo of %s is stuck", self._step)

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._intervention is not None, timeout=policy.UNDO_AGAIN_AFTER
            )

    async def _as_the_person_wants(self, intervention: _Intervention) -> None:
        if self._answer is not None:
            intervention.outcome = HandledUndoAnswer(undo=self._answer, recorded=False)
        elif intervention.answer.answer is AnsweredAs.RETRY_UNDO:
            self._stuck = False
            self._board.undo_is(UndoState.PENDING, self._step, tried_again=True)
        else:
            await self._end_by_hand(intervention)

    async def _end_by_hand(self, intervention: _Intervention) -> None:
        try:
            outcome = await workflow.execute_activity_method(
                AnswerActivities.end_undo_by_hand,
                HandledUndo(
                    submission=self.submission, cause=self._request.cause, answer=intervention.answer
                ),
                start_to_close_timeout=policy.EFFECT_ATTEMPT,
                retry_policy=policy.UNDO_RETRY,
                summary=f"undo of {self._step} was handled by {intervention.answer.who}",
                priority=policy.UNDO_FIRST,
            )
        except ActivityError as refused:
            cause = root_cause(refused)
            intervention.refusal = cause.message if isinstance(cause, ApplicationError) else in_words(refused)
            return
        self._answer = outcome.undo
        intervention.outcome = outcome
        self._board.undo_ended(
            self._step, outcome.undo, by_hand=intervention.answer if outcome.recorded else None
        )
