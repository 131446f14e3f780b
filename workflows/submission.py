"""Which submission of its order a workflow is at work on."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from order_system.domain.ids import BOOK
    from order_system.domain.order import Order, SubmissionRef


def this_submission(order: Order) -> SubmissionRef:
    """A submission is one start of the order's workflow. Its ID stays through a reset, unlike the run's: so
    the idempotency keys, `<order>:<submission>:<effect>`, find what was done before the reset."""
    info = workflow.info()
    return SubmissionRef(
        order_id=order.order_id,
        submission=info.first_execution_run_id,
        fingerprint=order.fingerprint(),
        batch=info.parent.workflow_id if info.parent else None,
        accepted_at=info.workflow_start_time,
        book=workflow.memo_value(BOOK, default=None),
    )
