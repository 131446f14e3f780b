"""Reading failures: what went wrong at the bottom of a chain, and which cause came first; telling them."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from temporalio import exceptions, workflow
from temporalio.exceptions import ApplicationError, CancelledError, TemporalError, TerminatedError

with workflow.unsafe.imports_passed_through():
    from order_system.domain.answers import UPDATE_REFUSED
    from order_system.domain.errors import OpenElsewhere, OrderConflict
    from order_system.domain.messages import OrderStatus, UndoCause
    from order_system.domain.order import Order
    from order_system.domain.progress import StepState
    from order_system.domain.steps import Step

T = TypeVar("T")

OPENED_NOTHING = {OrderConflict.__name__, OpenElsewhere.__name__}


def root_cause(failure: BaseException) -> BaseException:
    """The innermost failure: ChildWorkflowError -> ActivityError -> ApplicationError. For clients, too."""
    while isinstance(failure, TemporalError) and failure.__cause__ is not None:
        failure = failure.__cause__
    return failure


def in_words(failure: BaseException) -> str:
    cause = root_cause(failure)
    if isinstance(cause, ApplicationError):
        return f"{cause.type}: {cause.message}" if cause.type else cause.message
    if isinstance(cause, exceptions.TimeoutError):
        return "no answer in time"
    if isinstance(cause, (CancelledError, asyncio.CancelledError)):
        return "cancelled"
    if isinstance(cause, TerminatedError):
        return "terminated"
    return str(cause)


def state_after(failure: BaseException) -> StepState:
    match root_cause(failure):
        case CancelledError() | asyncio.CancelledError():
            return StepState.CANCELLED
        case TerminatedError():
            return StepState.TERMINATED
        case exceptions.TimeoutError():
            return StepState.TIMED_OUT
        case _:
            return StepState.FAILED


def is_eviction(failure: BaseException) -> bool:
    """The worker drops the workflow from its cache by cancelling its tasks: nobody asked for a cancel,
    and the workflow goes on elsewhere. It must never start an undo."""
    return isinstance(failure, asyncio.CancelledError) and workflow.cancellation_reason() is None


def raise_if_cancelled() -> None:
    """A cancel that lands in the same task as a step's completion is not raised: look for it."""
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError


def opened_nothing(failure: BaseException) -> bool:
    """Payment refused to open the submission: there is nothing to retry, and nothing to undo."""
    cause = root_cause(failure)
    return isinstance(cause, ApplicationError) and cause.type in OPENED_NOTHING


def first_cause(failure: BaseException, step: Step | None, order: Order) -> UndoCause:
    """Why the order is undone, decided once: a cancel that arrives later finds the order failed."""
    reason = workflow.cancellation_reason()
    if reason is not None:
        return UndoCause(status=OrderStatus.CANCELLED, reason=reason or "cancelled on request")
    return UndoCause(status=OrderStatus.FAILED, failed_step=step, reason=order.impersonal(in_words(failure)))


def as_failure(cause: UndoCause) -> BaseException:
    """A failed order fails its workflow, so that the Web UI shows it red and its ID may run again."""
    if cause.status is OrderStatus.CANCELLED:
        return asyncio.CancelledError(cause.reason)
    return ApplicationError(
        f"{cause.failed_step or 'order'}: {cause.reason}", type="OrderFailed", non_retryable=True
    )


def answer_refused(why: str) -> ApplicationError:
    """What an Update fails with, in one line; nothing has changed then."""
    return ApplicationError(why, type=UPDATE_REFUSED, non_retryable=True)


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Await to the end, whatever cancels arrive meanwhile: an undo is never interrupted, and after
    dispatch it is too late. Only an eviction passes through."""
    task = asyncio.create_task(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError as cancelled:
            if task.cancelled() or is_eviction(cancelled):
                raise
