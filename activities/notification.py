"""Telling the customer, at most once a submission."""

from functools import partial

from temporalio import activity

from activities.attempts import carry_out
from order_system.domain import policy
from order_system.domain.book import OrderBook
from order_system.domain.gateways import Mailer
from order_system.domain.messages import NotificationRequest
from order_system.domain.order import NoticeReceipt
from order_system.domain.steps import Effect, Step


class NotificationActivities:
    def __init__(
        self, book: OrderBook, mailer: Mailer, *, patience: int = policy.PATIENCE[Step.NOTIFICATION]
    ) -> None:
        self._book = book
        self._mailer = mailer
        self._patience = patience

    @activity.defn
    async def notify(self, request: NotificationRequest) -> NoticeReceipt:
        """Send a confirmation or a cancellation notice. One key serves both, so an order never gets two.

        Raises NoticeRefused, never to be retried.
        """
        call = partial(self._mailer.send, kind=request.kind, customer=request.customer)
        return await carry_out(
            self._book, request.submission, Effect.NOTIFY, NoticeReceipt, call, patience=self._patience
        )
