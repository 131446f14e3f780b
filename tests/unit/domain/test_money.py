"""Amounts are exact, plain, and bounded; whatever else looks like one is told what an amount looks like."""

import pytest
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from order_system.domain import money
from order_system.domain.money import InvalidAmount, decimal_text, format_amount, parse_amount

currencies = st.sampled_from(sorted(money.circulating_currencies()))
amounts = st.integers(0, money.MAX_AMOUNT)


@given(amounts, currencies)
def test_any_amount_survives_the_way_out_and_in(minor: int, currency: str) -> None:
    assert parse_amount(decimal_text(minor, currency), currency) == minor


@given(st.text(), currencies)
def test_any_text_is_an_exact_amount_or_refused(text: str, currency: str) -> None:
    try:
        minor = parse_amount(text, currency)
    except InvalidAmount:
        return
    assert 0 <= minor <= money.MAX_AMOUNT
    assert text.isascii()


@given(st.text(alphabet="0123456789.,+-eE_ ", max_size=20), currencies)
def test_text_made_of_the_characters_of_numbers_is_an_exact_amount_or_refused(
    text: str, currency: str
) -> None:
    try:
        minor = parse_amount(text, currency)
    except InvalidAmount:
        return
    assert decimal_text(minor, currency).startswith(text)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1059.97", "USD", 105997),
        ("5", "USD", 500),
        ("5.5", "USD", 550),
        ("0", "USD", 0),
        ("0.00", "USD", 0),
        ("1500", "JPY", 1500),
        ("1.234", "KWD", 1234),
        ("1.5", "IQD", 1500),
        ("10.50", "RSD", 1050),
        ("9999999999.99", "USD", money.MAX_AMOUNT),
        ("999999999999", "JPY", money.MAX_AMOUNT),
    ],
)
def test_decimals_are_those_of_the_currency(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "rule"),
    [
        ("", "USD", "blank"),
        ("  ", "USD", "blank"),
        (" 1.00", "USD", "no spaces"),
        ("1 000", "USD", "no spaces"),
        ("-1.00", "USD", "never negative"),
        ("+1.00", "USD", "no sign"),
        ("-0", "USD", "never negative"),
        ("1,059.97", "USD", "thousands separators"),
        ("1059,97", "USD", "a dot before the decimals"),
        ("1_000", "USD", "thousands separators"),
        ("1'000", "USD", "thousands separators"),
        ("1e3", "USD", "exponent"),
        ("1.5E-3", "USD", "exponent"),
        ("NaN", "USD", "NaN and Infinity"),
        ("Infinity", "USD", "NaN and Infinity"),
        ("-inf", "USD", "NaN and Infinity"),
        ("\uff11\uff12.\uff15\uff10", "USD", "only the digits 0 to 9"),  # full-width
        ("\u0661\u0662", "USD", "only the digits 0 to 9"),  # Arabic-Indic
        ("\u00b2", "USD", "only the digits 0 to 9"),  # superscript
        ("007.00", "USD", "leading zeros"),
        (".50", "USD", "one dot between"),
        ("5.", "USD", "one dot between"),
        ("1.2.3", "USD", "one dot between"),
        ("$5", "USD", "one dot between"),
        ("5\n", "USD", "no spaces"),
        ("1.00\x00", "USD", "one dot between"),
        ("0.00001", "USD", "no currency has that many"),
        ("1.999", "USD", "USD, which has 2 decimals"),
        ("1.990", "USD", "USD, which has 2 decimals"),
        ("100.00", "JPY", "JPY, which has no decimals"),
        ("1.2345", "KWD", "KWD, which has 3 decimals"),
        ("10000000000.00", "USD", "must not exceed 9,999,999,999.99 USD"),
        ("9" * 13, "JPY", "at most 12 digits"),
        ("9" * 5000, "USD", "at most 12 digits"),
    ],
)
def test_what_is_no_amount_is_told_why(text: str, currency: str, rule: str) -> None:
    with pytest.raises(InvalidAmount, match=rule):
        parse_amount(text, currency)


@pytest.mark.parametrize("currency", ["XYZ", "DEM", "XAU", "XXX", "XTS", "usd", "", "CLF"])
def test_currencies_out_of_circulation_are_refused(currency: str) -> None:
    with pytest.raises(InvalidAmount, match="not in circulation"):
        parse_amount("1", currency)


def test_decimals_differ_from_babels_only_where_cldr_departs_from_iso_4217() -> None:
    """A new babel with another opinion must not change what stored integers mean."""
    differing = {
        code
        for code in money.circulating_currencies()
        if money.decimals(code) != get_currency_precision(code)
    }
    assert " ".join(sorted(differing)) == "AFN ALL IQD IRR KPW LAK LBP MGA MMK RSD SOS SYP YER"


def test_the_largest_amount_fits_the_book_and_is_shorter_than_a_card_number() -> None:
    assert money.MAX_AMOUNT < 2**53
    assert len(str(money.MAX_AMOUNT)) == 12


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (105997, "USD", "1,059.97 USD"),
        (5, "USD", "0.05 USD"),
        (0, "KWD", "0.000 KWD"),
        (1500, "JPY", "1,500 JPY"),
        (-250, "EUR", "-2.50 EUR"),
        (999_999_999_999, "KWD", "999,999,999.999 KWD"),
        (1050, "DEM", "10.50 DEM"),  # stored before it was withdrawn
    ],
)
def test_amounts_are_shown_with_all_their_decimals(minor: int, currency: str, shown: str) -> None:
    assert format_amount(minor, currency) == shown
