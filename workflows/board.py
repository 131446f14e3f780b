"""The order's notice board: the answer to `progress`, the current details in the Web UI, and the search
attributes on the server."""

from datetime import datetime

from temporalio import workflow

from workflows.failures import in_words, state_after

with workflow.unsafe.imports_passed_through():
    from order_system.domain import metrics, policy, search_attributes
    from order_system.domain.answers import AnswerRecord
    from order_system.domain.ids import step_workflow_id
    from order_system.domain.messages import OrderStatus, UndoAnswer, UndoCause, UndoResult
    from order_system.domain.progress import (
        Held,
        OrderProgress,
        StepProgress,
        StepState,
        UndoProgress,
        UndoState,
    )
    from order_system.domain.steps import Step

_MARKS = {
    StepState.PENDING: "▫️",
    StepState.SKIPPED: "⏭️",
    StepState.RUNNING: "⏳",
    StepState.COMPLETED: "✅",
    UndoState.PENDING: "⏳",
    UndoState.DONE: "↩️",
    UndoState.STUCK: "🆘",
    UndoState.HANDLED: "🙋",
}


class OrderBoard:
    """The parent, its saga and its answers write it; queries read it. Only a change of the order's status
    adds an event to the history: it tells the server, so that people find the orders that need attention."""

    def __init__(self, order_id: str) -> None:
        self._order_id = order_id
        self._status = OrderStatus.RUNNING
        self._on_server = OrderStatus.RUNNING
        self._holds: list[Held] = []
        self._answers: list[str] = []
        self._moved_at = 0
        """The length of the history, in events, when something last changed."""
        self._told_server = 0
        """How often the server was told of the status then: each time is an event."""
        self._cause: UndoCause | None = None
        self._note: str | None = None
        self._undos: dict[Step, UndoProgress] = {}
        self._steps = {
            step: StepProgress(step=step, workflow_id=step_workflow_id(step, order_id)) for step in Step
        }

    # --- steps -----------------------------------------------------------------------------------

    def step_started(self, step: Step, run_id: str | None) -> None:
        self._step(
            step,
            status=StepState.RUNNING,
            run_id=run_id,
            started_at=workflow.now(),
            closed_at=None,
            reason=None,
        )

    def step_ended(self, step: Step, failure: BaseException | None = None) -> None:
        """Note the end of a step, which has completed unless there is a `failure`."""
        began, ended = self._steps[step].started_at or workflow.now(), workflow.now()
        status = state_after(failure) if failure else StepState.COMPLETED
        took = (ended - began).total_seconds()
        metrics.note("order_step_duration_seconds", workflow.metric_meter(), step, status, value=took)
        self._step(
            step,
            status=status,
            started_at=began,
            closed_at=ended,
            reason=in_words(failure) if failure else None,
        )

    def _step(self, step: Step, **changes: object) -> None:
        self._steps[step] = self._steps[step].model_copy(update=changes)
        self._publish()

    # --- undos and the end -----------------------------------------------------------------------

    def undo_is(
        self, status: UndoState, step: Step, reason: str | None = None, *, tried_again: bool = False
    ) -> None:
        self._undos[step] = UndoProgress(step=step, status=status, reason=reason, tried_again=tried_again)
        metrics.note("order_undos", workflow.metric_meter(), step, status)
        self._publish()

    def undo_ended(self, step: Step, answer: UndoAnswer, *, by_hand: AnswerRecord | None = None) -> None:
        """Note the end of an undo. `by_hand` is the person's answer, if that ended it."""
        handled = by_hand is not None or answer.result is UndoResult.HANDLED
        detail = f"by {by_hand.who}: {by_hand.note}" if by_hand else answer.detail
        self.undo_is(UndoState.HANDLED if handled else UndoState.DONE, step, detail)

    def forget_undos(self) -> None:
        """Drop the undos of an older submission, which is settled now."""
        self._undos.clear()
        self._publish()

    def undoing(self, cause: UndoCause) -> None:
        """Note that the order is being undone. It is still fulfilled if its parcel turns out to be gone."""
        self._cause = cause
        self._end_holds(*Step)
        self._skip_pending(but=Step.NOTIFICATION)  # the customer may still be told
        self._publish()

    def fulfilled(self, note: str | None) -> None:
        self._cause = None
        self._status = OrderStatus.FULFILLED
        self._note = note
        self._skip_pending()
        self._ended()

    def noted(self, note: str) -> None:
        """Keep a note for people. The next change publishes it."""
        self._note = note

    def undone(self, cause: UndoCause) -> None:
        self._status = cause.status
        self._skip_pending()
        self._ended()

    def _ended(self) -> None:
        self._publish()
        info, meter = workflow.info(), workflow.metric_meter()
        failed = self._cause and self._cause.failed_step
        lasted, queued = workflow.now() - info.workflow_start_time, info.start_time - info.workflow_start_time
        metrics.note("orders_closed", meter, self._status, failed or "none")
        metrics.note("order_duration_seconds", meter, self._status, value=lasted.total_seconds())
        metrics.note("order_queue_seconds", meter, value=queued.total_seconds())

    def _skip_pending(self, *, but: Step | None = None) -> None:
        for step, progress in self._steps.items():
            if progress.status is StepState.PENDING and step is not but:
                self._steps[step] = progress.model_copy(update={"status": StepState.SKIPPED})

    # --- waiting for a person --------------------------------------------------------------------

    def held(self, step: Step, reason: str, until: datetime) -> None:
        self._holds.append(Held(step=step, reason=reason, since=workflow.now(), until=until))
        metrics.note("order_holds", workflow.metric_meter(), step)
        self._publish()

    def let_go(self, step: Step, answer: AnswerRecord | None) -> None:
        self._end_holds(step, answer=answer)
        self._publish()

    def _end_holds(self, *steps: Step, answer: AnswerRecord | None = None) -> None:
        over = {"ended_at": workflow.now(), "answer": answer}
        for at, hold in enumerate(self._holds):
            if hold.ended_at is None and hold.step in steps:
                self._holds[at] = hold.model_copy(update=over)

    def answered(self, answer: AnswerRecord) -> None:
        self._answers.append(str(answer))
        self._publish()

    @property
    def has_just_moved(self) -> bool:
        """True if something changed in this task; or just before it, if a worker that loaded the history for
        a query was told the news ahead of their task. Between two tasks the history grows by more: also if
        the news' task was first given to a worker that has died, and timed out."""
        since = workflow.info().get_current_history_length() - self._moved_at
        return since < policy.EVENTS_BETWEEN_TASKS + self._told_server

    # --- what people see -------------------------------------------------------------------------

    def progress(self) -> OrderProgress:
        info = workflow.info()
        stuck = any(undo.status is UndoState.STUCK for undo in self._undos.values())
        hold = next((each for each in self._holds if each.ended_at is None), None)
        waiting = self._status is OrderStatus.RUNNING and (stuck or hold is not None)
        failed_step, reason = (hold.step, hold.reason) if hold else (None, None)
        if self._cause is not None:
            failed_step, reason = self._cause.failed_step, self._cause.reason
        return OrderProgress(
            order_id=self._order_id,
            workflow_id=info.workflow_id,
            run_id=info.run_id,
            submission=info.first_execution_run_id,
            status=OrderStatus.NEEDS_ATTENTION if waiting else self._status,
            failed_step=failed_step,
            reason=reason,
            held_until=hold and hold.until,
            note=self._note,
            children=tuple(self._steps.values()),
            undos=tuple(self._undos.values()),
            answers=tuple(self._answers),
            holds=tuple(self._holds),
        )

    def _publish(self) -> None:
        length = workflow.info().get_current_history_length()
        if length != self._moved_at:
            self._moved_at, self._told_server = length, 0
        progress = self.progress()
        workflow.set_current_details(_markdown(progress))
        if progress.status is not self._on_server:
            self._on_server = progress.status
            self._told_server += 1
            workflow.upsert_search_attributes(  # pyright: ignore[reportUnknownMemberType]
                search_attributes.changes(
                    workflow.info().typed_search_attributes,
                    progress.order_id,
                    progress.status,
                    progress.failed_step,
                )
            )


def _markdown(progress: OrderProgress) -> str:
    lines = [f"### {progress.order_id}: {progress.status.replace('_', ' ')}"]
    if progress.reason:
        lines.append(f"{progress.failed_step or 'order'}: {progress.reason}")
    lines += [
        f"- {_MARKS.get(step.status, '❌')} {step.step}: {step.status.replace('_', ' ')}"
        + (f" in {took} ms" if (took := step.duration_ms) is not None else "")
        + (f" ({step.reason})" if step.reason else "")
        for step in progress.children
    ]
    lines += [
        f"- {_MARKS[undo.status]} undo of {undo.step}: {undo.status}"
        + (f" ({undo.reason})" if undo.reason else "")
        for undo in progress.undos
    ]
    if progress.held_until:
        lines.append(f"\nHeld until {progress.held_until:%Y-%m-%d %H:%M} UTC: retry the step, or give up.")
    lines += [f"- 🙋 {answer}" for answer in progress.answers]
    if progress.note:
        lines.append(f"\n{progress.note}")
    return "\n".join(lines)
