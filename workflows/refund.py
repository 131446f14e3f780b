"""A refund of a fulfilled order. Like an undo (`undo.py`), it is retried without limit, until the money is
given back, the refund is definitely refused, or a person has handled it."""

from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError
from temporalio.workflow import ActivityCancellationType, ActivityHandle

from workflows.failures import answer_refused, uninterrupted

with workflow.unsafe.imports_passed_through():
    from activities.payment import PaymentActivities
    from order_system.domain import policy
    from order_system.domain.answers import AnswerReceipt, AnswerResult, Remedy, Resolution, flaw_in
    from order_system.domain.refunds import Refund, RefundRequest, RefundState


@workflow.defn
class RefundWorkflow:
    """`refund-<ORDER_ID>-<REFUND_ID>`: gives money back once, however often it is asked for."""

    @workflow.init
    def __init__(self, request: RefundRequest) -> None:
        self._request = request
        self._attempts: ActivityHandle[Refund] | None = None
        self._ended: Refund | None = None
        self._tried_at = 0  # the history's length at that time, as in `OrderBoard`

    @workflow.run
    async def run(self, request: RefundRequest) -> Refund:
        ended = await uninterrupted(self._retried_without_limit())
        await uninterrupted(workflow.wait_condition(workflow.all_handlers_finished))
        return ended

    async def _retried_without_limit(self) -> Refund:
        while self._ended is None:
            self._tried_at = workflow.info().get_current_history_length()
            self._attempts = workflow.start_activity_method(
                PaymentActivities.refund_part,
                self._request,
                start_to_close_timeout=policy.EFFECT_ATTEMPT,
                retry_policy=policy.UNDO_RETRY,
                cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=f"refund {self._request.refund.refund_id}",
            )
            with suppress(ActivityError):  # only a person can end it before its answer
                self._ended = await self._attempts
        return self._ended

    @workflow.update
    async def resolve(self, resolution: Resolution) -> AnswerReceipt:
        """Retry a stuck refund now, or record it as handled, unless the attempt under way succeeds."""
        order_id, step = self._request.submission.order_id, resolution.step
        if handled := resolution.remedy is Remedy.HANDLED:
            by_hand = f"by {resolution.who}: {resolution.note}"
            refund = self._request.refund.ended(RefundState.HANDLED, by_hand, workflow.now())
            self._request = self._request.model_copy(update={"refund": refund})
        if self._attempts is not None:
            self._attempts.cancel()
        result, detail = AnswerResult.RETRIED, "the refund is tried again now"
        if handled:
            await workflow.wait_condition(lambda: self._ended is not None)
            has_won = self._ended is not None and self._ended.state is not RefundState.HANDLED
            result, detail = AnswerResult.OVERTAKEN if has_won else AnswerResult.HANDLED, str(self._ended)
        return AnswerReceipt(order_id=order_id, step=step, result=result, detail=detail)

    @resolve.validator
    def _check(self, resolution: Resolution) -> None:
        began = workflow.info().start_time
        if flaw := flaw_in(resolution):
            raise answer_refused(flaw)
        just_tried = self._tried_at == workflow.info().get_current_history_length()
        if self._ended or just_tried or workflow.now() - began < policy.ATTENTION_AFTER:
            raise answer_refused("the refund is not stuck")
        if self._request.refund.state is RefundState.HANDLED:
            raise answer_refused("somebody has just said that it was handled")
