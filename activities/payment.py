"""Charges a customer once, unless the order is paid already, and gives all or a part of it back."""

from dataclasses import dataclass, field
from functools import partial

from temporalio import activity

from activities.attempts import Effects, this_attempt
from activities.money import Money
from activities.undos import retried_always, undo
from order_system.domain import messages
from order_system.domain.book import JournalEntry
from order_system.domain.errors import BusinessError, PaymentNotConfirmed, RefundRefused
from order_system.domain.gateways import PaymentGateway
from order_system.domain.order import CapturedElsewhere, PaymentReceipt, RefundReceipt
from order_system.domain.payment_methods import reference_of
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.refunds import Refund, RefundRequest, RefundState
from order_system.domain.steps import Effect


@dataclass(frozen=True)
class PaymentActivities(Effects):
    gateway: PaymentGateway
    runs: OrderRuns | None = field(default=None, kw_only=True)

    @property
    def _money(self) -> Money:
        return Money(self.book, self.gateway, self.runs)

    @activity.defn
    async def charge(self, request: messages.PaymentRequest) -> messages.PaymentAnswer:
        """Open the submission in the book, if no other step has, and capture its total, or only hold it. An
        order that is paid already is confirmed, never charged. Idempotent by the submission's key.

        Raises PaymentDeclined, PaymentNotConfirmed, CannotHold, Fenced, OrderConflict, OpenElsewhere."""
        ref, reference = request.submission, _made_elsewhere(request.payment_method)
        opening = messages.Opening(
            total=request.amount,
            currency=request.currency,
            captured_on_dispatch=request.captured_on_dispatch,
            email=request.email,
        )
        with self.patiently(request) as attempt:
            check = partial(self._money.refuse_if_given_back, ref, reference)
            claimed = await self.open_and_claim(ref, Effect.CHARGE, attempt, opening, check_earlier=check)
            if not isinstance(claimed, JournalEntry):
                return claimed
            call = partial(self._money.take, request, reference)
            receipt = await self.call_and_record(ref, claimed, PaymentReceipt, call, attempt)
        return messages.Charged(receipt=receipt)

    @activity.defn
    async def capture(self, request: messages.StepRequest) -> PaymentReceipt:
        """Capture what `charge` only holds. Idempotent by its own key. Raises PaymentDeclined or Fenced."""
        call = partial(self._money.capture, request.submission)
        return await self.carry_out(request, Effect.CAPTURE, PaymentReceipt, call)

    @activity.defn
    async def refund(self, request: messages.UndoRequest) -> messages.UndoAnswer:
        """Undo `charge` and `capture`: fence their keys, give back captured money, also if it was captured
        elsewhere, and void held money. Idempotent. Raises RefundByHand until a person has answered."""
        return await undo(self.book, request, Effect.CHARGE, self._money.give_back)

    @activity.defn
    async def refund_part(self, request: RefundRequest) -> Refund:
        """Note the refund in the book, make it at the gateway unless a person has, and note how it ended. A
        refusal is an end, too. Idempotent. Raises RefundByHand until a person has answered."""
        ref, asked, attempt = request.submission, request.refund, this_attempt()
        refund = await self.book.ask_refund(ref, asked)
        if refund.state is not RefundState.UNDER_WAY:
            return refund
        state, detail = asked.state, asked.detail
        if state is RefundState.UNDER_WAY:
            try:
                receipt = await retried_always(lambda: self._give_back(request, refund.amount), attempt)
                state, detail = RefundState.REFUNDED, receipt.refund_id
            except BusinessError as no:
                state, detail = RefundState.REFUSED, str(no)
        return await self.book.end_refund(ref, refund.ended(state, detail, attempt.now()))

    async def _give_back(self, request: RefundRequest, amount: int) -> RefundReceipt:
        """Refund a part if the gateway offers `domain.gateways.RefundsParts`, else all by its `refund`."""
        ref, charge_key = request.submission, request.submission.key(Effect.CHARGE)
        if (outcome := await self.book.outcome(ref.order_id)) is None:
            raise RefundRefused(f"{ref.order_id} is not fulfilled")
        paid, in_parts = outcome.payment, getattr(self.gateway, "refund_part", None)
        if in_parts and paid.captured_elsewhere is not CapturedElsewhere.AT_ITS_WORD:
            return await in_parts(request.key, charge_key=charge_key, receipt=paid, amount=amount)
        if amount == paid.amount:
            whole = await self._money.give_back(charge_key)
            if isinstance(whole, RefundReceipt):
                return whole
        raise await self._money.by_hand(ref.order_id, ref.submission, paid, amount)


def _made_elsewhere(payment_method: str) -> str | None:
    try:
        return reference_of(payment_method)
    except ValueError as flaw:  # it did not pass `intake/`
        raise PaymentNotConfirmed(f"payment_method {flaw}") from None
