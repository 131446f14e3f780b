"""Which payment methods are charged, and which say that the order is paid already."""

import pytest

from order_system.domain.payment_methods import is_paid_already, paid_reference


@pytest.mark.parametrize("reference", ["ch_123", "a:b", "paid:x", "!"])
def test_a_reference_is_what_stands_behind_paid(reference: str) -> None:
    assert paid_reference(f"paid:{reference}") == reference
    assert is_paid_already(f"paid:{reference}")


@pytest.mark.parametrize("token", ["pm_card_ok", "prepaid", "paid_by_card", "unpaid:ch_1", "authorised_1"])
def test_any_other_token_is_charged(token: str) -> None:
    assert paid_reference(token) is None
    assert not is_paid_already(token)


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("paid", "such as paid:ch_123"),
        ("paid:", "such as paid:ch_123"),
        ("Paid:ch_1", "in small letters"),
        ("PAID", "in small letters"),
        ("authorised:pi_1", "is not supported yet"),
        ("Authorized:pi_1", "is not supported yet"),
        ("authorised", "is not supported yet"),
    ],
)
def test_what_looks_like_one_of_ours_is_never_charged_as_a_token(method: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        paid_reference(method)
