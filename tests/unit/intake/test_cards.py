"""A card number, wherever it was pasted, is refused and never repeated: not in the message,
not in `repr`, not in what the error is chained to."""

import json
import traceback
from typing import Any

import pytest

from order_system.domain.errors import InvalidOrder
from order_system.domain.order import Order
from order_system.intake.reader import read_orders
from tests.fixtures.documents.documents import order_from_document, the_order_with

CARD = "4242424242424242"


@pytest.mark.parametrize("number", [CARD, "4242 4242 4242 4242", "4242-4242-4242-4242"])
@pytest.mark.parametrize(
    "path",
    [
        "order_id",
        "currency",
        "payment_method",
        "customer.name",
        "customer.email",
        "shipping_address.street",
        "shipping_address.city",
        "shipping_address.region",
        "shipping_address.postal_code",
        "shipping_address.country",
        "lines.0.sku",
        "lines.0.quantity",
        "lines.0.unit_price",
        "total",
        "card",
        "customer.card",
    ],
)
def test_a_card_number_is_refused_anywhere_and_never_repeated(path: str, number: str) -> None:
    assert_refused_in_silence(the_order_with((path, number)))


@pytest.mark.parametrize(
    "document",
    [
        the_order_with(("customer.email", f"{CARD}@example.com")),
        the_order_with(("payment_method", int(CARD))),
        the_order_with(("lines.0.quantity", int(CARD))),
        the_order_with(("card", {"number": [CARD]})),
        the_order_with((CARD, "x")),
        the_order_with(("4242 4242 4242 4242", "x")),
        the_order_with((f"lines.0.card {CARD}", "x")),
        the_order_with(("card", {CARD: 1})),
        the_order_with(("card", {"deep": {CARD: float("nan")}})),
        the_order_with(("order_id", f"A-{CARD}")),
    ],
)
def test_a_card_number_is_refused_in_keys_and_unknown_fields_too(document: dict[str, Any]) -> None:
    assert_refused_in_silence(document)


@pytest.mark.parametrize("path", ["order_id", "lines.0.sku"])
def test_an_identifier_that_only_looks_like_a_card_number_can_be_mended_as_the_reason_says(path: str) -> None:
    """A shop's order IDs of 16 digits are nothing that a token could stand for."""
    with pytest.raises(InvalidOrder, match="if it is no card's, put a letter between its digits"):
        order_from_document(the_order_with((path, "8190000000000011")))
    assert order_from_document(the_order_with((path, "8190000X00000011")))


def assert_refused_in_silence(document: dict[str, Any]) -> None:
    def read_as_file(value: object) -> list[Order]:
        return read_orders(json.dumps(value), "orders.json")

    for read in (order_from_document, read_as_file):
        with pytest.raises(InvalidOrder, match="holds a card number") as refused:
            read(document)
        error = refused.value
        told = f"{error} {error!r} {error.args} {''.join(traceback.format_exception(error))}"
        # Out of the traceback: this file's own lines, which do not hold the number, and the message.
        assert "4242" not in told
        assert (error.__context__, error.__cause__) == (None, None)
