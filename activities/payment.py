"""Charging a customer once, and giving it all back."""

from temporalio import activity

from activities.attempts import carry_out, this_attempt, undo
from order_system.ids import Effect
from order_system.journal import EffectState, JournalEntry, Opening
from order_system.messages import Charged, PaymentAnswer, PaymentRequest, UndoAnswer, UndoRequest, UndoResult
from order_system.models import PaymentReceipt, RefundReceipt
from order_system.money import format_amount
from order_system.ports import OrderBook, PaymentGateway


class PaymentActivities:
    def __init__(self, book: OrderBook, gateway: PaymentGateway) -> None:
        self._book = book
        self._gateway = gateway

    @activity.defn
    async def charge(self, request: PaymentRequest) -> PaymentAnswer:
        """Open the submission in the book and capture its total. Idempotent by the submission's key.

        Raises PaymentDeclined, Fenced, OrderConflict or OpenElsewhere, never to be retried.
        """
        ref, attempt = request.submission, this_attempt()
        opening = Opening(total=request.amount, currency=request.currency)
        claimed = await self._book.open_and_claim_charge(ref, attempt, opening)
        if not isinstance(claimed, JournalEntry):
            return claimed

        async def call(key: str) -> PaymentReceipt:
            return await self._gateway.charge(
                key,
                amount=request.amount,
                currency=request.currency,
                payment_method=request.payment_method,
            )

        return Charged(
            receipt=await carry_out(self._book, ref, claimed, PaymentReceipt, call, attempt=attempt)
        )

    @activity.defn
    async def refund(self, request: UndoRequest) -> UndoAnswer:
        """Undo of `charge`: fence its key and give back whatever was captured under it. Idempotent."""
        detail = "refunded"

        async def reverse(key: str) -> RefundReceipt | None:
            nonlocal detail
            refund = await self._gateway.refund(key)
            if refund is not None:
                detail = f"refunded {format_amount(refund.amount, refund.currency)}"
            return refund

        state = await undo(self._book, request, Effect.CHARGE, reverse)
        if state is EffectState.UNDONE:
            return UndoAnswer(result=UndoResult.UNDONE, detail=detail)
        return UndoAnswer(result=UndoResult.NOTHING_TO_UNDO, detail="nothing was charged")
