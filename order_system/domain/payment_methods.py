"""How an order is paid: by a token that the payment gateway is to charge, or by a payment that was made
elsewhere, before the order came to us. Only this module tells the two apart."""

from enum import StrEnum


class Elsewhere(StrEnum):
    """A payment made elsewhere begins with one of these words; a colon and its reference follow."""

    PAID = "paid"
    """Captured by the shop's checkout: it is confirmed, and never charged."""
    AUTHORISED = "authorised"
    """Authorised by the shop's checkout, where the customer has confirmed it: we capture or void it."""


_WORDS: dict[str, Elsewhere] = {word: word for word in Elsewhere}


def reference_of(payment_method: str) -> str | None:
    """Return the reference of a payment made elsewhere, such as `ch_123`; None for a token to be charged.

    Raises ValueError for what looks like such a payment and is none: it must never be charged as a token."""
    kind, _, reference = payment_method.partition(":")
    word = kind.lower().replace("authorized", Elsewhere.AUTHORISED)
    if word not in _WORDS:
        return None
    if kind != word or not reference:
        raise ValueError(
            f"must say which payment it is: {word}: in small letters and the payment's reference, such as "
            f"{word}:ch_123"
        )
    return reference


def made_elsewhere(payment_method: str) -> Elsewhere | None:
    """Return the word of a payment made elsewhere; None for a token. Raises nothing, for workflows."""
    word, colon, _ = payment_method.partition(":")
    return _WORDS.get(word) if colon else None
