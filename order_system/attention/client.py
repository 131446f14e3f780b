"""The client for what waits for a person, and for that person's answers, most of them Updates of an order.

An answer is checked before it is sent. It keeps one ID however often the call is retried, so the order takes
it once. A refused answer changes nothing."""

import asyncio
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import temporalio.client as sdk
from temporalio.service import RPCError

from order_system.attention.concerns import Concern
from order_system.attention.what_waits import WhatWaits, ref_of
from order_system.domain.answers import (
    UPDATE_REFUSED,
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
from order_system.domain.book import SubmissionRecord, SubmissionStatus
from order_system.domain.errors import AnswerRefused, InvalidUsage, NoWorkerAnswers, ReconciliationFailed
from order_system.domain.ids import check_order_id, order_workflow_id, refund_workflow_id, webhook_workflow_id
from order_system.domain.messages import AnswerToNote
from order_system.domain.order import SubmissionRef
from order_system.domain.search_attributes import ORDER_STATUS
from order_system.domain.steps import UNDOS, Step
from order_system.domain.webhooks import UNDELIVERED
from order_system.infra import policy as infra_policy
from order_system.infra.changes import noted
from order_system.infra.temporal.connection import reaching_server, says_there_is_none
from order_system.infra.temporal.servers import server_of
from workflows.failures import root_cause
from workflows.order import OrderFulfillmentWorkflow
from workflows.webhook import WebhookWorkflow

_UPDATES: Mapping[type[Answer], Any] = {
    Resolution: OrderFulfillmentWorkflow.resolve,
    StepRetry: OrderFulfillmentWorkflow.retry_step,
    GiveUp: OrderFulfillmentWorkflow.give_up,
}


class AttentionClient(WhatWaits):
    """Lists and answers concerns. All but `take` and `in_book_alone` raise ServerUnreachable.

    Answering raises InvalidUsage for an answer that is wrong in itself, AnswerRefused if the order does not
    take it or is closed, UnknownOrder, and NoWorkerAnswers if no worker has confirmed it in time."""

    @noted("take")
    async def take(self, concern: Concern, who: str) -> None:
        """Note in the book that this person works on the concern, until it is settled or another person takes
        it over. Needs no worker. Raises InvalidUsage."""
        if flaw := flaw_in(Answer(who=who)):
            raise InvalidUsage(flaw)
        record = (await self._book.find([concern.order_id or ""])).get(concern.order_id or "")
        step = concern.step or Step.PAYMENT  # the table of answers requires a step
        taken = _record(Answer(who=who, note=concern.matter), step, AnsweredAs.TAKEN)
        await self._book.note_answer(ref_of(concern, record), taken)

    @noted("answer")
    async def answer(self, order_id: str, answer: Resolution | StepRetry | GiveUp) -> AnswerReceipt:
        """Send an answer about a stuck undo or refund, an unsent notice or a held step."""
        check_order_id(order_id)
        if flaw := flaw_in(answer):
            raise InvalidUsage(flaw)
        unconfirmed = (
            f"not confirmed: no worker has taken the answer within {infra_policy.ANSWER.total_seconds():g} "
            "seconds. It may still take effect: look at the order before you answer again"
        )
        async with reaching_server():
            try:
                with _in_time(unconfirmed):
                    heard = await self._sent(order_id, answer)
                with _in_time(f"{order_id} has taken the answer, which is still being carried out"):
                    return await heard.result(rpc_timeout=infra_policy.ANSWER)
            except sdk.WorkflowUpdateFailedError as refused:
                raise AnswerRefused(_why(refused)) from None
            except RPCError as error:
                if not says_there_is_none(error):
                    raise
            record = (await self._book.find([order_id])).get(order_id)
            if record is not None and isinstance(answer, Resolution) and _is_left_over(record, answer):
                if not (await server_of(self._temporal)).has(record):
                    there = "and can be answered only there, or once it is adopted"
                    raise AnswerRefused(f"{order_id} is an order of another Temporal server, {there}")
                return await self._answer_by_reconciler(record.ref, answer)
            order = await self._status.read(order_id)
        refund = answer.refund if isinstance(answer, Resolution) else None
        under_way = (await self._book.refunds_under_way()).get(order_id, ()) if refund else ()
        if refund in [each.refund_id for each in under_way]:
            raise AnswerRefused(f"no workflow is at work on refund {refund}: ask for it again with its ID")
        ended, left = order.status.replace("_", " "), record and record.status is SubmissionStatus.OPEN
        now = "`reconcile` settles it" if left else "waits for nobody"
        raise AnswerRefused(f"{order_id} has ended as {ended}, and {now}")

    @noted("answer undelivered event")
    async def answer_event(self, event_id: str, *, again: bool) -> None:
        """Send the undelivered event to the webhook receiver once more, or drop it unless `again`. Raises
        AnswerRefused if no such event waits."""
        sending = self._temporal.get_workflow_handle(webhook_workflow_id(event_id))
        async with reaching_server():
            try:
                described = await sending.describe(rpc_timeout=infra_policy.RPC)
                waits = described.typed_search_attributes.get(ORDER_STATUS) == UNDELIVERED
                if described.status is sdk.WorkflowExecutionStatus.RUNNING and not waits:
                    raise AnswerRefused(f"event {event_id} is still being tried: it waits for nobody")
                if again:
                    await sending.signal(WebhookWorkflow.again, rpc_timeout=infra_policy.RPC)
                else:
                    await sending.terminate("dropped", rpc_timeout=infra_policy.RPC)
            except RPCError as error:
                if not says_there_is_none(error):
                    raise
                raise AnswerRefused(f"no event {event_id} waits to be delivered") from None

    async def _answer_by_reconciler(self, ref: SubmissionRef, answer: Resolution) -> AnswerReceipt:
        """Have the reconciler settle the submission by the answer, since the order's workflow has ended."""
        record = _record(answer, answer.step, answered_as(answer))
        ours = ref.model_copy(update={"book": self._book.book_id})
        started = await self._reconciler.start(AnswerToNote(submission=ours, answer=record))
        try:
            async with asyncio.timeout(infra_policy.ANSWER.total_seconds()):
                report = await self._reconciler.report(started)
        except TimeoutError:
            raise NoWorkerAnswers(f"not confirmed: {started.id} has the answer, and is not done") from None
        except ReconciliationFailed as failed:
            raise AnswerRefused(str(root_cause(failed.__cause__ or failed))) from None
        by_hand = AnswerResult.HANDLED if report.answered else AnswerResult.OVERTAKEN
        result = AnswerResult.RETRIED if answer.remedy is Remedy.RETRY else by_hand
        [came_to] = report.findings()
        return AnswerReceipt(order_id=ref.order_id, step=answer.step, result=result, detail=came_to)

    async def _sent(self, order_id: str, answer: Answer) -> sdk.WorkflowUpdateHandle[AnswerReceipt]:
        of_refund = isinstance(answer, Resolution) and answer.refund
        ours = refund_workflow_id(order_id, of_refund) if of_refund else order_workflow_id(order_id)
        return await self._temporal.get_workflow_handle(ours).start_update(  # pyright: ignore[reportUnknownMemberType]
            _UPDATES[type(answer)],
            answer,
            id=str(uuid.uuid4()),
            wait_for_stage=sdk.WorkflowUpdateStage.ACCEPTED,
            rpc_timeout=infra_policy.ANSWER,
        )


def _record(said: Answer, step: Step, answer: AnsweredAs) -> AnswerRecord:
    now, answer_id = datetime.now(UTC), str(uuid.uuid4())
    return AnswerRecord(answer_id=answer_id, at=now, who=said.who, note=said.note, step=step, answer=answer)


def _is_left_over(record: SubmissionRecord, answer: Resolution) -> bool:
    """Whether the reconciler can take the answer: it is about an abandoned undo or an unsent notice."""
    return not answer.refund and (record.status is SubmissionStatus.OPEN or answer.step not in UNDOS)


@contextmanager
def _in_time(otherwise: str) -> Generator[None]:
    """Raise NoWorkerAnswers with the text `otherwise` if a call in the block times out."""
    try:
        yield
    except sdk.WorkflowUpdateRPCTimeoutOrCancelledError:
        # The SDK has one error both for a call that timed out and for a caller that was cancelled.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from None
        raise NoWorkerAnswers(otherwise) from None


def _why(refused: sdk.WorkflowUpdateFailedError) -> str:
    cause = refused.cause
    if getattr(cause, "type", None) == UPDATE_REFUSED:
        return getattr(cause, "message", str(cause))
    return f"whether the answer was carried out is not known: look at the order ({cause})"
