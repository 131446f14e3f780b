"""Charging a customer once, and giving it all back."""

from functools import partial

from temporalio import activity

from activities.attempts import call_and_record, patiently, undo
from order_system.domain import policy
from order_system.domain.book import JournalEntry, Opening, OrderBook
from order_system.domain.gateways import PaymentGateway
from order_system.domain.messages import Charged, PaymentAnswer, PaymentRequest, UndoAnswer, UndoRequest
from order_system.domain.order import PaymentReceipt
from order_system.domain.steps import Effect, Step


class PaymentActivities:
    def __init__(
        self, book: OrderBook, gateway: PaymentGateway, *, patience: int = policy.PATIENCE[Step.PAYMENT]
    ) -> None:
        self._book = book
        self._gateway = gateway
        self._patience = patience

    @activity.defn
    async def charge(self, request: PaymentRequest) -> PaymentAnswer:
        """Open the submission in the book and capture its total. Idempotent by the submission's key.

        Raises PaymentDeclined, Fenced, OrderConflict or OpenElsewhere, never to be retried.
        """
        ref = request.submission
        opening = Opening(total=request.amount, currency=request.currency)
        call = partial(
            self._gateway.charge,
            amount=request.amount,
            currency=request.currency,
            payment_method=request.payment_method,
        )
        with patiently(self._patience) as attempt:
            claimed = await self._book.open_and_claim_charge(ref, attempt, opening)
            if not isinstance(claimed, JournalEntry):
                return claimed
            receipt = await call_and_record(
                self._book, ref, claimed, PaymentReceipt, call, attempt=attempt, patience=self._patience
            )
        return Charged(receipt=receipt)

    @activity.defn
    async def refund(self, request: UndoRequest) -> UndoAnswer:
        """Undo of `charge`: fence its key and give back whatever was captured under it. Idempotent."""
        return await undo(self._book, request, Effect.CHARGE, self._gateway.refund)
