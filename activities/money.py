"""An order's money at the gateway. It is charged at once; or held first, and captured when the parcel goes;
or it was paid elsewhere, before the order came to us."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

from order_system.domain.book import EffectState, OrderBook
from order_system.domain.errors import CannotHold, PaymentNotConfirmed, RefundByHand, StillInDoubt
from order_system.domain.gateways import CapturesLater, NotCaptured, PaymentElsewhere, PaymentGateway
from order_system.domain.ids import Key, split_key
from order_system.domain.journal import Journal, payment_in
from order_system.domain.messages import PaymentRequest
from order_system.domain.money import format_amount
from order_system.domain.order import CapturedElsewhere, PaymentReceipt, RefundReceipt, SubmissionRef
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.steps import Effect


class _Price(TypedDict):
    amount: int
    """Minor units."""
    currency: str


@dataclass(frozen=True)
class Money:
    """Takes money and gives it back."""

    book: OrderBook
    gateway: PaymentGateway
    runs: OrderRuns | None
    """Knows the customer to whom a person must give money back."""

    @property
    def _offers(self) -> Any:
        """The gateway, for `CapturesLater`, `TakesOver` and `PaymentsElsewhere`, as far as it offers them."""
        return self.gateway

    async def take(self, request: PaymentRequest, reference: str | None, key: Key) -> PaymentReceipt:
        """Charge the amount, or only hold it. With the `reference` of a payment made elsewhere, confirm that
        payment or take it over. Raises what the gateway raises, PaymentNotConfirmed and CannotHold."""
        price, by = _Price(amount=request.amount, currency=request.currency), request.payment_method
        if not request.captured_on_dispatch:
            if reference is None:
                return await self.gateway.charge(key, payment_method=by, **price)
            return await self._confirm(key, reference, **price)
        if reference is None:
            held = await self._holding().authorise(key, payment_method=by, **price)
        elif hasattr(self._offers, "take_over"):
            held = await self._offers.take_over(key, reference=reference, **price)
        else:
            raise CannotHold("this payment gateway cannot take over what others have authorised")
        return held.model_copy(update={"held": True})

    async def capture(self, ref: SubmissionRef, key: Key) -> PaymentReceipt:
        """Capture all the money that is held. Raises what the gateway raises."""
        charge = (await self.book.journal(ref))[Effect.CHARGE]
        receipt = PaymentReceipt.model_validate(charge.receipt)
        taken = await self._holding().capture(key, charge_key=ref.key(Effect.CHARGE), receipt=receipt)
        return taken.model_copy(update={"held": False})

    async def give_back(self, charge_key: str) -> RefundReceipt | NotCaptured | None:
        """Refund as `PaymentGateway.refund` does, but void money that is only held. Raises RefundByHand."""
        order_id, submission, _ = split_key(charge_key)
        journal = await self.book.journal(_ref(order_id, submission))
        if Effect.CAPTURE in journal:
            return await self._void_or_refund(charge_key, journal)
        receipt = payment_in(journal)
        if receipt is None or not receipt.captured_elsewhere:
            return await self.gateway.refund(charge_key, receipt=receipt)
        looks_up = hasattr(self._offers, "find_payment")
        refunded = await self.gateway.refund(charge_key, receipt=receipt) if looks_up else None
        if refunded is None:
            raise await self.by_hand(order_id, submission, receipt, receipt.amount)
        return refunded

    async def by_hand(
        self, order_id: str, submission: str, receipt: PaymentReceipt, amount: int
    ) -> RefundByHand:
        return RefundByHand(
            f"give back {format_amount(amount, receipt.currency)} by hand, paid as "
            f"{receipt.charge_id}; {await self._customer(order_id, submission)}"
        )

    async def refuse_if_given_back(
        self, ref: SubmissionRef, reference: str | None, earlier: Iterable[str]
    ) -> None:
        """Refuse a payment that also paid an earlier submission, which was undone: some gateways cannot tell.
        `reference` is None if the order is to be charged. Raises PaymentNotConfirmed."""
        for submission in earlier if reference else ():
            receipt = payment_in(await self.book.journal(_ref(ref.order_id, submission)))
            if receipt and receipt.captured_elsewhere and receipt.charge_id == reference:
                raise PaymentNotConfirmed(
                    f"the payment {reference} was that of submission {submission}, which was undone, and so "
                    "its money is given back: the order needs another payment"
                )

    async def _confirm(self, key: Key, reference: str, *, amount: int, currency: str) -> PaymentReceipt:
        """Confirm a payment instead of charging. It may be larger than the order, if the shop has shipped a
        part: `amount` is what the order takes of the payment, and all that it gives back. Each order is
        checked alone; the audit finds several that together take more than the payment."""
        find: Callable[..., Awaitable[PaymentElsewhere | None]] | None
        find = getattr(self._offers, "find_payment", None)
        found = await find(key, reference=reference, amount=amount, currency=currency) if find else None
        sure = CapturedElsewhere.CONFIRMED if found else CapturedElsewhere.AT_ITS_WORD
        if found and found.refunded:
            back = format_amount(found.refunded, found.currency)
            raise PaymentNotConfirmed(f"of the payment {reference}, {back} have been given back")
        if found and (found.currency != currency or found.amount < amount):
            paid, owed = format_amount(found.amount, found.currency), format_amount(amount, currency)
            raise PaymentNotConfirmed(f"the payment {reference} is of {paid}, and the order comes to {owed}")
        return PaymentReceipt(charge_id=reference, amount=amount, currency=currency, captured_elsewhere=sure)

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

    def _holding(self) -> CapturesLater:
        if hasattr(self._offers, "void"):
            return self._offers
        raise CannotHold("this payment gateway cannot hold money until the parcel goes: capture it at once")

    async def _customer(self, order_id: str, submission: str) -> str:
        """Name the customer, in quotes after a colon: `infra/redaction.py` keeps those out of the logs."""
        order = await self.runs.order_of(_ref(order_id, submission)) if self.runs else None
        if order is None:
            return "whose it was, Temporal has forgotten, or its key is not here"
        name = order.customer.name.replace('"', "'")
        return f'customer: "{name}", e-mail: "{order.customer.email}"'


def _ref(order_id: str, submission: str) -> SubmissionRef:
    return SubmissionRef(order_id=order_id, submission=submission, fingerprint="")
