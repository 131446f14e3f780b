"""Amounts as Stripe counts them. It goes by ISO 4217 as we do, but for the currencies below."""

from order_system.domain.errors import PaymentDeclined
from order_system.domain.money import decimals, format_amount

_STRIPE_DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""ISK and UGX have lost their decimals since; Stripe has kept them. It counts ariary without their fifths."""


def to_stripe(amount: int, currency: str) -> int:
    """Our minor units as Stripe's. Raises PaymentDeclined for what Stripe cannot express: of a currency with
    three decimals it takes no more than two."""
    ours, theirs = decimals(currency), _STRIPE_DECIMALS.get(currency, decimals(currency))
    least = 10 ** max(ours - min(theirs, 2), 0)
    if amount % least:
        raise PaymentDeclined(
            f"{format_amount(amount, currency)} cannot be charged: Stripe takes multiples of "
            f"{format_amount(least, currency)}"
        )
    return amount * 10**theirs // 10**ours


def from_stripe(amount: int, currency: str) -> int:
    """Reverses `to_stripe`. `currency` in capitals. What is less than one of our minor units is left out."""
    ours, theirs = decimals(currency), _STRIPE_DECIMALS.get(currency, decimals(currency))
    return amount * 10**ours // 10**theirs
