"""How an order is paid: by a token that the payment gateway is to charge, or by a payment that was made
elsewhere, before the order came to us (`paid:REFERENCE`). The one place that tells the two apart."""

_PAID = "paid"


def paid_reference(payment_method: str) -> str | None:
    """The reference of a payment that was made elsewhere, such as `ch_123`; None of a token to be charged.

    Raises ValueError for what looks like one of ours and is none: it must never be charged as a token.
    """
    kind, _, reference = payment_method.partition(":")
    if kind.lower() in ("authorised", "authorized"):
        raise ValueError(
            "is a payment that is authorised and not yet captured, which is not supported yet; capture it "
            "first, and send paid: and its reference"
        )
    if kind.lower() != _PAID:
        return None
    if kind != _PAID or not reference:
        raise ValueError(
            "must say by which payment the order is paid already: paid: in small letters and the payment's "
            "reference, such as paid:ch_123"
        )
    return reference


def is_paid_already(payment_method: str) -> bool:
    """The same in a word, of one that `paid_reference` takes. Raises nothing, for workflows."""
    return payment_method.startswith(f"{_PAID}:")
