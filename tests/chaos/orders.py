"""A planned order as the shop submits it, and as a row of a batch's file: the same content either way."""

import csv
from collections.abc import Sequence
from pathlib import Path

from order_system.domain.order import Address, Customer, Order, OrderLine
from tests.chaos.plan import PlannedOrder

UNIT_PRICE = 2999
"""Minor units."""


def order_of(planned: PlannedOrder, *, other_content: bool = False) -> Order:
    def told(field: str, otherwise: str) -> str:
        return planned.tokens.get(field, otherwise)

    return Order(
        order_id=planned.order_id,
        currency="USD",
        customer=Customer(name="Ada", email=told("email", "ada@example.com")),
        payment_method=told("payment_method", "pm_card_ok").replace("ORDER", planned.order_id),
        shipping_address=Address(
            street="1 Main St",
            city="Portland",
            region="OR",
            postal_code=told("postal_code", "97201"),
            country="US",
        ),
        lines=(OrderLine(sku=told("sku", "MOUSE-321"), quantity=1 + other_content, unit_price=UNIT_PRICE),),
        flow=planned.flow,
        capture=planned.capture,
        first_attempts=planned.first_attempts,
    )


def write_file(file: Path, orders: Sequence[PlannedOrder]) -> Path:
    with file.open("w", newline="") as target:
        writer = csv.DictWriter(target, [*_row(order_of(orders[0])), "flow"])
        writer.writeheader()
        writer.writerows(
            _row(order_of(order)) | {"flow": order.flow if order.of_two else ""} for order in orders
        )
    return file


def _row(order: Order) -> dict[str, str]:
    [line] = order.lines
    address = order.shipping_address
    return {
        "order_id": order.order_id,
        "currency": order.currency,
        "customer_name": order.customer.name,
        "customer_email": order.customer.email,
        "payment_method": order.payment_method,
        "street": address.street,
        "city": address.city,
        "region": address.region,
        "postal_code": address.postal_code,
        "country": address.country,
        "sku": line.sku,
        "quantity": str(line.quantity),
        "unit_price": f"{line.unit_price / 100:.2f}",
    }
