"""Runs a step of an order as a child workflow, and two steps side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, CancelledError, FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

from workflows.board import OrderBoard
from workflows.failures import is_eviction

with workflow.unsafe.imports_passed_through():
    from order_system.domain import policy, search_attributes
    from order_system.domain.ids import step_workflow_id
    from order_system.domain.messages import StepRequest
    from order_system.domain.steps import Step

Request = TypeVar("Request", bound=StepRequest)
Answer = TypeVar("Answer")
One = TypeVar("One")
Other = TypeVar("Other")


async def run_child(
    step: Step,
    run: Callable[[Any, Request], Awaitable[Answer]],
    request: Request,
    board: OrderBoard,
    *,
    until: asyncio.Event | None = None,
) -> Answer:
    """Run one step as a child workflow, and note its end on the board. Raises the failure of the step.

    A cancel of the parent goes on to the child, whose end is then awaited. Only a cancel that lands before
    the child has begun is raised at once. The undo's fence then stops what the child may still do.

    `until` is set when the step beside this one has failed. The child is then cancelled and awaited, too."""
    try:
        child = await _start(step, run, request, until)
        board.step_started(step, child.first_execution_run_id)
        answer = await _end_of(child, until)
    except (FailureError, asyncio.CancelledError) as failure:
        if not is_eviction(failure):
            board.step_ended(step, failure)
        raise
    board.step_ended(step)
    return answer


async def _start(
    step: Step,
    run: Callable[[Any, Request], Awaitable[Answer]],
    request: Request,
    until: asyncio.Event | None,
) -> ChildWorkflowHandle[Any, Answer]:
    """Start the child. After a reset of the parent, a child of the earlier run may still hold the ID. It
    works under the same keys, so we wait for its end, and then start our own child. The longer it takes, the
    longer are the pauses, so that the history stays short."""
    order_id = request.submission.order_id
    waited = timedelta(0)
    while True:
        try:
            return await _started(
                workflow.start_child_workflow(
                    run,
                    request,
                    id=step_workflow_id(step, order_id),
                    parent_close_policy=ParentClosePolicy.TERMINATE,
                    search_attributes=search_attributes.of_child(order_id),
                )
            )
        except WorkflowAlreadyStartedError:
            pause = policy.CHILD_BUSY_POLL
            if workflow.patched("wait-for-a-busy-child"):
                pause = max(pause, waited / 10)
            elif waited >= policy.CHILD_BUSY_LIMIT:
                raise ApplicationError(
                    f"an earlier {step} of {order_id} is still running", type="ChildBusy"
                ) from None
            await workflow.sleep(pause)
            waited += pause
            if until and until.is_set():
                raise CancelledError("the step beside it has failed") from None


async def together(one: Coroutine[Any, Any, One], other: Coroutine[Any, Any, Other]) -> tuple[One, Other]:
    """Run both, and await both ends whatever happens. A cancel of the order reaches both. Raises the first
    failure. Each of the two must stop itself when the other fails."""
    failures: list[BaseException] = []

    async def noted(work: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            return await work
        except (FailureError, asyncio.CancelledError) as failure:
            failures.append(failure)
            raise

    first, second = asyncio.create_task(noted(one)), asyncio.create_task(noted(other))
    both: list[asyncio.Task[Any]] = [first, second]
    while not all(task.done() for task in both):
        try:
            await workflow.wait(both)
        except asyncio.CancelledError as cancelled:
            if is_eviction(cancelled):
                raise
            for task in both:
                task.cancel()
    await asyncio.gather(first, second, return_exceptions=True)  # both are heard of, though one is raised
    if failures:
        raise failures[0]
    return first.result(), second.result()


# --- a cancel in the same task as a child's start or end ----------------------------------------------
#
# The SDK (1.35) fails a task for ever if the task cancels a child that has just been terminated. So when a
# cancel of ours comes, the event loop turns a few times first. A child that has ended by then gets no cancel
# (ADR 0011).

TURNS_UNTIL_AN_END_IS_HEARD = 10
"""Three or four turns pass after the server has reported a child's end, until the child's handle is done."""


async def _end_of(child: ChildWorkflowHandle[Any, Answer], until: asyncio.Event | None) -> Answer:
    """Await the child's end. A cancel of ours, or `until`, is passed on to the child, but only once."""
    stop = asyncio.create_task(until.wait()) if until else None
    undisturbed = await _undisturbed(child, stop)
    if stop:
        stop.cancel()
    if not undisturbed and not child.done():
        child.cancel()
        await _ends_cancelled(child)
    return await child


async def _ends_cancelled(child: ChildWorkflowHandle[Any, Answer]) -> None:
    """Wait for the end of a child that is asked to stop; more cancels of ours change nothing.

    Raises CancelledError if it does not end. After a reset of ours, we never hear of a child that was
    terminated before. What a child may still do is stopped by the undo's fence."""
    late = None
    if workflow.patched("a-cancelled-child-may-be-gone"):
        late = asyncio.create_task(workflow.sleep(policy.CHILD_CANCELLED))
    while not child.done():
        await _undisturbed(child, late)
        if late and late.done() and not child.done():
            raise CancelledError("the step was cancelled, and its end is not heard of")
    if late:
        late.cancel()


async def _started(
    starting: Coroutine[Any, Any, ChildWorkflowHandle[Any, Answer]],
) -> ChildWorkflowHandle[Any, Answer]:
    """Await the child's start. A cancel of ours cancels the start, or the child if it has just started."""
    start = asyncio.create_task(starting)
    if await _undisturbed(start):
        return start.result()
    if not start.done():
        start.cancel()
        return await start
    with suppress(WorkflowAlreadyStartedError):
        if not (child := start.result()).done():
            child.cancel()
    raise asyncio.CancelledError


async def _undisturbed(work: asyncio.Task[Any], stop: asyncio.Task[Any] | None = None) -> bool:
    """Wait for `work`. Returns False if a cancel of ours, or `stop`, came first, and passes neither on. Even
    then `work` is done if the same task reports its end."""
    try:
        await workflow.wait([work, stop] if stop else [work], return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError as cancelled:
        if is_eviction(cancelled):
            raise
    else:
        if work.done():
            return True
    for _ in range(TURNS_UNTIL_AN_END_IS_HEARD):
        await asyncio.sleep(0)
    return False
