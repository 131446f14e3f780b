"""An order's money at the gateway. It is charged once; or held first, and captured when the parcel goes; or
it was paid elsewhere, before the order came to us. All or a part of it is given back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from temporalio import activity

from activities.attempts import Effects, retried_always, this_attempt, undo
from order_system.domain import messages
from order_system.domain.book import EffectState
from order_system.domain.errors import (
    BusinessError,
    CannotHold,
    PaymentNotConfirmed,
    RefundByHand,
    RefundRefused,
    StillInDoubt,
)
from order_system.domain.gateways import CapturesLater, NotCaptured, PaymentElsewhere, PaymentGateway
from order_system.domain.ids import Key, split_key
from order_system.domain.journal import Journal, payment_in
from order_system.domain.money import format_amount
from order_system.domain.order import CapturedElsewhere, PaymentReceipt, RefundReceipt, SubmissionRef
from order_system.domain.payment_methods import Elsewhere, made_elsewhere, reference_of
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.refunds import Refund, RefundRequest, RefundState
from order_system.domain.steps import Effect


@dataclass(frozen=True)
class PaymentActivities(Effects):
    gateway: PaymentGateway
    runs: OrderRuns | None = field(default=None, kw_only=True)
    """Knows the customer to whom a person must give money back."""

    @activity.defn
    async def charge(self, request: messages.PaymentRequest) -> messages.PaymentAnswer:
        """Open the submission in the book, if no other step has, and capture its total, or only hold it. An
        order that is paid already is confirmed, never charged. Idempotent by the submission's key.

        Raises PaymentDeclined, PaymentNotConfirmed, CannotHold, Fenced, OrderConflict, OpenElsewhere."""
        reference = _made_elsewhere(request.payment_method)
        only_held = made_elsewhere(request.payment_method) is Elsewhere.AUTHORISED
        if only_held and not request.captured_on_dispatch:
            raise PaymentNotConfirmed("an older worker began it: submit it again when none is left")
        answer = await self.open_and_carry_out(
            request,
            Effect.CHARGE,
            PaymentReceipt,
            partial(self._take, request, reference),
            request.opening,
            check_earlier=partial(self._refuse_if_given_back, request.submission, reference),
        )
        return messages.Charged(receipt=answer) if isinstance(answer, PaymentReceipt) else answer

    @activity.defn
    async def capture(self, request: messages.StepRequest) -> PaymentReceipt:
        """Capture what `charge` only holds. Idempotent by its own key. Raises PaymentDeclined or Fenced."""
        call = partial(self._take_held, request.submission)
        return await self.carry_out(request, Effect.CAPTURE, PaymentReceipt, call)

    @activity.defn
    async def refund(self, request: messages.UndoRequest) -> messages.UndoAnswer:
        """Undo `charge` and `capture`: fence their keys, give back captured money, also if it was captured
        elsewhere, and void held money. Idempotent. Raises RefundByHand until a person has answered."""
        return await undo(self.book, request, Effect.CHARGE, self.give_back)

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
                receipt = await retried_always(lambda: self._give_back_part(request, refund.amount), attempt)
                state, detail = RefundState.REFUNDED, receipt.refund_id
            except BusinessError as no:
                state, detail = RefundState.REFUSED, str(no)
        return await self.book.end_refund(ref, refund.ended(state, detail, attempt.now()))

    # --- taking money ----------------------------------------------------------------------------

    async def _take(
        self, request: messages.PaymentRequest, reference: str | None, key: Key
    ) -> PaymentReceipt:
        """Charge the amount, or only hold it. With the `reference` of a payment made elsewhere, confirm that
        payment or take it over. Raises what the gateway raises, PaymentNotConfirmed and CannotHold."""
        amount, currency, by = request.amount, request.currency, request.payment_method
        if not request.captured_on_dispatch:
            if reference is None:
                return await self.gateway.charge(key, amount=amount, currency=currency, payment_method=by)
            return await self._confirm(key, reference, amount, currency)
        if reference is None:
            held = await self._holding().authorise(key, amount=amount, currency=currency, payment_method=by)
        elif take_over := getattr(self.gateway, "take_over", None):
            held = await take_over(key, reference=reference, amount=amount, currency=currency)
        else:
            raise CannotHold("this payment gateway cannot take over what others have authorised")
        return held.model_copy(update={"held": True})

    async def _confirm(self, key: Key, reference: str, amount: int, currency: str) -> PaymentReceipt:
        """Confirm a payment instead of charging. It may be larger than the order, if the shop has shipped a
        part: `amount` is what the order takes of the payment, and all that it gives back. Each order is
        checked alone; the audit finds several that together take more than the payment."""
        find: Callable[..., Awaitable[PaymentElsewhere | None]] | None
        find = getattr(self.gateway, "find_payment", None)
        found = await find(key, reference=reference, amount=amount, currency=currency) if find else None
        sure = CapturedElsewhere.CONFIRMED if found else CapturedElsewhere.AT_ITS_WORD
        if found and found.refunded:
            back = format_amount(found.refunded, found.currency)
            raise PaymentNotConfirmed(f"of the payment {reference}, {back} have been given back")
        if found and (found.currency != currency or found.amount < amount):
            paid, owed = format_amount(found.amount, found.currency), format_amount(amount, currency)
            raise PaymentNotConfirmed(f"the payment {reference} is of {paid}, and the order comes to {owed}")
        return PaymentReceipt(charge_id=reference, amount=amount, currency=currency, captured_elsewhere=sure)

    async def _take_held(self, ref: SubmissionRef, key: Key) -> PaymentReceipt:
        """Capture all the money that is held. Raises what the gateway raises."""
        charge = (await self.book.journal(ref))[Effect.CHARGE]
        receipt = PaymentReceipt.model_validate(charge.receipt)
        taken = await self._holding().capture(key, charge_key=ref.key(Effect.CHARGE), receipt=receipt)
        return taken.model_copy(update={"held": False})

    async def _refuse_if_given_back(
        self, ref: SubmissionRef, reference: str | None, earlier: frozenset[str]
    ) -> None:
        """Refuse a payment that also paid an earlier submission, which was undone: some gateways cannot tell.
        `reference` is None if the order is to be charged. Raises PaymentNotConfirmed."""
        for submission in earlier if reference else ():
            receipt = payment_in(
                await self.book.journal(SubmissionRef(order_id=ref.order_id, submission=submission))
            )
            if receipt and receipt.captured_elsewhere and receipt.charge_id == reference:
                raise PaymentNotConfirmed(
                    f"the payment {reference} was that of submission {submission}, which was undone, and so "
                    "its money is given back: the order needs another payment"
                )

    def _holding(self) -> CapturesLater:
        gateway: Any = self.gateway
        if hasattr(gateway, "void"):
            return gateway
        raise CannotHold("this payment gateway cannot hold money until the parcel goes: capture it at once")

    # --- giving money back -----------------------------------------------------------------------

    async def give_back(self, charge_key: str) -> RefundReceipt | NotCaptured | None:
        """Refund as `PaymentGateway.refund` does, but void money that is only held. Raises RefundByHand."""
        order_id, submission, _ = split_key(charge_key)
        ref = SubmissionRef(order_id=order_id, submission=submission)
        journal = await self.book.journal(ref)
        if Effect.CAPTURE in journal:
            return await self._void_or_refund(charge_key, journal)
        receipt = payment_in(journal)
        if receipt is None or not receipt.captured_elsewhere:
            return await self.gateway.refund(charge_key, receipt=receipt)
        looks_up = hasattr(self.gateway, "find_payment")
        refunded = await self.gateway.refund(charge_key, receipt=receipt) if looks_up else None
        if refunded is None:
            raise await self._by_hand(ref, receipt, receipt.amount)
        return refunded

    async def _void_or_refund(self, charge_key: str, journal: Journal) -> RefundReceipt | NotCaptured | None:
        """Void held money, or refund captured money. None: there is nothing (yet). Raises StillInDoubt."""
        charge, capture = journal[Effect.CHARGE], journal[Effect.CAPTURE]
        key, receipt = Key(charge_key, charge.round), payment_in({Effect.CHARGE: charge})
        answer = await self._holding().void(key, receipt=receipt)
        if isinstance(answer, PaymentReceipt):
            return await self.gateway.refund(charge_key, receipt=answer)
        if capture.state is EffectState.DONE:
            raise StillInDoubt(
                "the book has the receipt of a capture, and the gateway says that there was none"
            )
        return answer if answer.authorised else None

    async def _give_back_part(self, request: RefundRequest, amount: int) -> RefundReceipt:
        """Refund a part if the gateway offers `domain.gateways.RefundsParts`, else all by its `refund`."""
        ref, charge_key = request.submission, request.submission.key(Effect.CHARGE)
        if (outcome := await self.book.outcome(ref.order_id)) is None:
            raise RefundRefused(f"{ref.order_id} is not fulfilled")
        paid, in_parts = outcome.payment, getattr(self.gateway, "refund_part", None)
        if in_parts and paid.captured_elsewhere is not CapturedElsewhere.AT_ITS_WORD:
            return await in_parts(request.key, charge_key=charge_key, receipt=paid, amount=amount)
        if amount == paid.amount:
            whole = await self.give_back(charge_key)
            if isinstance(whole, RefundReceipt):
                return whole
        raise await self._by_hand(ref, paid, amount)

    async def _by_hand(self, ref: SubmissionRef, receipt: PaymentReceipt, amount: int) -> RefundByHand:
        """Name the customer, in quotes after a colon: `infra/redaction.py` keeps those out of the logs."""
        whose = "whose it was, Temporal has forgotten, or its key is not here"
        if order := await self.runs.order_of(ref) if self.runs else None:
            name = order.customer.name.replace('"', "'")
            whose = f'customer: "{name}", e-mail: "{order.customer.email}"'
        money = format_amount(amount, receipt.currency)
        return RefundByHand(f"give back {money} by hand, paid as {receipt.charge_id}; {whose}")


def _made_elsewhere(payment_method: str) -> str | None:
    try:
        return reference_of(payment_method)
    except ValueError as flaw:  # it did not pass `intake/`
        raise PaymentNotConfirmed(f"payment_method {flaw}") from None
