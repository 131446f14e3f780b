"""Failures: their root cause, as words and as a state; the cause of an undo; and the errors that we raise."""

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
    """The innermost failure: ChildWorkflowError -> ActivityError -> ApplicationError. Clients use it, too."""
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
    """True if the worker is dropping the workflow from its cache, which cancels its tasks. Nobody asked for a
    cancel, and the workflow goes on elsewhere. So an eviction must never start an undo."""
    return isinstance(failure, asyncio.CancelledError) and workflow.cancellation_reason() is None


def raise_if_cancelled() -> None:
    """Raise a cancel that the SDK does not: one that lands in the same task as a step's completion."""
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError


def opened_nothing(failure: BaseException) -> bool:
    """True if the book refused to open the submission: there is nothing to retry, and nothing to undo."""
    cause = root_cause(failure)
    return isinstance(cause, ApplicationError) and cause.type in OPENED_NOTHING


def first_cause(failure: BaseException, step: Step | None, order: Order) -> UndoCause:
    """Return why the order is undone. That is decided once: a cancel that arrives later changes nothing."""
    reason = workflow.cancellation_reason()
    if reason is not None:
        return UndoCause(status=OrderStatus.CANCELLED, reason=reason or "cancelled on request")
    return UndoCause(status=OrderStatus.FAILED, failed_step=step, reason=order.impersonal(in_words(failure)))


def as_failure(cause: UndoCause) -> BaseException:
    """Return the error that ends the workflow: the Web UI then shows it red, and its ID may run again."""
    if cause.status is OrderStatus.CANCELLED:
        return asyncio.CancelledError(cause.reason)
    return ApplicationError(
        f"{cause.failed_step or 'order'}: {cause.reason}", type="OrderFailed", non_retryable=True
    )


def answer_refused(why: str) -> ApplicationError:
    """Return the error of a refused Update, in one line. A refused Update changes nothing."""
    return ApplicationError(why, type=UPDATE_REFUSED, non_retryable=True)


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Await the end of `work`, whatever cancels arrive: an undo is never interrupted, and after dispatch a
    cancel is too late. Only an eviction passes through."""
    task = asyncio.create_task(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError as cancelled:
            if task.cancelled() or is_eviction(cancelled):
                raise
