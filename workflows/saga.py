"""The undo stack of an order. One of the two intricate places; the other is `order_system/book.py`.

**Every undo is armed before the first effect.** A step that failed without an answer may have happened all
the same, and after a reset by hand this run may not know what an earlier one did. So unwinding does not ask
which steps returned: it runs the undo of every step, newest first, each by its idempotency key. The undo of
something that never happened is one row in the book, a fence, which also stops an attempt that comes late.

**Shipping answers first.** A parcel that is with the carrier cannot come back. Its undo answers `voided`, or
`already dispatched`; only after `voided` are stock and money given back. After `already dispatched` the
order is fulfilled, whatever it was failing of.

**No undo gives up.** It is retried without limit, and release and refund do not wait for each other. After
`policy.ATTENTION_AFTER` an undo counts as stuck, so that a person is called: by a timer, since an activity
that is retried for ever gives the workflow no event.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError
from temporalio.workflow import ActivityCancellationType

from workflows.board import OrderBoard
from workflows.failures import in_words

with workflow.unsafe.imports_passed_through():
    from activities.inventory import InventoryActivities
    from activities.payment import PaymentActivities
    from activities.shipping import ShippingActivities
    from order_system import policy
    from order_system.ids import Step
    from order_system.messages import UndoAnswer, UndoRequest, UndoResult, Verdict
    from order_system.models import SubmissionRef

Undo = Callable[[Any, UndoRequest], Awaitable[UndoAnswer]]


class Saga:
    """Undoes one submission. Awaits everything it starts; call it through `failures.uninterrupted`."""

    def __init__(self, submission: SubmissionRef, board: OrderBoard) -> None:
        self._submission = submission
        self._board = board

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

    async def _undo(self, step: Step, undo: Undo, request: UndoRequest) -> UndoAnswer:
        self._board.undo_started(step)
        while True:
            attempts = asyncio.create_task(self._retried_without_limit(step, undo, request))
            answered, _ = await workflow.wait([attempts], timeout=policy.ATTENTION_AFTER.total_seconds())
            if not answered:
                self._board.undo_stuck(step, "still being retried; see the pending activity for why")
                workflow.logger.error("undo of %s is stuck", step)
            try:
                answer = await attempts
            except ActivityError as ended_from_outside:
                # Only a person can end a retry without limit. Money is owed all the same.
                self._board.undo_stuck(step, in_words(ended_from_outside))
                await workflow.sleep(policy.UNDO_AGAIN_AFTER)
            else:
                self._board.undo_done(step, answer.detail)
                return answer

    async def _retried_without_limit(self, step: Step, undo: Undo, request: UndoRequest) -> UndoAnswer:
        return await workflow.execute_activity_method(
            undo,
            request,
            start_to_close_timeout=policy.EFFECT_ATTEMPT,
            retry_policy=policy.UNDO_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"undo of {step}",
        )
