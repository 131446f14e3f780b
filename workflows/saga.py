"""The undos of an order. One of the two intricate places; the other is `order_system/book/order_book.py`.

**Every undo is armed before the first effect.** A step that failed without an answer may have happened all
the same, and after a reset by hand this run may not know what an earlier run did. So the saga does not ask
which steps returned: it runs the undo of every step, by its idempotency key. The undo of an effect that never
happened is one row in the book, a fence, which also stops an attempt that comes late.

**The pivot answers first.** A parcel that is with the carrier cannot come back. Shipping's undo answers
`voided`, or `already dispatched`; only after `voided` are stock and money given back. After `already
dispatched` the order is fulfilled, whatever failed before.

**No undo gives up.** It is retried without limit (`undo.py`), and release and refund do not wait for each
other. Only a person can end one that is stuck, by saying that they have handled it.

An undo is an activity of the parent, not a workflow: nobody needs to query, reset or cancel it alone."""

import asyncio

from temporalio import workflow

from workflows.board import OrderBoard
from workflows.undo import Undo

with workflow.unsafe.imports_passed_through():
    from order_system.domain.messages import UndoAnswer, UndoCause, UndoRequest, UndoResult
    from order_system.domain.order import SubmissionRef
    from order_system.domain.steps import GIVEN_BACK, PIVOT, Step


class Saga:
    """Undoes one submission at a time, and awaits every undo. Call it through `failures.uninterrupted`."""

    def __init__(self, board: OrderBoard) -> None:
        self._board = board
        self._undos: dict[Step, Undo] = {}

    async def undo(self, submission: SubmissionRef, cause: UndoCause) -> dict[Step, UndoAnswer]:
        """Run the undos and return their answers. After `already dispatched` only the pivot's has run."""
        self._undos = {}
        request = UndoRequest(submission=submission, cause=cause)

        pivot = await self._undo(PIVOT, request)
        if pivot.result is UndoResult.ALREADY_DISPATCHED:
            return {PIVOT: pivot}

        answers = await asyncio.gather(*(self._undo(step, request) for step in GIVEN_BACK))
        return {PIVOT: pivot, **dict(zip(GIVEN_BACK, answers, strict=True))}

    def undo_of(self, step: Step) -> Undo | None:
        """Return the step's undo. None if it has not begun: stock and money wait for shipping's answer."""
        return self._undos.get(step)

    async def _undo(self, step: Step, request: UndoRequest) -> UndoAnswer:
        self._undos[step] = Undo(step, request, self._board)
        return await self._undos[step].run()
