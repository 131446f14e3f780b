"""The order of two lines that all contestants run, under IDs of its own each time."""

from typing import Any

from benchmarks.contestants import floor
from benchmarks.contestants.plain import models as plain
from order_system.intake.reader import OrderForm


def a_document(order_id: str) -> dict[str, Any]:
    """As people write it, for the strict reader of ours."""
    return {
        "order_id": order_id,
        "currency": "USD",
        "customer": {"name": "Ada", "email": "ada@example.com"},
        "payment_method": "pm_card_ok",
        "shipping_address": {
            "street": "1 Main St",
            "city": "Portland",
            "region": "OR",
            "postal_code": "97201",
            "country": "US",
        },
        "lines": [
            {"sku": "LAPTOP-789", "quantity": 1, "unit_price": "999.99"},
            {"sku": "MOUSE-321", "quantity": 2, "unit_price": "29.99"},
        ],
    }


_CONTENT = OrderForm.model_validate(a_document("TEMPLATE")).to_order().model_dump(mode="json")
"""The same with prices in minor units, as the other two have them."""


def floor_order(order_id: str) -> floor.Order:
    return floor.Order(order_id, [floor.OrderLine(**line) for line in _CONTENT["lines"]])


def plain_order(order_id: str) -> plain.Order:
    return plain.Order.model_validate({**_CONTENT, "order_id": order_id})
