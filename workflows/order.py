"""An order, from the customer's money to the customer's letterbox. Read this file from top to bottom.

The parent runs four child workflows, one after another. When a step fails for good, or somebody cancels,
`saga.py` undoes the order: money and stock are given back. Handing the parcel to the carrier is the pivot:
after it, the order is always fulfilled.

Two things make an order wait for a person, who answers by an Update (`answers.py`): an undo that is stuck,
and a hold (`hold.py`), for which an order asks with `hold_on_failure`.

Workflow code is replayed from history, so it decides everything from what it is told: no clock but
`workflow.now()`, no I/O, no settings. What happens outside happens in `activities/`.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from workflows.answers import TakesAnswers
from workflows.board import OrderBoard
from workflows.child import run_child
from workflows.failures import (
    first_cause,
    is_eviction,
    opened_nothing,
    raise_if_cancelled,
    root_cause,
    uninterrupted,
)
from workflows.hold import Hold
from workflows.saga import Saga

with workflow.unsafe.imports_passed_through():
    from order_system.domain.ids import BOOK
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
        UndoCause,
        UndoResult,
    )
    from order_system.domain.order import DispatchReceipt, Order, PaymentReceipt, SubmissionRef
    from order_system.domain.payment_methods import is_paid_already
    from order_system.domain.progress import OrderProgress
    from order_system.domain.steps import PIVOT, Step
    from workflows.inventory import InventoryWorkflow
    from workflows.notification import NotificationWorkflow
    from workflows.payment import PaymentWorkflow
    from workflows.shipping import ShippingWorkflow


@workflow.defn
class OrderFulfillmentWorkflow(TakesAnswers):
    """`order-<ORDER_ID>`: ends fulfilled, or fails or is cancelled with everything undone."""

    @workflow.init
    def __init__(self, order: Order) -> None:
        info = workflow.info()
        self._order = order
        # A submission is one start of this workflow. Its ID stays through a reset, unlike the run's: so the
        # idempotency keys, `<order>:<submission>:<effect>`, find what was done before the reset.
        self._submission = SubmissionRef(
            order_id=order.order_id,
            submission=info.first_execution_run_id,
            fingerprint=order.fingerprint(),
            batch=info.parent.workflow_id if info.parent else None,
            book=workflow.memo_value(BOOK, default=None),
        )
        self._board = OrderBoard(order.order_id)
        self._hold = Hold(order, self._board)
        self._saga = Saga(self._board)

    @workflow.run
    async def run(self, order: Order) -> OrderOutcome:
        ending: OrderOutcome | UndoCause
        try:
            ending = await self._one_step_after_another()
        except (FailureError, asyncio.CancelledError) as failure:
            if is_eviction(failure):
                raise  # the worker makes room in its cache: the order goes on elsewhere
            ending = await uninterrupted(self._undo(failure))

        await self.answers_are_given()
        if isinstance(ending, UndoCause):
            raise _as_failure(ending)
        return ending

    @workflow.query
    def progress(self) -> OrderProgress:
        """Each step and each undo, with times; answers while the order runs and after it has closed."""
        return self._board.progress()

    # --- the steps -------------------------------------------------------------------------------

    async def _one_step_after_another(self) -> OrderOutcome:
        """`hold.around` awaits a step. If it fails, and the order asks to be held, a person may retry it."""
        payment = await self._hold.around(self._pay)
        if isinstance(payment, AlreadyFulfilled):
            return self._fulfilled_before(payment)
        await self._hold.around(self._reserve)
        parcel = await self._hold.around(self._ship)
        # Past the pivot. From here on a cancel interrupts nothing; it is noted that it came too late.
        return await uninterrupted(self._confirm(payment.receipt, parcel))

    async def _pay(self) -> Charged | AlreadyFulfilled:
        """Opens the submission in the order book, together with the charge. An older submission that was
        never closed goes first: it is settled, and payment asked again."""
        request = PaymentRequest(
            submission=self._submission,
            amount=self._order.total,
            currency=self._order.currency,
            payment_method=self._order.payment_method,
        )
        while True:
            answer = await run_child(Step.PAYMENT, PaymentWorkflow.run, request, self._board)
            if not isinstance(answer, OlderSubmissionOpen):
                return answer
            await uninterrupted(self._settle(answer.older))
            raise_if_cancelled()

    async def _reserve(self) -> None:
        request = InventoryRequest(submission=self._submission, lines=self._order.lines)
        await run_child(Step.INVENTORY, InventoryWorkflow.run, request, self._board)

    async def _ship(self) -> DispatchReceipt:
        request = ShippingRequest(
            submission=self._submission, address=self._order.shipping_address, lines=self._order.lines
        )
        return await run_child(Step.SHIPPING, ShippingWorkflow.run, request, self._board)

    async def _notify(self, kind: NoticeKind) -> str | None:
        """Best effort: a notice that fails harms no order. Returns what went wrong, in words."""
        request = NotificationRequest(submission=self._submission, kind=kind, customer=self._order.customer)
        try:
            await run_child(Step.NOTIFICATION, NotificationWorkflow.run, request, self._board)
        except FailureError as failure:
            return f"the {kind} could not be sent ({root_cause(failure)})"
        return None

    # --- the ends --------------------------------------------------------------------------------

    async def _confirm(self, payment: PaymentReceipt, parcel: DispatchReceipt) -> OrderOutcome:
        """The fourth step, and the good end."""
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

    async def _undo(self, failure: BaseException) -> OrderOutcome | UndoCause:
        """Gives money and stock back; unless the parcel turns out to be gone, which fulfils the order."""
        cause = first_cause(failure, self._board.current_step)
        self._board.undoing(cause)
        if opened_nothing(failure):  # a conflict: the order under this ID is another one's business
            self._board.undone(cause)
            return cause

        undone = await self._saga.undo(self._submission, cause)
        if undone[PIVOT].result is UndoResult.ALREADY_DISPATCHED:
            self._board.step_ended(PIVOT)
            payment, parcel = undone[PIVOT].receipts()  # from the order book
            return await self._confirm(payment, parcel)
        if undone[Step.PAYMENT].result in (UndoResult.UNDONE, UndoResult.HANDLED):
            await self._notify(NoticeKind.CANCELLATION)  # who got money back is told why
        elif is_paid_already(self._order.payment_method):
            self._board.noted("it was not confirmed that the order is paid: that payment is left as it is")
        self._board.undone(cause)
        return cause

    async def _settle(self, older: SubmissionRef) -> None:
        """An earlier submission of this order was terminated or forgotten before it closed. It is undone by
        its own keys; or it is found fulfilled, and payment answers `AlreadyFulfilled` next."""
        await self._saga.undo(older, ABANDONED)
        self._board.forget_undos()


def _as_failure(cause: UndoCause) -> BaseException:
    """A failed order fails its workflow, so that the Web UI shows it red and its ID may run again."""
    if cause.status is OrderStatus.CANCELLED:
        return asyncio.CancelledError(cause.reason)
    return ApplicationError(
        f"{cause.failed_step or 'order'}: {cause.reason}", type="OrderFailed", non_retryable=True
    )
