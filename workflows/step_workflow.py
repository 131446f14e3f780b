"""What the child workflows of an order share: how they run an activity, and what their `status` answers."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, FailureError
from temporalio.workflow import ActivityCancellationType

from workflows.failures import in_words, raise_if_cancelled, state_after

with workflow.unsafe.imports_passed_through():
    from order_system.domain import policy
    from order_system.domain.errors import NEVER_RETRIED
    from order_system.domain.ids import AFTER_FIRST, step_queue
    from order_system.domain.messages import StepRequest
    from order_system.domain.order import FirstAttempts, SubmissionRef, Wire
    from order_system.domain.progress import StepState, StepStatus
    from order_system.domain.steps import Step

Request = TypeVar("Request", bound=StepRequest)
Answer = TypeVar("Answer")


def queue_of(step: Step, submission: SubmissionRef) -> str | None:
    """Return the task queue of the step's activities and its undo. None: the queue of the workflow."""
    return step_queue(workflow.info().task_queue, step) if submission.queues_by_step else None


async def run_effect(
    step: Step,
    activity: Callable[[Any, Request], Awaitable[Answer]],
    request: Request,
    *,
    summary: str,
    always_regular: bool = False,
) -> Answer:
    """Run one effect on the outside world, retried until it succeeds or its activity gives up. A cancel waits
    for the attempt that runs: otherwise the undo could overtake a charge that is still on its way. `step`
    names the gateway.

    The first attempt is a local activity if the order asks for it, unless the step has a queue of its own,
    whose limits it would bypass. No cancel is heard while a local activity runs, nor by the code that follows
    in the same task. `always_regular` is for an effect after which a cancel must be heard."""
    queue, activity_id = queue_of(step, request.submission), None
    if request.first_attempts is FirstAttempts.LOCAL and not always_regular and queue is None:
        try:
            return await workflow.execute_local_activity_method(
                activity,
                request.model_copy(update={"first_attempt_at": workflow.now()}),
                schedule_to_start_timeout=policy.FIRST_ATTEMPT_STARTS,
                start_to_close_timeout=policy.FIRST_ATTEMPT,
                retry_policy=policy.ONCE,
                cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=summary,
            )
        except FailureError as failure:
            if (pause := pause_after(failure)) is None:
                raise
        raise_if_cancelled()
        await workflow.sleep(pause)
        activity_id = AFTER_FIRST
    return await workflow.execute_activity_method(
        activity,
        request,
        task_queue=queue,
        activity_id=activity_id,
        start_to_close_timeout=policy.EFFECT_ATTEMPT,
        retry_policy=policy.EFFECT_RETRY,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
    )


def pause_after(first_attempt: FailureError) -> timedelta | None:
    """Return the pause before the next attempt, as the server would choose it: by the activity's own error,
    not by the cause of that error. None if there is no next attempt."""
    cause = first_attempt.cause if isinstance(first_attempt, ActivityError) else first_attempt
    if isinstance(cause, CancelledError):
        return None
    if not isinstance(cause, ApplicationError):
        return policy.EFFECT_RETRY.initial_interval
    if cause.non_retryable or cause.type in NEVER_RETRIED:
        return None
    return cause.next_retry_delay or policy.EFFECT_RETRY.initial_interval


class StepWorkflow:
    """The base of every child workflow: it keeps the status of its step, and answers `status`."""

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
        """Keep the status while the step's work runs in this block: running, then completed or failed."""
        self._is(state=StepState.RUNNING, started_at=workflow.now())
        try:
            yield
        except GeneratorExit:
            raise  # the workflow is thrown away with its worker, and has no clock any more
        except BaseException as failure:
            self._is(ended_at=workflow.now(), state=state_after(failure), failure=in_words(failure))
            raise
        self._is(ended_at=workflow.now(), state=StepState.COMPLETED)
