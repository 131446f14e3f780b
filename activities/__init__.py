"""The activities, which touch the outside world: thin classes that are given ports, one for each step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from activities.answers import AnswerActivities
from activities.attempts import Reverse
from activities.batch import BatchActivities
from activities.inventory import InventoryActivities
from activities.notification import NotificationActivities
from activities.payment import PaymentActivities
from activities.reconciliation import ReconciliationActivities
from activities.shipping import ShippingActivities
from order_system.domain import policy
from order_system.domain.batch import BatchBook
from order_system.domain.book import OrderBook
from order_system.domain.gateways import Carrier, Mailer, PaymentGateway, Warehouse
from order_system.domain.order_file import RowSource
from order_system.domain.reconciliation import OrderRuns, ReconciliationBook
from order_system.domain.steps import Effect, Step


class Book(OrderBook, ReconciliationBook, Protocol):
    """What orders and the reconciler need of the order book."""


class World(Protocol):
    """Your gateways to the outside world."""

    @property
    def payments(self) -> PaymentGateway: ...
    @property
    def warehouse(self) -> Warehouse: ...
    @property
    def carrier(self) -> Carrier: ...
    @property
    def mailer(self) -> Mailer: ...


def order_activities(
    book: Book, world: World, runs: OrderRuns, *, patience: Mapping[Step, int] = policy.PATIENCE
) -> Sequence[Callable[..., Any]]:
    """Return every activity of an order and of the reconciler, for a Worker. `world` holds your gateways.
    `patience` says how many attempts may reach the gateway of each step before the step has failed. `runs`
    knows which submissions no workflow works on, and to whom a person must give money back."""
    payment = PaymentActivities(book, world.payments, runs=runs, patience=patience[Step.PAYMENT])
    inventory = InventoryActivities(book, world.warehouse, patience=patience[Step.INVENTORY])
    shipping = ShippingActivities(book, world.carrier, world.warehouse, patience=patience[Step.SHIPPING])
    notification = NotificationActivities(book, world.mailer, patience=patience[Step.NOTIFICATION])
    answers = AnswerActivities(book, world.warehouse)
    reconciliation = ReconciliationActivities(
        book,
        runs,
        shipping=shipping,
        answers=answers,
        # With the default patience: the reconciler makes one attempt a run, which is never the last one.
        notification=NotificationActivities(book, world.mailer, late=True),
        reversals=reversals(payment, world.warehouse),
    )
    return [
        payment.charge,
        payment.capture,
        payment.refund,
        payment.refund_part,
        inventory.reserve,
        inventory.release,
        shipping.buy_label,
        shipping.dispatch,
        shipping.void_shipment,
        notification.notify,
        answers.note_answer,
        answers.end_undo_by_hand,
        reconciliation.look_over,
        reconciliation.void_abandoned,
        reconciliation.handle_abandoned,
        reconciliation.ask_again,
        reconciliation.send_owed,
    ]


def batch_activities(book: BatchBook, rows: RowSource, runs: OrderRuns) -> Sequence[Callable[..., Any]]:
    """Return every activity of a batch. `rows` reads your files; `runs` knows the orders on the server."""
    batch = BatchActivities(book, rows, runs)
    return [batch.open_batch, batch.read_page, batch.decide_refused, batch.look_up]


def reversals(payment: PaymentActivities, warehouse: Warehouse) -> dict[Effect, Reverse]:
    """Return what gives late effects back for the reconciler, one for each undo that waits for the pivot."""
    return {Effect.CHARGE: payment.give_back, Effect.RESERVE: warehouse.release}
