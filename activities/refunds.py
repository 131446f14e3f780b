"""Giving back a part of a fulfilled order's money, or all of it."""

from temporalio import activity

from activities.attempts import retried_always, this_attempt
from activities.paid_orders import PaidOrders
from order_system.domain.book import OrderBook
from order_system.domain.errors import BusinessError, RefundRefused
from order_system.domain.gateways import PaymentGateway
from order_system.domain.order import CapturedElsewhere, RefundReceipt
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.refunds import Refund, RefundRequest, RefundState
from order_system.domain.steps import Effect


class RefundActivities:
    """`gateway` may offer what `domain.gateways.RefundsParts` says."""

    def __init__(self, book: OrderBook, gateway: PaymentGateway, runs: OrderRuns | None = None) -> None:
        self._book = book
        self._gateway = gateway
        self._paid = PaidOrders(book, gateway, runs)

    @activity.defn
    async def refund_part(self, request: RefundRequest) -> Refund:
        """Note it in the book, give it back at the gateway, note what came of it; or what a person has done.
        Refused is an answer, too. Idempotent. Raises RefundByHand until a person has answered."""
        ref, asked, attempt = request.submission, request.refund, this_attempt()
        refund = await self._book.ask_refund(ref, asked)
        if refund.state is not RefundState.UNDER_WAY:
            return refund
        state, detail = asked.state, asked.detail
        if state is RefundState.UNDER_WAY:
            try:
                receipt = await retried_always(self._give_back(request, refund.amount), attempt)
                state, detail = RefundState.REFUNDED, receipt.refund_id
            except BusinessError as no:
                state, detail = RefundState.REFUSED, str(no)
        return await self._book.end_refund(ref, refund.ended(state, detail, attempt.now()))

    async def _give_back(self, request: RefundRequest, amount: int) -> RefundReceipt:
        """All at once by the gateway's `refund`, where it has nothing else."""
        ref, charge_key = request.submission, request.submission.key(Effect.CHARGE)
        if (outcome := await self._book.outcome(ref.order_id)) is None:
            raise RefundRefused(f"{ref.order_id} is not fulfilled")
        paid, in_parts = outcome.payment, getattr(self._gateway, "refund_part", None)
        if in_parts and paid.captured_elsewhere is not CapturedElsewhere.AT_ITS_WORD:
            return await in_parts(request.key, charge_key=charge_key, receipt=paid, amount=amount)
        if amount == paid.amount:
            whole = await self._paid.give_back(charge_key)
            if isinstance(whole, RefundReceipt):
                return whole
        raise await self._paid.by_hand(ref.order_id, ref.submission, paid, amount)
