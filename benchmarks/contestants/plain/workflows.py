"""A parent and its four children."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ChildWorkflowError

from benchmarks.contestants.plain.activities import (
    buy_label,
    charge,
    dispatch,
    notify,
    refund,
    release,
    reserve,
)
from benchmarks.contestants.plain.models import (
    ChargeRequest,
    InventoryRequest,
    Label,
    Notice,
    NotificationRequest,
    Order,
    OrderResult,
    Payment,
    Reservation,
    ReservedLine,
    ReserveRequest,
    Shipment,
    ShippingRequest,
)

TIMEOUT = timedelta(seconds=10)
RETRY = RetryPolicy(maximum_attempts=3)


@workflow.defn
class PaymentWorkflow:
    def __init__(self) -> None:
        self._status = "pending"

    @workflow.run
    async def run(self, request: ChargeRequest) -> Payment:
        self._status = "charging"
        payment: Payment = await workflow.execute_activity(
            charge, request, start_to_close_timeout=TIMEOUT, retry_policy=RETRY
        )
        self._status = "charged"
        return payment

    @workflow.query
    def status(self) -> str:
        return self._status


@workflow.defn
class InventoryWorkflow:
    def __init__(self) -> None:
        self._status = "pending"

    @workflow.run
    async def run(self, request: InventoryRequest) -> Reservation:
        reserved: list[ReservedLine] = []
        for line in request.lines:
            self._status = f"reserving {line.sku}"
            reserved.append(
                await workflow.execute_activity(
                    reserve,
                    ReserveRequest(order_id=request.order_id, line=line),
                    start_to_close_timeout=TIMEOUT,
                    retry_policy=RETRY,
                )
            )
        self._status = "reserved"
        return Reservation(lines=reserved)

    @workflow.query
    def status(self) -> str:
        return self._status


@workflow.defn
class ShippingWorkflow:
    def __init__(self) -> None:
        self._status = "pending"

    @workflow.run
    async def run(self, request: ShippingRequest) -> Shipment:
        self._status = "buying a label"
        label: Label = await workflow.execute_activity(
            buy_label, request, start_to_close_timeout=TIMEOUT, retry_policy=RETRY
        )
        self._status = "dispatching"
        shipment: Shipment = await workflow.execute_activity(
            dispatch, label, start_to_close_timeout=TIMEOUT, retry_policy=RETRY
        )
        self._status = "dispatched"
        return shipment

    @workflow.query
    def status(self) -> str:
        return self._status


@workflow.defn
class NotificationWorkflow:
    def __init__(self) -> None:
        self._status = "pending"

    @workflow.run
    async def run(self, request: NotificationRequest) -> Notice:
        self._status = "notifying"
        notice: Notice = await workflow.execute_activity(
            notify, request, start_to_close_timeout=TIMEOUT, retry_policy=RETRY
        )
        self._status = "notified"
        return notice

    @workflow.query
    def status(self) -> str:
        return self._status


@workflow.defn
class OrderWorkflow:
    def __init__(self) -> None:
        self._status = "pending"

    @workflow.run
    async def run(self, order: Order) -> OrderResult:
        payment: Payment | None = None
        reservation: Reservation | None = None
        try:
            self._status = "payment"
            payment = await workflow.execute_child_workflow(
                PaymentWorkflow.run,
                ChargeRequest(
                    order_id=order.order_id,
                    amount=order.total,
                    currency=order.currency,
                    payment_method=order.payment_method,
                ),
                id=f"payment-{order.order_id}",
            )
            self._status = "inventory"
            reservation = await workflow.execute_child_workflow(
                InventoryWorkflow.run,
                InventoryRequest(order_id=order.order_id, lines=order.lines),
                id=f"inventory-{order.order_id}",
            )
            self._status = "shipping"
            shipment = await workflow.execute_child_workflow(
                ShippingWorkflow.run,
                ShippingRequest(order_id=order.order_id, address=order.shipping_address, lines=order.lines),
                id=f"shipping-{order.order_id}",
            )
        except ChildWorkflowError:
            self._status = "compensating"
            await self._compensate(payment, reservation)
            self._status = "failed"
            raise
        await self._notify(order, shipment)
        self._status = "fulfilled"
        return OrderResult(
            order_id=order.order_id, payment=payment, reservation=reservation, shipment=shipment
        )

    async def _compensate(self, payment: Payment | None, reservation: Reservation | None) -> None:
        try:
            if reservation is not None:
                await workflow.execute_activity(
                    release, reservation, start_to_close_timeout=TIMEOUT, retry_policy=RETRY
                )
            if payment is not None:
                await workflow.execute_activity(
                    refund, payment, start_to_close_timeout=TIMEOUT, retry_policy=RETRY
                )
        except ActivityError as failure:
            workflow.logger.error("compensation failed: %s", failure)

    async def _notify(self, order: Order, shipment: Shipment) -> None:
        self._status = "notification"
        try:
            await workflow.execute_child_workflow(
                NotificationWorkflow.run,
                NotificationRequest(
                    order_id=order.order_id,
                    customer=order.customer,
                    tracking_number=shipment.tracking_number,
                ),
                id=f"notification-{order.order_id}",
            )
        except ChildWorkflowError as failure:
            workflow.logger.warning("the customer was not notified: %s", failure)

    @workflow.query
    def status(self) -> str:
        return self._status
