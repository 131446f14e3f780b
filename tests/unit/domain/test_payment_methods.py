"""Which payment methods are tokens to be charged, and which name a payment that was made elsewhere."""

import pytest

from order_system.domain.payment_methods import Elsewhere, made_elsewhere, reference_of


@pytest.mark.parametrize("made", Elsewhere)
@pytest.mark.parametrize("reference", ["ch_123", "a:b", "paid:x", "!"])
def test_a_reference_is_what_stands_behind_the_colon(made: Elsewhere, reference: str) -> None:
    assert reference_of(f"{made}:{reference}") == reference
    assert made_elsewhere(f"{made}:{reference}") is made


@pytest.mark.parametrize("token", ["pm_card_ok", "prepaid", "paid_by_card", "unpaid:ch_1", "authorised_1"])
def test_any_other_token_is_charged(token: str) -> None:
    assert reference_of(token) is None
    assert made_elsewhere(token) is None


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("paid", "such as paid:ch_123"),
        ("paid:", "such as paid:ch_123"),
        ("Paid:ch_1", "in small letters"),
        ("PAID", "in small letters"),
        ("authorised:", "such as authorised:ch_123"),
        ("authorised", "such as authorised:ch_123"),
        ("Authorised:pi_1", "authorised: in small letters"),
        ("authorized:pi_1", "authorised: in small letters"),
    ],
)
def test_what_looks_like_one_of_ours_is_never_charged_as_a_token(method: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        reference_of(method)
