"""Converts amounts to and from Stripe's units. Stripe follows ISO 4217, except for the currencies below."""

from order_system.domain.errors import PaymentDeclined
from order_system.domain.money import decimals, format_amount

_STRIPE_DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""ISO 4217 has dropped the decimals of ISK and UGX; Stripe keeps them. It counts whole ariary, not fifths."""


def to_stripe(amount: int, currency: str) -> int:
    """Convert our minor units to Stripe's. Raises PaymentDeclined for an amount that Stripe cannot express:
    it takes only two decimals of a currency that has three."""
    ours, theirs = decimals(currency), _STRIPE_DECIMALS.get(currency, decimals(currency))
    least = 10 ** max(ours - min(theirs, 2), 0)
    if amount % least:
        raise PaymentDeclined(
            f"{format_amount(amount, currency)} cannot be charged: Stripe takes multiples of "
            f"{format_amount(least, currency)}"
        )
    return amount * 10**theirs // 10**ours


def from_stripe(amount: int, currency: str) -> int:
    """Convert Stripe's units to our minor units, rounded down. `currency` is in capitals."""
    ours, theirs = decimals(currency), _STRIPE_DECIMALS.get(currency, decimals(currency))
    return amount * 10**ours // 10**theirs
