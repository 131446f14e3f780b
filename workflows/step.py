"""What the child workflows of an order share: how they run an activity, and what their `status` answers."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from temporalio import workflow
from temporalio.workflow import ActivityCancellationType

from workflows.failures import in_words, state_after
from workflows.submission import queue_of

with workflow.unsafe.imports_passed_through():
    from order_system.domain import policy
    from order_system.domain.messages import StepRequest
    from order_system.domain.order import Wire
    from order_system.domain.progress import StepState, StepStatus
    from order_system.domain.steps import Step

Request = TypeVar("Request", bound=StepRequest)
Answer = TypeVar("Answer")


async def run_effect(
    step: Step,
    activity: Callable[[Any, Request], Awaitable[Answer]],
    request: Request,
    *,
    summary: str,
) -> Answer:
    """One effect on the outside world, retried until it succeeds or its activity gives up. A cancel waits for
    the attempt that runs: otherwise the undo could overtake a charge that is still on its way. `step`: at
    whose gateway."""
    return await workflow.execute_activity_method(
        activity,
        request,
        task_queue=queue_of(step, request.submission),
        start_to_close_timeout=policy.EFFECT_ATTEMPT,
        retry_policy=policy.EFFECT_RETRY,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
    )


class StepWorkflow:
    """What every child workflow keeps about its step, and answers to `status`."""

    step: ClassVar[Step]

    def __init__(self) -> None:
        self._status = StepStatus(step=self.step, state=StepState.PENDING)

    @workflow.query
    def status(self) -> StepStatus:
        return self._status

    def _is(self, **changes: object) -> None:
        self._status = self._status.model_copy(update=changes)

    def _reached(self, milestone: str) -> None:
        self._is(milestones=(*self._status.milestones, milestone))

    def _received(self, receipt: Wire) -> None:
        self._is(receipt=receipt.model_dump(mode="json"))

    @contextmanager
    def _under_way(self) -> Generator[None]:
        """Entered when the step's work begins, left when that ends or fails."""
        self._is(state=StepState.RUNNING, started_at=workflow.now())
        try:
            yield
        except GeneratorExit:
            raise  # thrown away with the worker; there is no workflow left to tell the time
        except BaseException as failure:
            self._is(ended_at=workflow.now(), state=state_after(failure), failure=in_words(failure))
            raise
        self._is(ended_at=workflow.now(), state=StepState.COMPLETED)
