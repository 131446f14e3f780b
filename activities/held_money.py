"""Money that is held first and taken when the parcel goes: authorised, captured, or voided."""

from typing import Any

from order_system.domain.book import EffectState, OrderBook
from order_system.domain.errors import CannotHold, StillInDoubt
from order_system.domain.gateways import CapturesLater, NotCaptured, PaymentGateway, TakesOver
from order_system.domain.ids import Key
from order_system.domain.journal import Journal, payment_in
from order_system.domain.order import PaymentReceipt, RefundReceipt, SubmissionRef
from order_system.domain.steps import Effect


async def authorise(
    gateway: PaymentGateway,
    key: Key,
    *,
    reference: str | None,
    payment_method: str,
    amount: int,
    currency: str,
) -> PaymentReceipt:
    """Hold the money; or take over what `reference` holds already. Raises as the gateway, and CannotHold."""
    if reference is None:
        held = await _holding(gateway).authorise(
            key, amount=amount, currency=currency, payment_method=payment_method
        )
    else:
        held = await _taking_over(gateway).take_over(
            key, reference=reference, amount=amount, currency=currency
        )
    return held.model_copy(update={"held": True})


async def capture(gateway: PaymentGateway, book: OrderBook, ref: SubmissionRef, key: Key) -> PaymentReceipt:
    """Take all that was held. Raises as the gateway does."""
    charge = (await book.journal(ref))[Effect.CHARGE]
    receipt = PaymentReceipt.model_validate(charge.receipt)
    taken = await _holding(gateway).capture(key, charge_key=ref.key(Effect.CHARGE), receipt=receipt)
    return taken.model_copy(update={"held": False})


async def give_back_or_void(
    gateway: PaymentGateway, charge_key: str, journal: Journal
) -> RefundReceipt | NotCaptured | None:
    """Let go of what is held, or refund what is captured. None: nothing (yet). Raises StillInDoubt."""
    charge, capture = journal[Effect.CHARGE], journal[Effect.CAPTURE]
    key, receipt = Key(charge_key, charge.round), payment_in({Effect.CHARGE: charge})
    answer = await _holding(gateway).void(key, receipt=receipt)
    if isinstance(answer, PaymentReceipt):
        return await gateway.refund(charge_key, receipt=answer)
    if capture.state is EffectState.DONE:
        raise StillInDoubt("the book has the receipt of a capture, and the gateway says that there was none")
    return answer if answer.authorised else None


def _holding(gateway: Any) -> CapturesLater:
    if hasattr(gateway, "void"):
        return gateway
    raise CannotHold("this payment gateway cannot hold money until the parcel goes: capture it at once")


def _taking_over(gateway: Any) -> TakesOver:
    if hasattr(gateway, "take_over"):
        return gateway
    raise CannotHold("this payment gateway cannot take over what others have authorised")
