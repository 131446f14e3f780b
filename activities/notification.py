"""Telling the customer, at most once a submission."""

from functools import partial

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.attempts import GAVE_UP, carry_out
from order_system.domain import policy
from order_system.domain.book import OrderBook
from order_system.domain.errors import NoticeRefused
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
        try:
            return await carry_out(
                self._book, request.submission, Effect.NOTIFY, NoticeReceipt, call, patience=self._patience
            )
        except (NoticeRefused, ApplicationError) as ended:
            if isinstance(ended, NoticeRefused) or ended.type == GAVE_UP:
                await self._book.notice_not_sent(request.submission)
            raise
