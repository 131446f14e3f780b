"""Tells the customer, at most once for each submission."""

from dataclasses import dataclass
from functools import partial

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.attempts import GAVE_UP, Effects
from order_system.domain.errors import NoticeRefused
from order_system.domain.gateways import Mailer, NoticeDetails
from order_system.domain.journal import Journal, payment_in, was_voided
from order_system.domain.messages import NotificationRequest
from order_system.domain.order import DispatchReceipt, NoticeReceipt, Reservation
from order_system.domain.steps import Effect


@dataclass(frozen=True)
class NotificationActivities(Effects):
    mailer: Mailer

    @activity.defn
    async def notify(self, request: NotificationRequest) -> NoticeReceipt:
        """Send a confirmation or a cancellation notice. One key serves both, so an order never gets two.

        Raises NoticeRefused, never to be retried."""
        send = self.mailer.send
        if detailed := getattr(self.mailer, "send_details", None):
            send = partial(detailed, details=_details(await self.book.journal(request.submission)))
        call = partial(send, kind=request.kind, customer=request.customer)
        try:
            return await self.carry_out(request, Effect.NOTIFY, NoticeReceipt, call)
        except (NoticeRefused, ApplicationError) as ended:
            if isinstance(ended, NoticeRefused) or ended.type == GAVE_UP:
                await self.book.notice_not_sent(request.submission)
            raise


def _details(journal: Journal) -> NoticeDetails:
    reserved, parcel = (
        entry.receipt if (entry := journal.get(effect)) else None
        for effect in (Effect.RESERVE, Effect.DISPATCH)
    )
    return NoticeDetails(
        payment=payment_in(journal),
        lines=Reservation.model_validate(reserved).lines if reserved else (),
        parcel=DispatchReceipt.model_validate(parcel) if parcel else None,
        voided=was_voided(journal),
    )
