"""Which submission of its order a workflow is at work on."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from order_system.domain.ids import BOOK, step_queue
    from order_system.domain.order import Order, SubmissionRef
    from order_system.domain.steps import Step


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
        queues_by_step=bool(order.queues_by_step),
    )


def queue_of(step: Step, submission: SubmissionRef) -> str | None:
    """Where the step's activities and its undo wait for a worker. None: where the workflow does."""
    return step_queue(workflow.info().task_queue, step) if submission.queues_by_step else None
