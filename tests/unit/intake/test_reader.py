"""One order and the strict reader: what is refused, and where it says so."""

from typing import Any

import pytest

from order_system.domain.errors import InvalidOrder
from order_system.domain.order import OrderLine
from order_system.intake.reader import order_document
from tests.fixtures.documents.documents import LEFT_OUT, THE_ORDER, order_from_document, the_order_with


def refusal_of(document: object) -> str:
    with pytest.raises(InvalidOrder) as refused:
        order_from_document(document)
    return str(refused.value)


def test_the_order_of_the_exercise_is_accepted() -> None:
    order = order_from_document(THE_ORDER)

    assert order.total == 105997
    assert order.lines[1] == OrderLine(sku="MOUSE-321", quantity=2, unit_price=2999)
    assert order_document(order) == THE_ORDER


def test_fee_tax_discount_and_total_may_be_left_out_or_null() -> None:
    names = ("shipping_fee", "tax", "discount", "total")
    bare = order_from_document(the_order_with(*((name, LEFT_OUT) for name in names)))
    nulls = order_from_document(the_order_with(*((name, None) for name in names)))

    assert bare == nulls == order_from_document(THE_ORDER)


def test_total_is_lines_and_fee_and_tax_less_discount() -> None:
    parts = (("shipping_fee", "10"), ("tax", "1.5"), ("discount", "0.47"), ("total", "1071.00"))
    assert order_from_document(the_order_with(*parts)).total == 107100


