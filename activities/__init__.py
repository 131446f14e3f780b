"""What touches the outside world: thin classes that are handed ports, one for each step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from activities.answers import AnswerActivities
from activities.attempts import Reverse
from activities.batch import BatchActivities
from activities.inventory import InventoryActivities
from activities.notification import NotificationActivities
from activities.paid_orders import PaidOrders
from activities.payment import PaymentActivities, RefundActivities
from activities.reconciliation import ReconciliationActivities
from activities.shipping import ShippingActivities
from order_system.domain import policy
from order_system.domain.batch import BatchBook
from order_system.domain.book import OrderBook
from order_system.domain.gateways import Carrier, Mailer, PaymentGateway, Warehouse
from order_system.domain.order_page import RowSource
from order_system.domain.reconciliation import OrderRuns, ReconciliationBook
from order_system.domain.steps import Effect, Step


def order_activities(
    book: OrderBook,
    payments: PaymentGateway,
    warehouse: Warehouse,
    carrier: Carrier,
    mailer: Mailer,
    *,
    runs: OrderRuns | None = None,
    patience: Mapping[Step, int] = policy.PATIENCE,
) -> Sequence[Callable[..., Any]]:
    """Every activity of an order, over your gateways: what a Worker is handed. `patience`: of each step, how
    many attempts may reach its gateway before the step has failed. `runs` tells whose money a person is to
    give back."""
    payment = PaymentActivities(book, payments, runs=runs, patience=patience[Step.PAYMENT])
    inventory = InventoryActivities(book, warehouse, patience=patience[Step.INVENTORY])
    shipping = ShippingActivities(book, carrier, warehouse, patience=patience[Step.SHIPPING])
    notification = NotificationActivities(book, mailer, patience=patience[Step.NOTIFICATION])
    answers = AnswerActivities(book, warehouse)
    return [
        payment.charge,
        payment.capture,
        payment.refund,
        RefundActivities(book, payments, runs).refund_part,
        inventory.reserve,
        inventory.release,
        shipping.buy_label,
        shipping.dispatch,
        shipping.void_shipment,
        notification.notify,
        answers.note_answer,
        answers.end_undo_by_hand,
    ]


def batch_activities(book: BatchBook, rows: RowSource, runs: OrderRuns) -> Sequence[Callable[..., Any]]:
    """Every activity of a batch, over the book, wherever your files are, and the server's orders."""
    batch = BatchActivities(book, rows, runs)
    return [batch.open_batch, batch.read_page, batch.decide_refused, batch.look_up]


def reconciliation_activities(
    book: OrderBook,
    pages: ReconciliationBook,
    runs: OrderRuns,
    *,
    payments: PaymentGateway,
    warehouse: Warehouse,
    carrier: Carrier,
    mailer: Mailer,
) -> Sequence[Callable[..., Any]]:
    """What the reconciler needs beside `order_activities`, over the same gateways."""
    shipping = ShippingActivities(book, carrier, warehouse)
    reconciliation = ReconciliationActivities(
        pages,
        runs,
        shipping=shipping,
        answers=AnswerActivities(book, warehouse),
        notification=NotificationActivities(book, mailer),
        reversals=reversals(PaidOrders(book, payments, runs), warehouse),
    )
    return [
        reconciliation.look_over,
        reconciliation.void_abandoned,
        reconciliation.handle_abandoned,
        reconciliation.ask_again,
        reconciliation.send_owed,
    ]


def reversals(payments: PaidOrders, warehouse: Warehouse) -> dict[Effect, Reverse]:
    """How the reconciler gives back what may turn up late: one for each undo that waits for the pivot."""
    return {Effect.CHARGE: payments.give_back, Effect.RESERVE: warehouse.release}
