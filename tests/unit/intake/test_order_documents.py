"""Documents and orders are each other's inverse, and the schema tells of both."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_system.domain.ids import is_order_id
from order_system.domain.money import MAX_AMOUNT, circulating_currencies
from order_system.domain.order import Address, Customer, Order, OrderLine
from order_system.intake.fields import countries
from order_system.intake.reader import order_document, order_schema, read_orders
from tests.fixtures.documents.documents import THE_ORDER, order_from_document, the_order_with

SCHEMA = jsonschema.Draft202012Validator(order_schema())


def fits_schema(document: Any) -> bool:
    return SCHEMA.is_valid(document)  # pyright: ignore[reportUnknownMemberType]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(order_schema())


def test_the_schema_accepts_the_order_alone_and_in_an_array() -> None:
    assert fits_schema(THE_ORDER)
    assert fits_schema([THE_ORDER, THE_ORDER])


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        the_order_with(("colour", "red")),
        the_order_with(("customer.phone", "1")),
        the_order_with(("tax", 1)),
        the_order_with(("tax", "-1.00")),
        the_order_with(("lines.0.quantity", 0)),
        the_order_with(("order_id", "a b")),
    ],
)
def test_the_schema_refuses_what_the_strict_reader_refuses(document: Any) -> None:
    assert not fits_schema(document)


def test_countries_are_those_of_iso_3166_and_kosovo() -> None:
    assert len(countries()) == 250
    assert {"US", "JP", "GB", "TW", "XK"} <= countries()


@given(st.text())
def test_an_order_id_is_made_of_few_characters(text: str) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    fits = 1 <= len(text) <= 64 and text[0] in letters and set(text) <= set(letters + "._-")
    assert is_order_id(text) == fits


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True))
def test_every_order_id_of_that_form_is_one(text: str) -> None:
    assert is_order_id(text)


readable = st.text(st.characters(categories=["L", "M", "P", "S"]), max_size=49).map("x{}".format)
"""With a letter, since accents alone cannot be seen, and neither can some letters."""


@st.composite
def orders(draw: st.DrawFn) -> Order:
    largest = MAX_AMOUNT // 50_000
    skus = draw(
        st.lists(st.from_regex("[A-Z]{1,8}-[0-9]{1,4}", fullmatch=True), min_size=1, max_size=4, unique=True)
    )
    lines = tuple(
        OrderLine(sku=sku, quantity=draw(st.integers(1, 10_000)), unit_price=draw(st.integers(1, largest)))
        for sku in skus
    )
    rest = sum(line.quantity * line.unit_price for line in lines)
    return Order(
        order_id=draw(st.from_regex("[A-Z][A-Z0-9._-]{0,9}", fullmatch=True)),
        currency=draw(st.sampled_from(sorted(circulating_currencies()))),
        customer=Customer(name=draw(readable), email="ada@example.com"),
        payment_method="pm_card_ok",
        shipping_address=Address(
            street=draw(readable),
            city=draw(readable),
            region=draw(st.just("") | readable),
            postal_code=draw(st.just("") | readable),
            country=draw(st.sampled_from(sorted(countries()))),
        ),
        lines=lines,
        shipping_fee=draw(st.integers(0, largest)),
        tax=draw(st.integers(0, largest)),
        discount=draw(st.integers(0, min(largest, rest - 1))),
    )


@given(orders())
def test_any_order_survives_its_document(order: Order) -> None:
    document = order_document(order)

    assert order_from_document(document) == order
    assert read_orders(json.dumps(document), "orders.json") == [order]
    assert fits_schema(document)