def test_spaces_around_names_are_trimmed_and_a_region_may_be_empty() -> None:
    order = order_from_document(
        the_order_with(("customer.name", "  Ada\n"), ("shipping_address.region", " "))
    )
    assert order.customer.name == "Ada"
    assert order.shipping_address.region == ""


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # order ID
        ("order_id", LEFT_OUT, "order_id: is missing"),
        ("order_id", "", "order_id: must be 1 to 64 ASCII letters"),
        ("order_id", "-1", "order_id: must be 1 to 64 ASCII letters"),
        ("order_id", "a b", "order_id: must be 1 to 64 ASCII letters"),
        ("order_id", "a" * 65, "order_id: must be 1 to 64 ASCII letters"),
        ("order_id", "ORDER-001\n", "order_id: must be 1 to 64 ASCII letters"),
        ("order_id", "\uff11", "order_id: must be 1 to 64 ASCII letters"),
        ("order_id", 7, "order_id: must be text in quotes"),
        # lines
        ("lines", LEFT_OUT, "lines: is missing"),
        ("lines", [], "lines: must hold at least one line"),
        ("lines", {}, "lines: must be a list"),
        ("lines", [{"sku": f"S{n}", "quantity": 1, "unit_price": "1"} for n in range(201)], "at most 200"),
        ("lines.0", "LAPTOP", "lines[0]: must be an object in braces, with sku, quantity, unit_price"),
        (
            "lines",
            [{"sku": "MUG", "quantity": 1, "unit_price": price} for price in ("5.00", "4.00", "5")],
            "lines[2].sku: merge it into lines[0], which has the same SKU and price",
        ),
        ("lines.0.sku", "", "lines[0].sku: must not be empty"),
        ("lines.0.sku", " ", "lines[0].sku: must not be empty"),
        ("lines.0.sku", "A\nB", "lines[0].sku: must not hold line breaks"),
        (
            "lines.0.sku",
            "A\u202eB",
            "lines[0].sku: must not hold line breaks, control characters or invisible",
        ),
        ("lines.0.sku", "A" * 65, "lines[0].sku: must be at most 64 characters"),
        ("lines.0.quantity", 0, "lines[0].quantity: must be between 1 and 10,000"),
        ("lines.0.quantity", -1, "lines[0].quantity: must be between 1 and 10,000"),
        ("lines.0.quantity", 10_001, "lines[0].quantity: must be between 1 and 10,000"),
        ("lines.0.quantity", 10**30, "lines[0].quantity: must be between 1 and 10,000"),
        ("lines.0.quantity", True, "lines[0].quantity: must be a whole number"),
        ("lines.0.quantity", 1.0, "lines[0].quantity: must be a whole number"),
        ("lines.0.quantity", "1", "lines[0].quantity: must be a whole number, without quotes"),
        ("lines.0.quantity", None, "lines[0].quantity: must be a whole number"),
        # amounts
        (
            "lines.0.unit_price",
            999.99,
            'lines[0].unit_price: must be decimal text in quotes, such as "29.99"',
        ),
        ("lines.0.unit_price", 30, "lines[0].unit_price: must be decimal text in quotes"),
        ("lines.0.unit_price", True, "lines[0].unit_price: must be decimal text in quotes"),
        ("lines.0.unit_price", None, "lines[0].unit_price: must be text in quotes"),
        ("lines.0.unit_price", "-1.00", "lines[0].unit_price: must be decimal text such as 29.99: no sign"),
        (
            "lines.0.unit_price",
            "1,000",
            "lines[0].unit_price: must be decimal text such as 29.99: no thousands",
        ),
        ("lines.0.unit_price", "29.999", "lines[0].unit_price: must not be more precise than USD"),
        ("lines.0.unit_price", "99999999999", "lines[0].unit_price: must not exceed 9,999,999,999.99 USD"),
        ("shipping_fee", "1e2", "shipping_fee: must be decimal text such as 29.99: no exponent"),
        ("tax", "NaN", "tax: must be decimal text such as 29.99: NaN"),
        ("tax", "0.001", "tax: must not be more precise than USD, which has 2 decimals"),
        ("total", "1000.00", "total: must be 1,059.97 USD: lines 1,059.97 USD + shipping_fee 0.00 USD"),
        ("discount", "1059.98", "discount: must not exceed the rest of the order, 1,059.97 USD"),
        ("discount", "1059.97", "total: must be more than zero: an order that costs nothing"),
        ("currency", "usd", "currency: must be an ISO 4217 code of three capital letters"),
        ("currency", "DEM", "currency: is not the code of a currency in circulation"),
        ("currency", "JPY", "lines[0].unit_price: must not be more precise than JPY, which has no decimals"),
        # texts
        ("customer", "Ada", "customer: must be an object in braces, with name, email"),
        ("customer.name", "", "customer.name: must not be empty"),
        ("customer.name", " \t", "customer.name: must not be empty"),
        ("customer.name", "A" * 201, "customer.name: must be at most 200 characters"),
        ("customer.name", "A\x00da", "customer.name: must not hold line breaks, control characters"),
        *(
            ("customer.name", blank, "customer.name: must hold a character that can be seen")
            for blank in (
                "\u200d",
                "\u3164\u3164",
                "\u2800",
                "\u115f\u1160",
                "\uffa0",
                "\u0301",
                "\ufe0f\u200d",
            )
        ),
        ("shipping_address.region", "\u2800", "shipping_address.region: must hold a character"),
        ("customer.name", "A\u202eda", "customer.name: must not hold line breaks, control characters"),
        ("customer.name", "\ud800", "customer.name: must be valid Unicode text"),
        ("customer.name", None, "customer.name: must be text in quotes"),
        ("customer.email", "ada", "customer.email: must be an e-mail address"),
        ("customer.email", "ada@localhost", "customer.email: must be an e-mail address"),
        ("customer.email", "a@b@example.com", "customer.email: must be an e-mail address"),
        ("customer.email", "a da@example.com", "customer.email: must be an e-mail address"),
        ("customer.email", "a" * 250 + "@example.com", "customer.email: must be at most 254 characters"),
        ("payment_method", "", "payment_method: must be printable ASCII"),
        ("payment_method", "pm card", "payment_method: must be printable ASCII"),
        (
            "shipping_address.street",
            "1 Main St\nPortland",
            "shipping_address.street: must not hold line breaks",
        ),
        ("shipping_address.postal_code", LEFT_OUT, "shipping_address.postal_code: is missing"),
        ("shipping_address.country", "us", "shipping_address.country: must be an ISO 3166-1 code"),
        ("shipping_address.country", "ZZ", "shipping_address.country: is not the code of a country"),
        ("shipping_address.country", "EU", "shipping_address.country: is not the code of a country"),
        # unknown fields
        ("dicount", "1.00", "dicount: is not a field of an order; the fields here are currency, lines"),
        (
            "customer.phone",
            "1",
            "customer.phone: is not a field of an order; the fields here are name, email",
        ),
        ("lines.0.colour", "red", "lines[0].colour: is not a field of an order; the fields here are sku"),
        ("a b\n", 1, '"a b\\n": is not a field of an order'),
        ("x" * 1000, 1, "(a long name): is not a field of an order"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_rule(path: str, value: Any, message: str) -> None:
    assert message in refusal_of(the_order_with((path, value)))


def test_a_sku_has_letters_of_any_script_and_one_spelling_and_may_stand_there_at_two_prices() -> None:
    skus = ["CAFE\u0301 ROUGE", "CAF\u00c9 ROUGE", "\u8336\u7897 #2"]
    lines = [{"sku": sku, "quantity": 1, "unit_price": f"{n}.00"} for n, sku in enumerate(skus, 1)]
    order = order_from_document(the_order_with(("lines", lines), ("total", LEFT_OUT)))
    assert [line.sku for line in order.lines] == [skus[1], *skus[1:]]
    assert order_from_document(order_document(order)) == order


@pytest.mark.parametrize("document", [None, 5, "ORDER-001", [], True])
def test_what_is_no_object_is_refused(document: object) -> None:
    assert "must be an object in braces" in refusal_of(document)


def test_a_total_beyond_the_bound_is_refused() -> None:
    lines = [{"sku": "A", "quantity": 10_000, "unit_price": "9999999999.99"}]
    refused = refusal_of(the_order_with(("lines", lines), ("total", LEFT_OUT)))
    assert refused == "total: must not exceed 9,999,999,999.99 USD"


def test_mistakes_of_form_and_of_sums_are_told_together() -> None:
    document = the_order_with(("customer.email", "?"), ("total", "1.00"), ("colour", "red"))
    refused = refusal_of(document).splitlines()
    assert [line.partition(":")[0] for line in refused] == ["customer.email", "colour", "total"]


def test_an_order_may_be_paid_already() -> None:
    document = the_order_with(("payment_method", "paid:ch_123"))
    assert order_from_document(document).payment_method == "paid:ch_123"


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("paid", "must say which payment it is"),
        ("paid:", "must say which payment it is"),
        ("Paid:ch_1", "must say which payment it is"),
        ("paid: ch_1", "must be printable ASCII without spaces"),
        ("authorized:pi_1", "must say which payment it is: authorised:"),
        ("paid:4111111111111111", "holds a card number"),
    ],
)
def test_a_payment_without_a_reference_is_refused(method: str, why: str) -> None:
    assert refusal_of(the_order_with(("payment_method", method))).startswith(f"payment_method: {why}")
