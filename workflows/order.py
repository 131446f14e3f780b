"""An order, from the customer's money to the customer's letterbox. Read this file from top to bottom.

The parent runs four child workflows (`steps.py`): one after another, or the first two side by side. When a
step fails for good, or somebody cancels, `saga.py` undoes the order: money and stock are given back. Handing
the parcel to the carrier is the pivot: after it, the order is always fulfilled.

Two things make an order wait for a person, who answers by an Update (`answers.py`): an undo that is stuck,
and a hold (`hold.py`), which an order asks for with `hold_on_failure`.

Workflow code is replayed from history, so it decides everything from what it is told: no clock but
`workflow.now()`, no I/O, no settings. What happens outside happens in `activities/`."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows.answers import TakesAnswers
from workflows.board import OrderBoard
from workflows.child import together
from workflows.failures import as_failure, first_cause, is_eviction, opened_nothing, uninterrupted
from workflows.hold import Hold
from workflows.saga import Saga
from workflows.steps import Steps, this_submission

with workflow.unsafe.imports_passed_through():
    from order_system.domain.messages import (
        ABANDONED,
        AlreadyFulfilled,
        Charged,
        NoticeKind,
        OlderSubmissionOpen,
        OrderOutcome,
        PaymentAnswer,
        UndoCause,
        UndoResult,
    )
    from order_system.domain.order import DispatchReceipt, Flow, Order, PaymentReceipt, SubmissionRef
    from order_system.domain.payment_methods import made_elsewhere
    from order_system.domain.progress import OrderProgress
    from order_system.domain.steps import PIVOT, Step


@workflow.defn
class OrderFulfillmentWorkflow(TakesAnswers):
    """`order-<ORDER_ID>`: ends fulfilled, or fails or is cancelled with everything undone."""

    @workflow.init
    def __init__(self, order: Order) -> None:
        self._order = order
        self._submission = this_submission(order)
        self._board = OrderBoard(order.order_id)
        self._hold = Hold(order, self._board)
        self._steps = Steps(order, self._submission, self._board, self._hold)
        self._saga = Saga(self._board)

    @workflow.run
    async def run(self, order: Order) -> OrderOutcome:
        ending: OrderOutcome | UndoCause
        try:
            ending = await self._fulfil()
        except (FailureError, asyncio.CancelledError) as failure:
            if is_eviction(failure):
                raise  # the worker makes room in its cache: the order goes on elsewhere
            ending = await uninterrupted(self._undo(failure))

        await self.answers_are_given()
        if isinstance(ending, UndoCause):
            raise as_failure(ending)
        return ending

    @workflow.query
    def progress(self) -> OrderProgress:
        """Each step and each undo, with times; answers while the order runs and after it has closed."""
        return self._board.progress()

    # --- the way to the letterbox ----------------------------------------------------------------

    async def _fulfil(self) -> OrderOutcome:
        """Pay, reserve, ship, notify. Raises the failure of a step, or CancelledError."""
        pay_and_reserve = self._side_by_side if self._order.flow is Flow.PARALLEL else self._one_after_another
        paid = await pay_and_reserve()
        while isinstance(paid, OlderSubmissionOpen):  # it must be settled first
            await self._settle(paid.older)
            paid = await pay_and_reserve()
        if isinstance(paid, AlreadyFulfilled):
            return self._fulfilled_before(paid)

        parcel = await self._steps.ship()
        # Past the pivot. From here on a cancel interrupts nothing: the order notes that it came too late.
        return await uninterrupted(self._confirm(parcel.payment or paid.receipt, parcel))

    async def _one_after_another(self) -> PaymentAnswer:
        paid = await self._steps.pay()
        if isinstance(paid, Charged):
            await self._steps.reserve()
        return paid

    async def _side_by_side(self) -> PaymentAnswer:
        """Once one step has failed for good, the other is asked to stop. Both are awaited before anything is
        undone. Either of them may find that another submission is in the place of this one."""
        paid, reserved = await together(self._steps.pay(), self._steps.reserve())
        for in_its_place in (AlreadyFulfilled, OlderSubmissionOpen):
            for answer in (paid, reserved):
                if isinstance(answer, in_its_place):
                    return answer
        return paid

    # --- the ends --------------------------------------------------------------------------------

    async def _confirm(self, payment: PaymentReceipt, parcel: DispatchReceipt) -> OrderOutcome:
        """Take the fourth step, and end the order as fulfilled."""
        notes = [await self._steps.notify(NoticeKind.CONFIRMATION)]
        if workflow.cancellation_reason() is not None:
            notes.append("a cancel came too late: the parcel was with the carrier")
        note = "; ".join(note for note in notes if note) or None
        self._board.fulfilled(note)
        return OrderOutcome.of(self._submission, payment, parcel, note)

    def _fulfilled_before(self, earlier: AlreadyFulfilled) -> OrderOutcome:
        note = f"fulfilled before, by submission {earlier.outcome.submission}; nothing was charged now"
        self._board.fulfilled(note)
        return earlier.outcome.model_copy(update={"note": note})

    async def _undo(self, failure: BaseException) -> OrderOutcome | UndoCause:
        """Give money and stock back. If the parcel turns out to be gone, the order is fulfilled instead."""
        cause = first_cause(failure, self._hold.failed_at, self._order)
        self._board.undoing(cause)
        if opened_nothing(failure):  # a conflict: the ID is another order's, and this one did nothing
            self._board.undone(cause)
            return cause

        undone = await self._saga.undo(self._submission, cause)
        if undone[PIVOT].result is UndoResult.ALREADY_DISPATCHED:
            self._board.step_ended(PIVOT)
            payment, parcel = undone[PIVOT].receipts()  # from the order book
            return await self._confirm(payment, parcel)
        if undone[Step.PAYMENT].result in (UndoResult.UNDONE, UndoResult.HANDLED):
            await self._steps.notify(NoticeKind.CANCELLATION)  # tell the customer why the money comes back
        elif made := made_elsewhere(self._order.payment_method):
            self._board.noted(f"it was not confirmed that the order is {made}: that payment is left as it is")
        self._board.undone(cause)
        return cause

    async def _settle(self, older: SubmissionRef) -> None:
        """Settle an earlier submission, which was terminated or forgotten before it closed. It is undone by
        its own keys. If it is found fulfilled instead, payment answers `AlreadyFulfilled` next time."""
        await uninterrupted(self._saga.undo(older, ABANDONED))
        self._board.forget_undos()
