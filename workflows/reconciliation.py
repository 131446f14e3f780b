"""The reconciler settles what no workflow is at work on any more. Every run is bounded, and safe to repeat.

The saga of an order never gives up. The reconciler does, after a few attempts at each undo, since its next
run tries again, and finds by its key an undo that is done. So a gateway that is down delays neither the
other submissions nor later runs. The reconciler reads in pages and continues as new between them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_args

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception
from temporalio.workflow import ActivityCancellationType

from workflows.failures import in_words

with workflow.unsafe.imports_passed_through():
    from activities.reconciliation import ReconciliationActivities
    from order_system.domain import messages, metrics, policy
    from order_system.domain.answers import AnsweredAs
    from order_system.domain.order import SubmissionRef
    from order_system.domain.reconciliation import (
        Finding,
        KeyPage,
        KeyPageRequest,
        NoticePage,
        ReconciliationReport,
        ReconciliationRequest,
        SubmissionPageRequest,
        Tally,
        TallyName,
    )
    from order_system.domain.steps import GIVEN_BACK, UNDOS

Request = TypeVar("Request", SubmissionPageRequest, KeyPageRequest)
Page = TypeVar("Page", NoticePage, KeyPage)
_ANSWER: Any = messages.UndoAnswer | None
_HANDLED: Any = messages.HandledUndoAnswer | None
"""None, here as above, if a workflow is at work on the submission again."""
Outcome = tuple[TallyName, str]
"""The tally that counts the submission, and the detail for people."""


@workflow.defn
class ReconciliationWorkflow:
    """`reconciliation-...`: reports what it did. It fails only if it cannot reach the book or the server."""

    @workflow.init
    def __init__(self, request: ReconciliationRequest) -> None:
        self._so_far = request

    @workflow.run
    async def run(self, request: ReconciliationRequest) -> ReconciliationReport:
        if request.only is not None:
            return await self._settle_as_answered(request.only)
        if request.forget_after is not None:
            return await workflow.execute_activity(
                "forget_old",
                request,
                result_type=ReconciliationReport,
                start_to_close_timeout=policy.FORGET_RUN,
                heartbeat_timeout=policy.FORGET_HEARTBEAT,
                retry_policy=policy.RECONCILE_RETRY,
            )
        while not self._so_far.submissions_done:
            await self._settle_a_page()
            self._continue_as_new_if_long()
        while not self._so_far.keys_done:
            await self._ask_for_a_page()
            if not self._so_far.keys_done:
                self._continue_as_new_if_long()
        if workflow.patched("send-owed-notices"):
            while await self._send_a_page():
                self._continue_as_new_if_long()
        self._measure()
        return self._so_far.report

    def _measure(self) -> None:
        meter = workflow.metric_meter()
        for name in get_args(TallyName):
            tally: Tally = getattr(self._so_far.report, name)
            metrics.note("reconciler_findings", meter, name, value=tally.count)
        metrics.note("reconciler_last_run_timestamp_seconds", meter, value=workflow.now().timestamp())

    # --- one submission, with a person's answer --------------------------------------------------

    async def _settle_as_answered(self, only: messages.AnswerToNote) -> ReconciliationReport:
        """Settle one submission as a person has answered. Shipping is undone first, unless the answer is
        about shipping. Raises the ActivityError of an answer that is refused."""
        ref, answer = only.submission, only.answer
        request = messages.UndoRequest(submission=ref, cause=messages.ABANDONED)
        if answer.answer is AnsweredAs.RETRY_UNDO:
            await workflow.execute_activity(
                "note_answer",
                only,
                start_to_close_timeout=policy.EFFECT_ATTEMPT,
                retry_policy=policy.RECONCILE_RETRY,
            )
            return self._one_more(ref, await self._settle(ref))
        if answer.step in GIVEN_BACK:
            await self._undo("void_abandoned", request)
        handled: messages.HandledUndoAnswer | None = await workflow.execute_activity(
            "handle_abandoned",
            messages.HandledUndo(submission=ref, cause=messages.ABANDONED, answer=answer),
            result_type=_HANDLED,
            start_to_close_timeout=policy.SETTLE_ATTEMPT,
            retry_policy=policy.RECONCILE_RETRY,
            summary=f"{answer.step} was handled by {answer.who}",
        )
        if handled is None:
            return self._one_more(ref, ("left_alone", "its workflow has been opened again"))
        done = answer.step not in UNDOS or handled.undo.result is messages.UndoResult.ALREADY_DISPATCHED
        report = self._one_more(ref, ("settled", handled.undo.detail) if done else await self._settle(ref))
        return report.model_copy(update={"answered": handled.recorded})

    def _one_more(self, ref: SubmissionRef, outcome: Outcome) -> ReconciliationReport:
        tally, detail = outcome
        return self._so_far.report.with_one_more(tally, Finding.about(ref, detail))

    # --- open submissions ------------------------------------------------------------------------

    async def _settle_a_page(self) -> None:
        page = await workflow.execute_activity_method(
            ReconciliationActivities.look_over,
            self._older_ones(self._so_far.after_order),
            start_to_close_timeout=policy.PAGE_ATTEMPT,
            retry_policy=policy.RECONCILE_RETRY,
            summary="which open submissions are abandoned?",
        )
        outcomes = await asyncio.gather(*map(self._settle, page.abandoned))

        looked_at = self._so_far.report.submissions_looked_at + page.looked_at
        report = self._so_far.report.model_copy(update={"submissions_looked_at": looked_at})
        for finding in page.left_alone:
            report = report.with_one_more("left_alone", finding)
        for ref, (tally, detail) in zip(page.abandoned, outcomes, strict=True):
            report = report.with_one_more(tally, Finding.about(ref, detail))
        self._advance(report=report, after_order=page.next, submissions_done=page.next is None)

    async def _settle(self, ref: SubmissionRef) -> Outcome:
        """Undo as the saga does: shipping answers first; the book refuses release and refund before that."""
        request = messages.UndoRequest(submission=ref, cause=messages.ABANDONED)
        try:
            shipping = await self._undo("void_abandoned", request)
        except ActivityError as failure:
            return "not_yet", f"void: {_gave_up(failure)}"
        if shipping is None:
            return "left_alone", "its workflow has been opened again"
        if shipping.result is messages.UndoResult.ALREADY_DISPATCHED:
            return "fulfilled", shipping.detail

        answers = await asyncio.gather(
            *(self._undo(undo.activity, request) for undo in GIVEN_BACK.values()), return_exceptions=True
        )
        failures: list[str] = []
        for undo, answer in zip(GIVEN_BACK.values(), answers, strict=True):
            if isinstance(answer, ActivityError):
                failures.append(f"{undo.activity}: {_gave_up(answer)}")
            elif isinstance(answer, BaseException):
                raise answer
        if failures:
            return "not_yet", "; ".join(failures)
        undone = [
            answer.detail
            for answer in (shipping, *answers)
            if isinstance(answer, messages.UndoAnswer) and answer.result is messages.UndoResult.UNDONE
        ]
        return "settled", ", ".join(undone) or "it held nothing"

    async def _undo(self, activity: str, request: messages.UndoRequest) -> messages.UndoAnswer | None:
        return await workflow.execute_activity(
            activity,
            request,
            result_type=_ANSWER,
            start_to_close_timeout=policy.SETTLE_ATTEMPT,
            retry_policy=policy.RECONCILE_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=request.submission.order_id,
            priority=policy.UNDO_FIRST,
        )

    # --- keys in doubt, and notices that are owed -------------------------------------------------

    async def _ask_for_a_page(self) -> None:
        request = KeyPageRequest(book=self._so_far.book, after_key=self._so_far.after_key)
        summary = "did keys in doubt happen after all?"
        page = await self._answers(ReconciliationActivities.ask_again, request, summary)
        asked = self._so_far.report.keys_asked + len(page.answers)
        report = self._so_far.report.with_answers(page.answers).model_copy(update={"keys_asked": asked})
        self._advance(report=report, after_key=page.next, keys_done=page.next is None)

    async def _send_a_page(self) -> bool:
        """Send a page of owed notices. Returns whether there are more."""
        request = self._older_ones(self._so_far.after_notice)
        page = await self._answers(ReconciliationActivities.send_owed, request, "which notices are owed?")
        self._advance(report=self._so_far.report.with_answers(page.answers), after_notice=page.next)
        return page.next is not None

    def _older_ones(self, after: str | None) -> SubmissionPageRequest:
        so_far = self._so_far
        return SubmissionPageRequest(
            book=so_far.book, min_age_seconds=so_far.min_age_seconds, after_order=after
        )

    async def _answers(
        self,
        activity: Callable[[ReconciliationActivities, Request], Awaitable[Page]],
        request: Request,
        summary: str,
    ) -> Page:
        return await workflow.execute_activity_method(
            activity,
            request,
            start_to_close_timeout=policy.KEYS_ATTEMPT,
            heartbeat_timeout=policy.KEYS_HEARTBEAT,
            retry_policy=policy.RECONCILE_RETRY,
            summary=summary,
        )

    # --- how far it has come ---------------------------------------------------------------------

    def _advance(self, **changes: object) -> None:
        self._so_far = self._so_far.model_copy(update=changes)

    def _continue_as_new_if_long(self) -> None:
        if workflow.info().get_current_history_length() > policy.RECONCILE_HISTORY_EVENTS:
            workflow.continue_as_new(self._so_far)


def _gave_up(failure: ActivityError) -> str:
    """Return why an undo is not done yet. If the run itself was cancelled, raises that."""
    if is_cancelled_exception(failure):
        raise failure
    return in_words(failure)
