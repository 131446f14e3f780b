"""Charging a customer once, unless the order is paid already; and giving it all back."""

from functools import partial

from temporalio import activity

from activities.attempts import Effects, undo
from activities.opening import open_and_claim
from activities.paid_orders import PaidOrders
from order_system.domain import policy
from order_system.domain.book import JournalEntry, OrderBook
from order_system.domain.errors import PaymentNotConfirmed
from order_system.domain.gateways import PaymentGateway
from order_system.domain.messages import (
    Charged,
    Opening,
    PaymentAnswer,
    PaymentRequest,
    UndoAnswer,
    UndoRequest,
)
from order_system.domain.order import PaymentReceipt
from order_system.domain.payment_methods import paid_reference
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.steps import Effect, Step


class PaymentActivities:
    def __init__(
        self,
        book: OrderBook,
        gateway: PaymentGateway,
        *,
        runs: OrderRuns | None = None,
        patience: int = policy.PATIENCE[Step.PAYMENT],
    ) -> None:
        self._book = book
        self._gateway = gateway
        self._paid = PaidOrders(book, gateway, runs)
        self._effects = Effects(book, patience)

    @activity.defn
    async def charge(self, request: PaymentRequest) -> PaymentAnswer:
        """Open the submission in the book, if no other step has, and capture its total; of an order that is
        paid already, confirm that instead, and never charge. Idempotent by the submission's key.

        Raises PaymentDeclined, PaymentNotConfirmed, Fenced, OrderConflict or OpenElsewhere, never to be
        retried.
        """
        ref, price = request.submission, {"amount": request.amount, "currency": request.currency}
        opening = Opening(total=request.amount, currency=request.currency)
        reference = _paid_by(request.payment_method)
        if reference is None:
            call = partial(self._gateway.charge, payment_method=request.payment_method, **price)
        else:
            call = partial(self._paid.confirm, reference=reference, **price)
        with self._effects.patiently() as attempt:
            claimed = await open_and_claim(
                self._book,
                ref,
                Effect.CHARGE,
                attempt,
                opening,
                check_earlier=partial(self._paid.refuse_if_given_back, ref, reference),
            )
            if not isinstance(claimed, JournalEntry):
                return claimed
            receipt = await self._effects.call_and_record(ref, claimed, PaymentReceipt, call, attempt)
        return Charged(receipt=receipt)

    @activity.defn
    async def refund(self, request: UndoRequest) -> UndoAnswer:
        """Undo of `charge`: fence its key and give back whatever was captured under it, or by the
        payment that it stands for. Idempotent. Raises RefundByHand until a person has answered."""
        return await undo(self._book, request, Effect.CHARGE, self._paid.give_back)


def _paid_by(payment_method: str) -> str | None:
    try:
        return paid_reference(payment_method)
    except ValueError as flaw:  # it came past `intake/`
        raise PaymentNotConfirmed(f"payment_method {flaw}") from None
