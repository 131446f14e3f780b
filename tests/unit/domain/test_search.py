"""What a text in the search box may mean."""

import pytest

from order_system.domain.search import Kind, meanings_of, normal_email


def told(text: str) -> set[tuple[Kind, str | int]]:
    return {(each.kind, each.amount or each.text) for each in meanings_of(text)}


def said_exactly(text: str) -> set[tuple[Kind, str | int]]:
    return {(Kind.TRACKING_NUMBER, text), (Kind.CHARGE_ID, text)}


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (" ORDER-001 ", {(Kind.PART_OF_ID, "order-001")}),
        ("order-SHOP-1", {(Kind.PART_OF_ID, "order-shop-1"), (Kind.ORDER_ID, "SHOP-1")}),
        ("-001", {(Kind.PART_OF_ID, "-001")}),
        ("payment-ORDER-001", {(Kind.PART_OF_ID, "payment-order-001"), (Kind.ORDER_ID, "ORDER-001")}),
        ("refund-A-1-form_1", {(Kind.PART_OF_ID, "refund-a-1-form_1"), (Kind.ORDER_ID, "A-1")}),
        ("1Z 999 AA", set()),
        ("1059.97 usd", {(Kind.AMOUNT, 105997)}),
        ("1,059.97 USD", {(Kind.AMOUNT, 105997)}),
        ("$1,059.97", {each for each in told("1059.97") if each[0] is Kind.AMOUNT}),
        ("300 ¥", {each for each in told("300") if each[0] is Kind.AMOUNT}),
        ("59,97 USD", set()),
        ("JPY 300", {(Kind.AMOUNT, 300)}),
        ("300.00 JPY", set()),
        ("5", {(Kind.PART_OF_ID, "5"), *((Kind.AMOUNT, minor) for minor in (5, 500, 5000))}),
        ("5.123", {(Kind.PART_OF_ID, "5.123"), (Kind.AMOUNT, 5123)}),
        ("1.2.3", {(Kind.PART_OF_ID, "1.2.3")}),
    ],
)
def test_a_text_means_all_that_it_can(text: str, more: set[tuple[Kind, str | int]]) -> None:
    assert told(text) == said_exactly(text.strip()) | more


def test_an_amount_without_a_currency_is_one_of_each_that_has_such_amounts() -> None:
    [amount] = [each for each in meanings_of("10.00") if each.amount == 1000]
    assert {"EUR", "USD"} <= amount.currencies
    assert not {"JPY", "KWD"} & amount.currencies


def test_a_payment_that_was_made_elsewhere_is_known_by_its_reference() -> None:
    assert told("paid:ch_123") == said_exactly("ch_123") | {(Kind.PART_OF_ID, "ch_123")}


def test_an_email_is_nothing_else_and_has_one_form() -> None:
    assert told(" Ada@Example.COM ") == {(Kind.EMAIL, "ada@example.com")}
    assert normal_email("JOSE\u0301@x.org") == normal_email("josé@X.ORG ")


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "\ud800", "x" * 201])
def test_what_no_database_keeps_fits_no_order(text: str) -> None:
    assert meanings_of(text) == ()
