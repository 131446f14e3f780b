"""Orders that are paid already: their payment is confirmed instead of charged, and given back by its
reference. And how any payment is given back."""

from collections.abc import Awaitable, Callable, Iterable

from activities.held_money import give_back_or_void
from order_system.domain.book import OrderBook
from order_system.domain.errors import PaymentNotConfirmed, RefundByHand
from order_system.domain.gateways import NotCaptured, PaymentElsewhere, PaymentGateway
from order_system.domain.ids import split_key
from order_system.domain.journal import payment_in
from order_system.domain.money import format_amount
from order_system.domain.order import CapturedElsewhere, PaymentReceipt, RefundReceipt, SubmissionRef
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.steps import Effect


class PaidOrders:
    """`gateway` may offer what `domain.gateways.PaymentsElsewhere` says, or only a part of it. `runs` tells
    whom to give money back to by hand."""

    def __init__(self, book: OrderBook, gateway: PaymentGateway, runs: OrderRuns | None) -> None:
        self._book = book
        self._gateway = gateway
        self._runs = runs

    async def confirm(self, key: str, *, reference: str, amount: int, currency: str) -> PaymentReceipt:
        """Instead of a charge. A payment may be larger than its order, a part of which the shop has shipped:
        `amount` is what the order takes of it, and all that it gives back. Each order is asked about alone:
        whether several take more than the payment is, the audit tells. Raises PaymentNotConfirmed."""
        find: Callable[..., Awaitable[PaymentElsewhere | None]] | None
        find = getattr(self._gateway, "find_payment", None)
        found = await find(key, reference=reference, amount=amount, currency=currency) if find else None
        sure = CapturedElsewhere.CONFIRMED if found else CapturedElsewhere.AT_ITS_WORD
        if found and found.refunded:
            back = format_amount(found.refunded, found.currency)
            raise PaymentNotConfirmed(f"of the payment {reference}, {back} have been given back")
        if found and (found.currency != currency or found.amount < amount):
            paid, owed = format_amount(found.amount, found.currency), format_amount(amount, currency)
            raise PaymentNotConfirmed(f"the payment {reference} is of {paid}, and the order comes to {owed}")
        return PaymentReceipt(charge_id=reference, amount=amount, currency=currency, captured_elsewhere=sure)

    async def refuse_if_given_back(
        self, ref: SubmissionRef, reference: str | None, earlier: Iterable[str]
    ) -> None:
        """An earlier submission of the order was paid by it, too, and was undone. Not every gateway can tell.
        None: the order is to be charged. Raises PaymentNotConfirmed."""
        for submission in earlier if reference else ():
            receipt = payment_in(await self._book.journal(_ref(ref.order_id, submission)))
            if receipt and receipt.captured_elsewhere and receipt.charge_id == reference:
                raise PaymentNotConfirmed(
                    f"the payment {reference} was that of submission {submission}, which was undone, and so "
                    "its money is given back: the order needs another payment"
                )

    async def give_back(self, key: str) -> RefundReceipt | NotCaptured | None:
        """As `PaymentGateway.refund`, whoever captured it; what is held is voided. Raises RefundByHand."""
        order_id, submission, _ = split_key(key)
        journal = await self._book.journal(_ref(order_id, submission))
        if Effect.CAPTURE in journal:
            return await give_back_or_void(self._gateway, key, journal)
        receipt = payment_in(journal)
        if receipt is None or not receipt.captured_elsewhere:
            return await self._gateway.refund(key, receipt=receipt)
        looks_up = hasattr(self._gateway, "find_payment")
        refunded = await self._gateway.refund(key, receipt=receipt) if looks_up else None
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

    async def _customer(self, order_id: str, submission: str) -> str:
        """In quotes after a colon, as `infra/redaction.py` finds what logs must not tell."""
        order = await self._runs.order_of(_ref(order_id, submission)) if self._runs else None
        if order is None:
            return "whose it was, Temporal has forgotten"
        name = order.customer.name.replace('"', "'")
        return f'customer: "{name}", e-mail: "{order.customer.email}"'


def _ref(order_id: str, submission: str) -> SubmissionRef:
    return SubmissionRef(order_id=order_id, submission=submission, fingerprint="")
