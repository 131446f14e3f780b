"""The reconciler: settles what no workflow is at work on any more. Every run is bounded, and safe to repeat.

The saga of an order never gives up; this does, after a few attempts at each undo, since the next run begins
where it stopped: an undo that was done is found done, by its key. So one gateway that is down holds up
neither the other submissions nor the runs to come. It reads in pages and continues as new between them.
"""

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception
from temporalio.workflow import ActivityCancellationType

from workflows.failures import in_words

with workflow.unsafe.imports_passed_through():
    from activities.reconciliation import ReconciliationActivities
    from order_system.domain import policy
    from order_system.domain.messages import ABANDONED, UndoAnswer, UndoRequest, UndoResult
    from order_system.domain.order import SubmissionRef
    from order_system.domain.reconciliation import (
        Finding,
        KeyPageRequest,
        ReconciliationReport,
        ReconciliationRequest,
        SubmissionPageRequest,
        TallyName,
    )
    from order_system.domain.steps import GIVEN_BACK

_ANSWER: Any = UndoAnswer | None
"""None: by now a workflow is at work on the submission again."""
Outcome = tuple[TallyName, str]
"""What it came to, and the detail for people."""


@workflow.defn
class ReconciliationWorkflow:
    """`reconciliation-...`: ends with what it did. It fails only if book or server cannot be asked at all."""

    @workflow.init
    def __init__(self, request: ReconciliationRequest) -> None:
        self._so_far = request

    @workflow.run
    async def run(self, request: ReconciliationRequest) -> ReconciliationReport:
        while not self._so_far.submissions_done:
            await self._settle_a_page()
            self._continue_as_new_if_long()
        while await self._ask_for_a_page():
            self._continue_as_new_if_long()
        return self._so_far.report

    # --- open submissions ------------------------------------------------------------------------

    async def _settle_a_page(self) -> None:
        page = await workflow.execute_activity_method(
            ReconciliationActivities.look_over,
            SubmissionPageRequest(
                min_age_seconds=self._so_far.min_age_seconds, after_order=self._so_far.after_order
            ),
            start_to_close_timeout=policy.PAGE_ATTEMPT,
            retry_policy=policy.RECONCILE_RETRY,
            summary="which open submissions are abandoned?",
        )
        outcomes = await asyncio.gather(*map(self._settle, page.abandoned))

        report = self._so_far.report
        report = report.model_copy(
            update={"submissions_looked_at": report.submissions_looked_at + page.looked_at}
        )
        for finding in page.left_alone:
            report = report.with_one_more("left_alone", finding)
        for ref, (tally, detail) in zip(page.abandoned, outcomes, strict=True):
            report = report.with_one_more(tally, _finding(ref, detail))
        self._advance(report=report, after_order=page.next, submissions_done=page.next is None)

    async def _settle(self, ref: SubmissionRef) -> Outcome:
        """As the saga does it: shipping answers first, and the book refuses release and refund before."""
        request = UndoRequest(submission=ref, cause=ABANDONED)
        try:
            shipping = await self._undo("void_abandoned", request)
        except ActivityError as failure:
            return "not_yet", f"void: {_gave_up(failure)}"
        if shipping is None:
            return "left_alone", "its workflow has been opened again"
        if shipping.result is UndoResult.ALREADY_DISPATCHED:
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
            if isinstance(answer, UndoAnswer) and answer.result is UndoResult.UNDONE
        ]
        return "settled", ", ".join(undone) or "it held nothing"

    async def _undo(self, activity: str, request: UndoRequest) -> UndoAnswer | None:
        return await workflow.execute_activity(
            activity,
            request,
            result_type=_ANSWER,
            start_to_close_timeout=policy.SETTLE_ATTEMPT,
            retry_policy=policy.RECONCILE_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=request.submission.order_id,
        )

    # --- keys in doubt ---------------------------------------------------------------------------

    async def _ask_for_a_page(self) -> bool:
        """Whether there are more."""
        page = await workflow.execute_activity_method(
            ReconciliationActivities.ask_again,
            KeyPageRequest(after_key=self._so_far.after_key),
            start_to_close_timeout=policy.KEYS_ATTEMPT,
            heartbeat_timeout=policy.KEYS_HEARTBEAT,
            retry_policy=policy.RECONCILE_RETRY,
            summary="did keys in doubt happen after all?",
        )
        report = self._so_far.report
        report = report.model_copy(update={"keys_asked": report.keys_asked + len(page.answers)})
        for answer in page.answers:
            report = report.with_one_more(answer.tally, _finding(answer.key.submission, answer.detail))
        self._advance(report=report, after_key=page.next)
        return page.next is not None

    # --- how far it has come ---------------------------------------------------------------------

    def _advance(self, **changes: object) -> None:
        self._so_far = self._so_far.model_copy(update=changes)

    def _continue_as_new_if_long(self) -> None:
        if workflow.info().get_current_history_length() > policy.RECONCILE_HISTORY_EVENTS:
            workflow.continue_as_new(self._so_far)


def _finding(ref: SubmissionRef, detail: str) -> Finding:
    return Finding(order_id=ref.order_id, submission=ref.submission, detail=detail)


def _gave_up(failure: ActivityError) -> str:
    """Why an undo is not done yet. A cancel of the run itself is passed on."""
    if is_cancelled_exception(failure):
        raise failure
    return in_words(failure)
