"""An order, from the customer's money to the customer's letterbox. Read this file from top to bottom.

The parent runs four child workflows, one after another. When a step fails for good, or somebody cancels,
`saga.py` undoes the order: money and stock are given back. An order may say that it wants to be held first
(`hold.py`), and an undo may get stuck: then a person answers at the desk (`desk.py`). Handing the parcel to
the carrier is the pivot: before it an order can only be undone as a whole, after it only be fulfilled.

Workflow code is replayed from history, so it decides everything from what it is told: no clock but
`workflow.now()`, no I/O, no settings. What happens outside happens in `activities/`.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from workflows.board import OrderBoard
from workflows.child import run_child
from workflows.desk import Desk
from workflows.failures import first_cause, is_eviction, raise_if_cancelled, root_cause, uninterrupted
from workflows.hold import Hold, nothing_was_opened
from workflows.saga import Saga

with workflow.unsafe.imports_passed_through():
    from order_system.domain.answers import AnswerReceipt, GiveUp, Resolution, StepRetry
    from order_system.domain.ids import Step
    from order_system.domain.messages import (
        ABANDONED,
        AlreadyFulfilled,
        Charged,
        InventoryRequest,
        NoticeKind,
        NotificationRequest,
        OlderSubmissionOpen,
        OrderOutcome,
        OrderStatus,
        PaymentRequest,
        ShippingRequest,
        UndoResult,
        Verdict,
    )
    from order_system.domain.order import DispatchReceipt, Order, PaymentReceipt, SubmissionRef
    from order_system.domain.progress import OrderProgress
    from workflows.inventory import InventoryWorkflow
    from workflows.notification import NotificationWorkflow
    from workflows.payment import PaymentWorkflow
    from workflows.shipping import ShippingWorkflow


@workflow.defn
class OrderFulfillmentWorkflow:
    """`order-<ORDER_ID>`: ends fulfilled, or fails or is cancelled with everything undone."""

    @workflow.init
    def __init__(self, order: Order) -> None:
        info = workflow.info()
        self._order = order
        self._submission = SubmissionRef(
            order_id=order.order_id,
            submission=info.first_execution_run_id,
            fingerprint=order.fingerprint(),
            batch=info.parent.workflow_id if info.parent else None,
        )
        self._board = OrderBoard(order.order_id)
        self._hold = Hold(order, self._board)
        self._desk = Desk(self._submission, self._board, self._hold)

    @workflow.run
    async def run(self, order: Order) -> OrderOutcome:
        try:
            payment = await self._hold.on_failure_of(self._pay)
            if isinstance(payment, AlreadyFulfilled):
                await self._desk.close()
                return self._fulfilled_before(payment)
            await self._hold.on_failure_of(self._reserve)
            parcel = await self._hold.on_failure_of(self._ship)
        except (FailureError, asyncio.CancelledError) as failure:
            if is_eviction(failure):
                raise
            ending = await uninterrupted(self._undo(failure))
        else:
            ending = await uninterrupted(self._fulfilled(payment.receipt, parcel))

        await self._desk.close()
        if isinstance(ending, Verdict):
            raise _as_failure(ending)
        return ending

    @workflow.query
    def progress(self) -> OrderProgress:
        """Each step and each undo, with times; answers while the order runs and after it has closed."""
        return self._board.progress()

    # --- what a person may answer when the order needs attention ---------------------------------

    @workflow.update
    async def resolve(self, resolution: Resolution) -> AnswerReceipt:
        """About the undo of one step that is stuck. Refused if there is none, in one line."""
        return await self._desk.resolve(resolution)

    @resolve.validator
    def _may_resolve(self, resolution: Resolution) -> None:
        self._desk.check_resolution(resolution)

    @workflow.update
    async def retry_step(self, retry: StepRetry) -> AnswerReceipt:
        """Run the step that the order is held at once more. Refused if the order is not held."""
        return await self._desk.retry_step(retry)

    @retry_step.validator
    def _may_retry_step(self, retry: StepRetry) -> None:
        self._desk.check_held(retry)

    @workflow.update
    async def give_up(self, give_up: GiveUp) -> AnswerReceipt:
        """Undo the order now instead of holding it any longer. Refused if the order is not held."""
        return await self._desk.give_up(give_up)

    @give_up.validator
    def _may_give_up(self, give_up: GiveUp) -> None:
        self._desk.check_held(give_up)

    # --- the four steps --------------------------------------------------------------------------

    async def _pay(self) -> Charged | AlreadyFulfilled:
        request = PaymentRequest(
            submission=self._submission,
            amount=self._order.total,
            currency=self._order.currency,
            payment_method=self._order.payment_method,
        )
        while True:
            raise_if_cancelled()
            answer = await run_child(Step.PAYMENT, PaymentWorkflow.run, request, self._board)
            if not isinstance(answer, OlderSubmissionOpen):
                return answer
            await uninterrupted(self._settle(answer.older))

    async def _reserve(self) -> None:
        raise_if_cancelled()
        request = InventoryRequest(submission=self._submission, lines=self._order.lines)
        await run_child(Step.INVENTORY, InventoryWorkflow.run, request, self._board)

    async def _ship(self) -> DispatchReceipt:
        raise_if_cancelled()
        request = ShippingRequest(
            submission=self._submission, address=self._order.shipping_address, lines=self._order.lines
        )
        return await run_child(Step.SHIPPING, ShippingWorkflow.run, request, self._board)

    async def _notify(self, kind: NoticeKind) -> str | None:
        """Best effort. Returns what went wrong, in words."""
        request = NotificationRequest(submission=self._submission, kind=kind, customer=self._order.customer)
        try:
            await run_child(Step.NOTIFICATION, NotificationWorkflow.run, request, self._board)
        except FailureError as failure:
            return f"the {kind} could not be sent ({root_cause(failure)})"
        return None

    # --- the ends --------------------------------------------------------------------------------

    async def _fulfilled(self, payment: PaymentReceipt, parcel: DispatchReceipt) -> OrderOutcome:
        notes = [await self._notify(NoticeKind.CONFIRMATION)]
        if workflow.cancellation_reason() is not None:
            notes.append("a cancel came too late: the parcel was with the carrier")
        note = "; ".join(note for note in notes if note) or None
        self._board.fulfilled(note)
        return OrderOutcome(
            order_id=self._order.order_id,
            submission=self._submission.submission,
            fingerprint=self._submission.fingerprint,
            payment=payment,
            parcel=parcel,
            note=note,
        )

    def _fulfilled_before(self, earlier: AlreadyFulfilled) -> OrderOutcome:
        note = f"fulfilled before, by submission {earlier.outcome.submission}; nothing was charged now"
        self._board.fulfilled(note)
        return earlier.outcome.model_copy(update={"note": note})

    async def _undo(self, failure: BaseException) -> OrderOutcome | Verdict:
        verdict = first_cause(failure, self._board.current_step)
        self._board.unwinding(verdict)
        if nothing_was_opened(failure):
            self._board.undone(verdict)
            return verdict

        saga = self._desk.attend(Saga(self._submission, self._board))
        answers = await saga.unwind(verdict)
        shipping = answers[Step.SHIPPING]
        if shipping.payment and shipping.parcel:
            self._board.step_completed(Step.SHIPPING)
            return await self._fulfilled(shipping.payment, shipping.parcel)
        if answers[Step.PAYMENT].result in (UndoResult.UNDONE, UndoResult.HANDLED):
            await self._notify(NoticeKind.CANCELLATION)
        self._board.undone(verdict)
        return verdict

    async def _settle(self, older: SubmissionRef) -> None:
        """An earlier submission of this order was terminated or forgotten before it closed. It is undone,
        or found fulfilled, with its own keys; then payment asks again."""
        await self._desk.attend(Saga(older, self._board)).unwind(ABANDONED)
        self._board.forget_undos()


def _as_failure(verdict: Verdict) -> BaseException:
    """A failed order fails its workflow, so that the Web UI shows it red and its ID may run again."""
    if verdict.status is OrderStatus.CANCELLED:
        return asyncio.CancelledError(verdict.reason)
    return ApplicationError(
        f"{verdict.failed_step or 'order'}: {verdict.reason}", type="OrderFailed", non_retryable=True
    )
