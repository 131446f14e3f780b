"""The four steps of an order, each a child workflow: the request that each gets, and the submission that it
works for. `order.py` says when they run."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows.board import OrderBoard
from workflows.child import run_child
from workflows.failures import root_cause
from workflows.hold import Hold

with workflow.unsafe.imports_passed_through():
    from order_system.domain import messages
    from order_system.domain.ids import BOOK
    from order_system.domain.order import Flow, Order, SubmissionRef
    from order_system.domain.steps import Step
    from workflows.inventory import InventoryWorkflow
    from workflows.notification import NotificationWorkflow
    from workflows.payment import PaymentWorkflow
    from workflows.shipping import ShippingWorkflow

Request = TypeVar("Request", bound=messages.StepRequest)
Answer = TypeVar("Answer")


def this_submission(order: Order) -> SubmissionRef:
    """Return this start of the order's workflow, a submission. A reset keeps its ID, unlike the run's ID. So
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


class Steps:
    """The steps of one order. All but the notification run through `hold.around`: if one fails, and the order
    asks to be held, a person may retry it."""

    def __init__(self, order: Order, submission: SubmissionRef, board: OrderBoard, hold: Hold) -> None:
        self._order = order
        self._submission = submission
        self._opened = submission.once_opened()
        self._board = board
        self._hold = hold

    async def pay(self) -> messages.PaymentAnswer:
        """Charge the customer, and open the submission in the order book. If another submission of the order
        is in its place, the answer says so, and nothing is charged."""
        request = messages.PaymentRequest(
            submission=self._submission,
            first_attempts=self._order.first_attempts,
            amount=self._order.total,
            currency=self._order.currency,
            payment_method=self._order.payment_method,
            captured_on_dispatch=self._order.captured_on_dispatch,
            email=self._order.customer.email,
        )
        return await self._run(Step.PAYMENT, PaymentWorkflow.run, request)

    async def reserve(self) -> messages.InventoryAnswer:
        """Reserve the stock. If this runs beside payment and comes first, it opens the submission."""
        order, opens = self._order, self._order.flow is Flow.PARALLEL
        opening = messages.Opening(
            total=order.total,
            currency=order.currency,
            captured_on_dispatch=order.captured_on_dispatch,
            email=order.customer.email,
        )
        request = messages.InventoryRequest(
            submission=self._submission if opens else self._opened,
            first_attempts=self._order.first_attempts,
            lines=order.lines,
            opening=opening if opens else None,
        )
        return await self._run(Step.INVENTORY, InventoryWorkflow.run, request)

    async def ship(self) -> messages.Shipped:
        """Buy the label, and hand the parcel over to the carrier: the pivot."""
        request = messages.ShippingRequest(
            submission=self._opened,
            first_attempts=self._order.first_attempts,
            address=self._order.shipping_address,
            lines=self._order.lines,
            captures=self._order.captured_on_dispatch,
        )
        return await self._run(Step.SHIPPING, ShippingWorkflow.run, request)

    async def notify(self, kind: messages.NoticeKind) -> str | None:
        """Send a notice. If that fails, the order takes no harm. Returns what went wrong, in words."""
        request = messages.NotificationRequest(
            submission=self._opened,
            first_attempts=self._order.first_attempts,
            kind=kind,
            customer=self._order.customer,
        )
        try:
            await run_child(Step.NOTIFICATION, NotificationWorkflow.run, request, self._board)
        except FailureError as failure:
            return f"the {kind} is not known to have been sent ({root_cause(failure)})"
        return None

    async def _run(
        self, step: Step, run: Callable[[Any, Request], Awaitable[Answer]], request: Request
    ) -> Answer:
        """Run a step. It stops early if the step beside it is given up."""
        return await self._hold.around(
            step, lambda: run_child(step, run, request, self._board, until=self._hold.given_up)
        )
