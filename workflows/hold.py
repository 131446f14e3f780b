"""A hold: a step has failed for good, and the order waits for a person before it is undone.

A hold is a timer of the workflow, so it lasts through restarts and deployments. When the timer runs out, or
somebody cancels, the order is undone. A retry starts the step's child anew, under the same keys. A step
beside the held one runs on. If it fails, too, both are held, and one answer counts for both."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows.board import OrderBoard
from workflows.failures import answer_refused, in_words, opened_nothing, raise_if_cancelled

with workflow.unsafe.imports_passed_through():
    from order_system.domain.answers import AnsweredAs, AnswerRecord
    from order_system.domain.order import Order
    from order_system.domain.progress import UndoState
    from order_system.domain.steps import Step

T = TypeVar("T")


class Hold:
    """The holds of one order. There are none unless the order says `hold_on_failure`."""

    def __init__(self, order: Order, board: OrderBoard) -> None:
        self._order_id = order.order_id
        self._patience = order.hold_on_failure
        self._impersonal = order.impersonal
        self._board = board
        self._held: dict[Step, AnswerRecord | None] = {}
        """Each step at which the order is held, with the person's answer once there is one."""
        self.failed_at: Step | None = None
        """The first step that failed and is not to be tried again."""
        self.given_up = asyncio.Event()
        """Set when `failed_at` is: the step beside it must stop, since the order will be undone."""

    async def around(self, step: Step, run_step: Callable[[], Awaitable[T]]) -> T:
        """Run a step, unless somebody has cancelled the order. If the step fails for good and the order is to
        be held, wait for a person. Run the step again if they say so, else raise its failure."""
        while True:
            raise_if_cancelled()
            try:
                return await run_step()
            except FailureError as failure:
                if not await self._person_wants_a_retry(step, failure):
                    self.failed_at = self.failed_at or step
                    self.given_up.set()
                    raise

    async def _person_wants_a_retry(self, step: Step, failure: FailureError) -> bool:
        """Hold the order, if it may be held. False if nobody asks for a retry in time. Raises a cancel."""
        over = self.given_up.is_set() or workflow.cancellation_reason() is not None
        if self._patience is None or over or opened_nothing(failure):
            return False
        self._held[step] = None
        reason = self._impersonal(in_words(failure))
        self._board.held(step, reason, until=workflow.now() + self._patience)
        try:
            await workflow.wait_condition(
                lambda: self._held[step] is not None or self.given_up.is_set(),
                timeout=self._patience,
                timeout_summary=f"held at {step}",
            )
        except TimeoutError:
            pass  # a person may have answered at that very moment
        finally:
            answer = self._held.pop(step)
        self._board.let_go(step, answer)
        return answer is not None and answer.answer is AnsweredAs.RETRY_STEP

    # --- for a person's answer -------------------------------------------------------------------

    def step_to_answer_for(self) -> Step:
        """Return the held step, or of two the one that failed first. If there is none, raises a refusal."""
        if not self._held:
            for undo in self._board.progress().undos:
                if undo.status is UndoState.STUCK:
                    stuck = f"its undo of {undo.step} is stuck, and `resolve` answers that"
                    raise answer_refused(f"{self._order_id} is not held: {stuck}")
            raise answer_refused(
                f"{self._order_id} is not held: only an order that says hold_on_failure is, "
                "for that long after a step has failed"
            )
        for step, answer in self._held.items():
            if answer is None:
                return step
        heard = next(answer for answer in self._held.values() if answer)
        raise answer_refused(f"{heard.who} has just answered: {heard.answer}")

    def answer(self, answer: AnswerRecord) -> Sequence[Step]:
        """Give the answer for every held step that has none yet. Returns these steps."""
        steps = [step for step, before in self._held.items() if before is None]
        self._held |= dict.fromkeys(steps, answer)
        return steps
