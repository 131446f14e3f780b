"""What a batch does with one order: start it as a child that outlives its batch, learn its end, cancel it.

How an order ended is given as the name of a field of `BatchCounts`."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ChildWorkflowError, FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

from workflows.failures import state_after

with workflow.unsafe.imports_passed_through():
    from activities.batch import BatchActivities
    from order_system.domain import policy, search_attributes
    from order_system.domain.batch import Fate, LookUpRequest, RefusedStart
    from order_system.domain.book import SubmissionStatus
    from order_system.domain.ids import BOOK, FINGERPRINT, batch_name, order_workflow_id
    from order_system.domain.messages import OrderOutcome
    from order_system.domain.order import Order
    from order_system.domain.progress import StepState
    from workflows.order import OrderFulfillmentWorkflow

OrderHandle = ChildWorkflowHandle[OrderFulfillmentWorkflow, OrderOutcome]

COUNTED_AS = {
    SubmissionStatus.FULFILLED: "fulfilled",
    SubmissionStatus.FAILED: "failed",
    SubmissionStatus.TERMINATED: "failed",
    SubmissionStatus.CANCELLED: "cancelled",
}


async def run_order(order: Order, started: Callable[[OrderHandle], None]) -> str | None:
    """Run the order, and return how it ended. Calls `started` as soon as its workflow runs. Returns None if
    the start was refused and nobody could say why."""
    batch = batch_name(workflow.info().workflow_id)
    try:
        child = await workflow.start_child_workflow(
            OrderFulfillmentWorkflow.run,
            order,
            id=order_workflow_id(order.order_id),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            parent_close_policy=ParentClosePolicy.ABANDON,
            memo={FINGERPRINT: order.fingerprint(), BOOK: workflow.memo_value(BOOK, default=None)},
            static_summary=f"order {order.order_id}: {len(order.lines)} line(s)",
            search_attributes=search_attributes.of_new_order(order.order_id, batch),
            priority=policy.batch_priority(batch),
        )
    except WorkflowAlreadyStartedError:
        return await _why_refused(order)
    started(child)
    try:
        await child
    except ChildWorkflowError as failure:
        return "cancelled" if state_after(failure) is StepState.CANCELLED else "failed"
    return "fulfilled"


async def _why_refused(order: Order) -> str | None:
    """Ask why the start was refused: the order was started or fulfilled after its page was read."""
    info = workflow.info()
    try:
        answer = await workflow.execute_activity_method(
            BatchActivities.decide_refused,
            RefusedStart(
                book=workflow.memo_value(BOOK, default=None),
                batch=info.workflow_id,
                run=info.first_execution_run_id,
                order_id=order.order_id,
                fingerprint=order.fingerprint(),
            ),
            start_to_close_timeout=policy.EFFECT_ATTEMPT,
            retry_policy=policy.PAGE_RETRY,
            summary=f"{order.order_id} is known already: as what?",
        )
    except ActivityError:  # ended by hand, from outside
        return None
    return "conflicting" if answer.fate is Fate.CONFLICT else "skipped"


async def look_up(submissions: Mapping[str, str | None]) -> dict[str, str]:
    """Return how each order ended whose submission (None: not known) the order book knows to be closed."""
    try:
        answer = await workflow.execute_activity_method(
            BatchActivities.look_up,
            LookUpRequest(submissions=dict(submissions), book=workflow.memo_value(BOOK, default=None)),
            start_to_close_timeout=policy.EFFECT_ATTEMPT,
            retry_policy=policy.PAGE_RETRY,
            summary="what became of the orders that took long?",
        )
    except ActivityError:  # ended by hand, from outside: another look follows
        return {}
    return {order_id: COUNTED_AS[status] for order_id, status in answer.statuses.items()}


async def cancel_submission(order_id: str, submission: str) -> None:
    """Cancel this submission alone: somebody may have submitted the order anew. A submission that has closed
    needs no cancel, and the book says how it ended."""
    with suppress(FailureError):
        await workflow.get_external_workflow_handle(order_workflow_id(order_id), run_id=submission).cancel()
