"""The undo stack of an order. One of the two intricate places; the other is
`order_system/book/order_book.py`.

**Every undo is armed before the first effect.** A step that failed without an answer may have happened all
the same, and after a reset by hand this run may not know what an earlier one did. So unwinding does not ask
which steps returned: it runs the undo of every step, newest first, each by its idempotency key. The undo of
something that never happened is one row in the book, a fence, which also stops an attempt that comes late.

**Shipping answers first.** A parcel that is with the carrier cannot come back. Its undo answers `voided`, or
`already dispatched`; only after `voided` are stock and money given back. After `already dispatched` the
order is fulfilled, whatever it was failing of.

**No undo gives up.** It is retried without limit (`undo.py`), and release and refund do not wait for each
other. Only a person can end one that is stuck, by saying that they have handled it.
"""

import asyncio

from temporalio import workflow

from workflows.board import OrderBoard
from workflows.undo import Undo, UndoActivity

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from activities.payment import PaymentActivities
    from activities.shipping import ShippingActivities
    from order_system.domain.ids import Step
    from order_system.domain.messages import UndoAnswer, UndoRequest, UndoResult, Verdict
    from order_system.domain.order import SubmissionRef


class Saga:
    """Undoes one submission. Awaits everything it starts; call it through `failures.uninterrupted`."""

    def __init__(self, submission: SubmissionRef, board: OrderBoard) -> None:
        self._submission = submission
        self._board = board
        self._undos: dict[Step, Undo] = {}

    async def unwind(self, verdict: Verdict) -> dict[Step, UndoAnswer]:
        """The answer of each undo that ran. With `already dispatched` from shipping, that is the only one."""
        request = UndoRequest(submission=self._submission, verdict=verdict)

        shipping = await self._undo(Step.SHIPPING, ShippingActivities.void_shipment, request)
        if shipping.result is UndoResult.ALREADY_DISPATCHED:
            return {Step.SHIPPING: shipping}

        inventory, payment = await asyncio.gather(
            self._undo(Step.INVENTORY, InventoryActivities.release, request),
            self._undo(Step.PAYMENT, PaymentActivities.refund, request),
        )
        return {Step.SHIPPING: shipping, Step.INVENTORY: inventory, Step.PAYMENT: payment}

    def undo_of(self, step: Step) -> Undo | None:
        """None if it has not begun: stock and money wait for shipping's answer."""
        return self._undos.get(step)

    async def _undo(self, step: Step, activity: UndoActivity, request: UndoRequest) -> UndoAnswer:
        self._undos[step] = Undo(step, activity, request, self._board)
        return await self._undos[step].run()
