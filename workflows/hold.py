"""Holding an order: a step has failed for good, and the order waits for a person before it is undone.

Nothing but a timer of the workflow waits, so a hold lasts through restarts and deployments. When it has run
out, or somebody cancels, the order is undone. A retry runs the same step again, in a new run of its child and
under the same keys.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows.board import OrderBoard
from workflows.failures import answer_refused, in_words, opened_nothing, raise_if_cancelled

with workflow.unsafe.imports_passed_through():
    from order_system.domain.answers import AnsweredAs, AnswerRecord
    from order_system.domain.order import Order
    from order_system.domain.steps import Step

T = TypeVar("T")


class Hold:
    """Of one order; off unless the order says `hold_on_failure`."""

    def __init__(self, order: Order, board: OrderBoard) -> None:
        self._order_id = order.order_id
        self._patience = order.hold_on_failure
        self._board = board
        self._held_at: Step | None = None
        self._answer: AnswerRecord | None = None

    async def around(self, run_step: Callable[[], Awaitable[T]]) -> T:
        """Run a step, unless somebody has cancelled. When it fails for good, and the order is to be held,
        wait for a person: run it again if they say so, else raise what it failed of."""
        while True:
            raise_if_cancelled()
            try:
                return await run_step()
            except FailureError as failure:
                if not await self._person_wants_a_retry(failure):
                    raise

    async def _person_wants_a_retry(self, failure: FailureError) -> bool:
        """False when they give up, or when the hold has run out. A cancel passes through, and gives up."""
        step = self._board.current_step
        if self._patience is None or step is None or _not_to_be_held(failure):
            return False
        self._held_at, self._answer = step, None
        self._board.held(step, in_words(failure), until=workflow.now() + self._patience)
        try:
            await workflow.wait_condition(
                lambda: self._answer is not None,
                timeout=self._patience,
                timeout_summary=f"held at {step}",
            )
        except TimeoutError:
            pass  # unless a person has answered at that very moment
        finally:
            self._held_at = None
        self._board.let_go()
        return self._answer is not None and self._answer.answer is AnsweredAs.RETRY_STEP

    # --- for a person's answer -------------------------------------------------------------------

    def step_to_answer_for(self) -> Step:
        """Where the order is held. Raises the ApplicationError that refuses an answer."""
        if self._held_at is None:
            raise answer_refused(
                f"{self._order_id} is not held: only an order that says hold_on_failure is, "
                "for that long after a step has failed"
            )
        if self._answer is not None:
            raise answer_refused(f"{self._answer.who} has just answered: {self._answer.answer}")
        return self._held_at

    def answer(self, answer: AnswerRecord) -> None:
        self._answer = answer


def _not_to_be_held(failure: BaseException) -> bool:
    return workflow.cancellation_reason() is not None or opened_nothing(failure)
