"""Whole files and the strict reader: formats, broken text, and every mistake reported at once."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_system.domain.errors import InvalidOrder
from order_system.intake.documents import MAX_BYTES
from order_system.intake.reader import read_orders
from tests.fixtures.documents.documents import LEFT_OUT, THE_ORDER, the_order_with

ONE = json.dumps(THE_ORDER)
TWO = json.dumps(the_order_with(("order_id", "ORDER-002")))


def refusal_of(data: str | bytes) -> str:
    with pytest.raises(InvalidOrder) as refused:
        read_orders(data, "orders.json")
    error = refused.value
    assert (error.__context__, error.__cause__) == (None, None)
    return str(error)


@pytest.mark.parametrize(
    "text",
    [
        f"[{ONE}, {TWO}]",
        f"[\n{ONE},\n{TWO}\n]\n",
        json.dumps([json.loads(ONE), json.loads(TWO)], indent=2),
        f"{ONE}\n{TWO}",
        f"{ONE}\r\n{TWO}\r\n",
        f"\n{ONE}\n\n  {TWO}  \n\n",
        f"\ufeff{ONE}\n{TWO}",
    ],
)
def test_an_array_and_an_order_on_each_line_read_the_same(text: str) -> None:
    for data in (text, text.encode()):
        assert [order.order_id for order in read_orders(data, "orders")] == ["ORDER-001", "ORDER-002"]


@pytest.mark.parametrize("text", [ONE, json.dumps(THE_ORDER, indent=2), f"{ONE}\n", f"[{ONE}]"])
def test_one_order_in_any_spelling(text: str) -> None:
    assert [order.order_id for order in read_orders(text, "orders")] == ["ORDER-001"]


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0b"])
def test_only_line_feeds_end_a_line(separator: str) -> None:
    """Others are allowed inside JSON's texts, or are mistakes of their own; they never split a document."""
    broken = ONE.replace("Portland", f"Port{separator}land")
    assert "order 2 (ORDER-002)" not in refusal_of(f"{broken}\n{TWO}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "orders.json: is empty"),
        (b"\xef\xbb\xbf \n", "orders.json: is empty"),
        ("[]", "orders.json: holds no orders"),
        ('{"order_id": tru}', "orders.json: is not valid JSON at line 1, column 14: Expecting value"),
        ('{\n "order_id": "A",\n}', "orders.json: is not valid JSON at line 3, column 1"),
        ("order_id: A", "orders.json: is not valid JSON at line 1, column 1"),
        (f"[{ONE}", "orders.json: is not valid JSON at line 1"),
        (f"{ONE} {TWO}", "the document has ended; several orders go into one array"),
        (ONE.encode("utf-16"), "orders.json: is not UTF-8 text (line 1); save it as UTF-8"),
        (f"[{ONE},\n".encode() + b'"\xe9"]', "orders.json: is not UTF-8 text (line 2)"),
        ('"\ud800"', "orders.json: is not UTF-8 text (line 1)"),
        ("[" * 200_000, "orders.json: is not an order: nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        (f'{{"a": {"[" * 50}{"]" * 50}}}', "order 1, a[0][0][0][0][0][0][0]: is nested too deeply"),
        (b" " * (MAX_BYTES + 1), "orders.json: is larger than 10 MB"),
        ("\u20ac" * (MAX_BYTES // 3 + 1), "orders.json: is larger than 10 MB"),
        ("5", "orders.json: order 1 must be an object in braces, with "),
        ("[[]]", "orders.json: order 1 must be an object in braces, with "),
        (f"[{ONE}, null]", "orders.json: order 2 must be an object in braces, with "),
        ('{"tax": NaN}', "orders.json: order 1, tax: must not be NaN"),
        ('{"tax": -Infinity}', "orders.json: order 1, tax: must not be -Infinity"),
        (f'{{"tax": {"9" * 100_000}}}', "orders.json: order 1, tax: is a number of absurd length"),
        ('{"tax": 1e999}', "orders.json: order 1, tax: must be decimal text in quotes"),
        ('{"tax": "1", "tax": "2"}', "orders.json: order 1, tax: is given more than once"),
        ('{"lines": [{"sku": "A", "sku": "A"}]}', "order 1, lines[0].sku: is given more than once"),
        ('{"x": 1, "\\u0078": 2}', "order 1, x: is given more than once"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(data: str | bytes, message: str) -> None:
    assert message in refusal_of(data)


def test_a_repeated_key_is_not_shown_if_it_is_a_card_number() -> None:
    refused = refusal_of('{"x": {"4242424242424242": 1, "4242424242424242": 2}}')
    assert "x.(a card number): is given more than once" in refused
    assert "4242" not in refused


def test_a_broken_document_is_not_repeated() -> None:
    assert "4242" not in refusal_of('{"card": "4242424242424242", oops}')


@pytest.mark.parametrize("bad_line", ["oops", '{"order_id": }', '{"order_id": "A"', "5", "[]", "[[["])
def test_every_line_is_checked_though_one_is_broken(bad_line: str) -> None:
    third = json.dumps(the_order_with(("tax", "-1")))
    refused = refusal_of(f"{ONE}\n\n{bad_line}\n{third}").splitlines()

    assert refused[0].startswith("orders.json: line 3, order 2")
    assert refused[-2].startswith("orders.json: line 4, order 3 (ORDER-001), tax: must be decimal text")
    assert (
        refused[-1] == "orders.json: line 4, order 3 (ORDER-001), order_id: is also the ID of line 1, order 1"
    )


def test_a_broken_first_line_does_not_hide_the_others() -> None:
    refused = refusal_of(f'{{"order_id": \n{json.dumps(the_order_with(("tax", "-1")))}').splitlines()
    assert refused[0].startswith("orders.json: line 1, order 1 is not valid JSON at column 14")
    assert refused[1].startswith("orders.json: line 2, order 2 (ORDER-001), tax: must be")


def test_one_id_twice_in_a_file_names_both_places() -> None:
    refused = refusal_of(f"[{ONE}, {TWO}, {ONE}]")
    assert refused == "orders.json: order 3 (ORDER-001), order_id: is also the ID of order 1"


def test_all_mistakes_of_all_orders_come_together() -> None:
    documents = [
        the_order_with(("order_id", "ORDER-001"), ("lines.0.quantity", 0), ("customer.name", "")),
        the_order_with(("order_id", "ORDER-002")),
        the_order_with(("order_id", "ORDER-003"), ("total", "1.00")),
        the_order_with(("order_id", LEFT_OUT)),
    ]
    parts = "lines 1,059.97 USD + shipping_fee 0.00 USD + tax 0.00 USD - discount 0.00 USD"
    unexplained = "1,058.97 USD less is not explained"
    assert refusal_of(json.dumps(documents)).splitlines() == [
        "orders.json: order 1 (ORDER-001), lines[0].quantity: must be between 1 and 10,000",
        "orders.json: order 1 (ORDER-001), customer.name: must not be empty",
        f"orders.json: order 3 (ORDER-003), total: must be 1,059.97 USD: {parts}; {unexplained}",
        "orders.json: order 4, order_id: is missing",
    ]


def test_no_more_than_twenty_are_listed() -> None:
    documents = [the_order_with(("order_id", f"A{n}"), ("tax", "-1")) for n in range(50)]
    lines = refusal_of(json.dumps(documents)).splitlines()
    assert (len(lines), lines[-1]) == (21, "... and 30 more")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(list(THE_ORDER)), inner),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_refused_and_never_crashes(value: Any) -> None:
    assert refusal_of(json.dumps(value))


@given(st.text() | st.binary())
def test_any_text_is_refused_and_never_crashes(data: str | bytes) -> None:
    assert refusal_of(data)


@given(st.sampled_from(list(THE_ORDER)), json_values)
def test_any_value_in_a_field_is_accepted_or_refused_with_its_name(field: str, value: Any) -> None:
    told = field
    try:
        read_orders(json.dumps(the_order_with((field, value))), "orders.json")
    except InvalidOrder as refused:
        told = str(refused)
    assert any(name in told for name in (field, "total", "lines[0]"))
