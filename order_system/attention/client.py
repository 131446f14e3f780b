"""What waits for a person, and a person's answers, as a program gives them: over Updates of an order.

An answer is checked before anything is sent. It has one ID however often the call is repeated on its way, so
it is heard once. What is refused changes nothing.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.service import RPCError

from order_system.attention.concerns import (
    Concern,
    ConcernKind,
    WaitingOrder,
    about_all,
    about_schedule,
    about_server,
)
from order_system.attention.finder import AttentionFinder, so_many
from order_system.attention.stuck import stuck_refund
from order_system.domain import policy
from order_system.domain.answers import (
    UPDATE_REFUSED,
    Answer,
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
from order_system.domain.book import OrderBook, SubmissionRecord, SubmissionStatus
from order_system.domain.errors import (
    AnswerRefused,
    DatabaseUnreachable,
    InvalidUsage,
    NoWorkerAnswers,
    ReconciliationFailed,
)
from order_system.domain.ids import check_order_id, order_workflow_id, refund_workflow_id
from order_system.domain.messages import AnswerToNote
from order_system.domain.order import SubmissionRef
from order_system.domain.steps import UNDOS, Step
from order_system.infra import policy as infra_policy
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import reaching_server, says_there_is_none
from order_system.infra.temporal.executions import root_cause
from order_system.infra.temporal.workers import Workers
from order_system.orders.in_book import stuck_undo
from order_system.orders.lists import if_it_answers_soon
from order_system.orders.status import OrderStatusReader
from order_system.reconciliation.abandoned import AbandonedOrders
from order_system.reconciliation.client import ReconciliationClient
from order_system.reconciliation.schedule import ReconcilerSchedule
from workflows.order import OrderFulfillmentWorkflow

_UPDATES: Mapping[type[Answer], Any] = {
    Resolution: OrderFulfillmentWorkflow.resolve,
    StepRetry: OrderFulfillmentWorkflow.retry_step,
    GiveUp: OrderFulfillmentWorkflow.give_up,
}
_RECONCILED_WITHIN = policy.RECONCILE_MIN_AGE * policy.RECONCILER_ASLEEP
_NOT_SENT = "was never sent: its workflow was ended before, and the reconciler could not send it since"
_NOBODYS = "its workflow has ended without closing it: what it charged and holds belongs to nobody"


class AttentionClient:
    """Beside OrderClient. Every method raises ServerUnreachable if the server cannot be reached.

    What answers: InvalidUsage for an answer that is wrong in itself, AnswerRefused if the order does not
    take it or is closed, UnknownOrder, and NoWorkerAnswers if nobody has confirmed it in time.
    """

    def __init__(
        self,
        temporal: Client,
        book: OrderBook,
        abandoned: AbandonedOrders,
        schedule: ReconcilerSchedule,
        *,
        task_queue: str,
    ) -> None:
        self._temporal = temporal
        self._abandoned = abandoned
        self._book = book
        self._schedule = schedule
        self._status = OrderStatusReader(temporal, book)
        self._reconciler = ReconciliationClient(temporal, book_id=book.book_id, task_queue=task_queue)
        self._ours = f"TaskQueue = {visibility.quoted(task_queue)}"
        self._task_queue = task_queue
        self.workers = Workers(temporal, task_queue)

    async def attention(
        self, *, slow_after: timedelta = policy.ORDER_TAKES_AT_MOST
    ) -> AsyncGenerator[Concern]:
        """What waits for a person, one after another, and nothing if all is well: orders that have not moved
        for `slow_after`, too, and submissions that are open in the book without a workflow. Visibility is
        eventually consistent: an order that has just begun or ceased to wait may show a second late."""
        finder = AttentionFinder(
            self._temporal, self._status, self.workers, self._task_queue, self._book.book_id, slow_after
        )
        async with reaching_server():
            try:
                await self._book.check_writable()
            except DatabaseUnreachable as trouble:
                yield about_all(ConcernKind.BOOK, str(trouble))
            async for concern in finder.concerns():
                yield concern
            for order_id, refunds in (await self._book.refunds_under_way()).items():
                for refund in refunds:
                    if datetime.now(UTC) - refund.asked_at >= policy.ATTENTION_AFTER:
                        yield await stuck_refund(self._temporal, order_id, refund)
            async for ref in self._abandoned.found(older_than=timedelta(0)):
                if not await self._is_open(ref):
                    continue  # its workflow closed it while the server was asked
                stuck = stuck_undo(await self._book.journal(ref))
                waiting = WaitingOrder(ref.order_id, ref.submission)
                yield waiting.concern(ConcernKind.ABANDONED, _NOBODYS, step=stuck)
            async for owed in self._abandoned.owed_notices(older_than=min(slow_after, _RECONCILED_WITHIN)):
                ref = owed.submission
                waiting = WaitingOrder(ref.order_id, ref.submission, since=owed.closed_at)
                reason = f"the {owed.kind} {_NOT_SENT}"
                yield waiting.concern(ConcernKind.NOTICE_OWED, reason, step=Step.NOTIFICATION)
            for stranded in await self._abandoned.stranded(older_than=policy.RECONCILE_MIN_AGE):
                yield about_server(stranded)
            if asleep := await self._schedule.asleep():
                yield about_schedule(asleep, self._temporal.namespace)

    async def _is_open(self, ref: SubmissionRef) -> bool:
        record = (await self._book.find([ref.order_id])).get(ref.order_id)
        return (
            record is not None
            and record.ref.submission == ref.submission
            and record.status is SubmissionStatus.OPEN
        )

    async def all_quiet(self) -> str:
        """What may be said if nothing waits, and what was looked at."""
        async with reaching_server():
            workers = await self.workers.at_work()
            orders = await self._open(f"WorkflowType = '{OrderFulfillmentWorkflow.__name__}'")
        said = "All is well: nothing" if workers else "Nothing"
        at_work = so_many(workers, "worker is", "workers are") if workers else "No worker is"
        under_way = so_many(orders, "order is", "orders are") if orders else "no order is"
        return f"{said} waits for a person. {at_work} at work, and {under_way} under way."

    async def deserted(self) -> bool:
        """Whether workflows are open and nobody takes work, as `attention` lists it, by one look; False if no
        server answers soon."""
        async with if_it_answers_soon():
            return await self.workers.at_work() == 0 and await self._open() > 0
        return False

    async def _open(self, condition: str | None = None) -> int:
        query = visibility.all_of(self._ours, "ExecutionStatus = 'Running'", condition)
        return (await self._temporal.count_workflows(query, rpc_timeout=infra_policy.RPC)).count

    async def answer(self, order_id: str, answer: Resolution | StepRetry | GiveUp) -> AnswerReceipt:
        """About an undo that is stuck, or to an order that is held."""
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
            except WorkflowUpdateFailedError as refused:
                raise AnswerRefused(_why(refused)) from None
            except RPCError as error:
                if not says_there_is_none(error):
                    raise
            record = (await self._book.find([order_id])).get(order_id)
            if record is not None and isinstance(answer, Resolution) and _is_left_over(record, answer):
                return await self._answer_by_reconciler(record.ref, answer)
            order = await self._status.read(order_id)
        ended = order.status.replace("_", " ")
        raise AnswerRefused(f"{order_id} has ended as {ended}, and waits for nobody")

    async def _answer_by_reconciler(self, ref: SubmissionRef, answer: Resolution) -> AnswerReceipt:
        """Its workflow has ended, so the reconciler's hears the answer, and settles the submission by it."""
        record = AnswerRecord(
            answer_id=str(uuid.uuid4()),
            at=datetime.now(UTC),
            who=answer.who,
            note=answer.note,
            step=answer.step,
            answer=answered_as(answer),
        )
        ours = ref.model_copy(update={"book": self._book.book_id})
        started = await self._reconciler.start(AnswerToNote(submission=ours, answer=record))
        try:
            async with asyncio.timeout(infra_policy.ANSWER.total_seconds()):
                report = await self._reconciler.report(started)
        except TimeoutError:
            raise NoWorkerAnswers(f"not confirmed: {started.id} has the answer, and is not done") from None
        except ReconciliationFailed as failed:
            raise AnswerRefused(str(root_cause(failed))) from None
        result = AnswerResult.HANDLED if report.answered else AnswerResult.OVERTAKEN
        if answer.remedy is Remedy.RETRY:
            result = AnswerResult.RETRIED
        [came_to] = report.findings()
        return AnswerReceipt(order_id=ref.order_id, step=answer.step, result=result, detail=came_to)

    async def _sent(self, order_id: str, answer: Answer) -> WorkflowUpdateHandle[AnswerReceipt]:
        of_refund = isinstance(answer, Resolution) and answer.refund
        ours = refund_workflow_id(order_id, of_refund) if of_refund else order_workflow_id(order_id)
        return await self._temporal.get_workflow_handle(ours).start_update(  # pyright: ignore[reportUnknownMemberType]
            _UPDATES[type(answer)],
            answer,
            id=str(uuid.uuid4()),
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            rpc_timeout=infra_policy.ANSWER,
        )


def _is_left_over(record: SubmissionRecord, answer: Resolution) -> bool:
    """An undo of a submission that nobody is at work on any more; or a notice that nobody will send."""
    return not answer.refund and (record.status is SubmissionStatus.OPEN or answer.step not in UNDOS)


@contextmanager
def _in_time(otherwise: str) -> Generator[None]:
    """Raises NoWorkerAnswers, which says `otherwise`."""
    try:
        yield
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        # The SDK has one error for a call that took too long and for a caller who was cancelled.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from None
        raise NoWorkerAnswers(otherwise) from None


def _why(refused: WorkflowUpdateFailedError) -> str:
    cause = refused.cause
    if getattr(cause, "type", None) == UPDATE_REFUSED:
        return getattr(cause, "message", str(cause))
    return f"the answer was not carried out ({cause})"
