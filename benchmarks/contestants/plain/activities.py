"""The outside world, which here does nothing and never fails."""

import uuid

from temporalio import activity

from benchmarks.contestants.plain.models import (
    ChargeRequest,
    Label,
    Notice,
    NotificationRequest,
    Payment,
    Reservation,
    ReservedLine,
    ReserveRequest,
    Shipment,
    ShippingRequest,
)


@activity.defn
async def charge(request: ChargeRequest) -> Payment:
    activity.logger.info("charging %s", request.order_id)
    return Payment(payment_id=f"pay_{uuid.uuid4().hex}", amount=request.amount)


@activity.defn
async def refund(payment: Payment) -> None:
    activity.logger.info("refunding %s", payment.payment_id)


@activity.defn
async def reserve(request: ReserveRequest) -> ReservedLine:
    activity.logger.info("reserving %s for %s", request.line.sku, request.order_id)
    return ReservedLine(
        reservation_id=f"res_{uuid.uuid4().hex}", sku=request.line.sku, quantity=request.line.quantity
    )


@activity.defn
async def release(reservation: Reservation) -> None:
    activity.logger.info("releasing %d lines", len(reservation.lines))


@activity.defn
async def buy_label(request: ShippingRequest) -> Label:
    activity.logger.info("buying a label for %s", request.order_id)
    return Label(label_id=f"lbl_{uuid.uuid4().hex}", tracking_number=f"TRK{uuid.uuid4().hex[:12].upper()}")


@activity.defn
async def dispatch(label: Label) -> Shipment:
    activity.logger.info("dispatching %s", label.label_id)
    return Shipment(tracking_number=label.tracking_number)


@activity.defn
async def notify(request: NotificationRequest) -> Notice:
    activity.logger.info("notifying the customer of %s", request.order_id)
    return Notice(message_id=f"msg_{uuid.uuid4().hex}")
