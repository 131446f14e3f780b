"""Files of believable orders, the same ones every time."""

import csv
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from order_system.batches.files import COLUMNS

CITIES = (("Portland", "OR", "97201"), ("New York", "NY", "10118"), ("Austin", "TX", "78701"))
SKUS = 5_000
MISTAKES = ({"quantity": "0"}, {"currency": "XYZ"}, {"customer_email": "nobody"})
SHOPIFY = {
    "Name": "#{order_id}", "Email": "{customer_email}", "Financial Status": "paid",
    "Fulfillment Status": "unfulfilled", "Currency": "{currency}", "Subtotal": "",
    "Shipping": "{shipping_fee}", "Taxes": "{tax}", "Total": "{sum}", "Discount Amount": "0.00",
    "Duties": "", "Lineitem quantity": "{quantity}",
    "Lineitem name": "Mug {sku}", "Lineitem price": "{unit_price}", "Lineitem sku": "{sku}",
    "Lineitem requires shipping": "true", "Lineitem fulfillment status": "pending",
    "Shipping Name": "{customer_name}", "Shipping Street": "{street}", "Shipping Address1": "{street}",
    "Shipping Address2": "", "Shipping City": "{city}", "Shipping Zip": "'{postal_code}",
    "Shipping Province": "{region}", "Shipping Country": "{country}", "Cancelled at": "",
    "Payment Reference": "{reference}", "Refunded Amount": "0.00", "Outstanding Balance": "0.00",
    "Id": "{reference}", "Fulfilled at": "", "Lineitem discount": "0.00",
    "Payment Method": "Shopify Payments", "Shipping Method": "Standard",
}  # fmt: skip
"""Column of Shopify's export -> what stands there, by our own columns."""
_SHOPIFY_FURTHER = [name for name in SHOPIFY if name in ("Name", "Email") or name.startswith("Lineitem")]


def order_id(prefix: str, number: int) -> str:
    return f"{prefix}-{number:07d}"


def is_bad(number: int, bad_every: int) -> bool:
    """Whether the order has a mistake in it; with 0 none has."""
    return bad_every > 0 and number % bad_every == bad_every - 1


def write_orders(path: Path, prefix: str, rows: int, *, rows_per_order: int, bad_every: int = 0) -> Path:
    """Rows in our own columns, the orders' IDs from `<prefix>-0000000` on."""
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        for row in range(rows):
            number, line = divmod(row, rows_per_order)
            cells = _row(prefix, number, line, lone=rows_per_order == 1)
            if is_bad(number, bad_every):
                cells |= MISTAKES[number // bad_every % len(MISTAKES)]
            file.write(",".join(cells[column] for column in COLUMNS) + "\n")
    return path


def write_shopify_export(path: Path, orders: Path) -> Path:
    """The same orders as Shopify's export has them, all paid: further rows say only what is of the line."""
    with orders.open(encoding="utf-8") as file, path.open("w", encoding="utf-8") as export:
        export.write(",".join(SHOPIFY) + "\n")
        for order_id, rows in groupby(csv.DictReader(file), itemgetter("order_id")):
            lines = [*rows]
            goods = sum(int(line["quantity"]) * Decimal(line["unit_price"]) for line in lines)
            told = {"reference": f"ch_{order_id}", "sum": f"{goods + Decimal(lines[0]['shipping_fee'])}"}
            for place, line in enumerate(lines):
                cells = {name: text.format_map(line | told) for name, text in SHOPIFY.items()}
                named = SHOPIFY if place == 0 else _SHOPIFY_FURTHER
                export.write(",".join(cells[name] if name in named else "" for name in SHOPIFY) + "\n")
    return path


def _row(prefix: str, number: int, line: int, *, lone: bool) -> dict[str, str]:
    city, region, postal_code = CITIES[number % len(CITIES)]
    quantity, cents = number % 9 + 1, number % 2_000 + 99
    total = quantity * cents + 500
    return {
        "order_id": order_id(prefix, number),
        "currency": "USD",
        "customer_name": "Zoë Ångström" if number % 10 == 0 else f"Ada Lovelace {number}",
        "customer_email": f"customer{number}@example.com",
        "payment_method": "pm_card_ok",
        "street": f"{number % 900 + 1} Main St",
        "city": city,
        "region": region,
        "postal_code": postal_code,
        "country": "US",
        "sku": f"SKU-{number % SKUS}-{line}",
        "quantity": str(quantity),
        "unit_price": f"{cents // 100}.{cents % 100:02d}",
        "shipping_fee": "5.00",
        "tax": "0.00",
        "discount": "",
        "total": f"{total // 100}.{total % 100:02d}" if lone else "",
        "hold_on_failure": "",
        "flow": "",
        "capture": "",
    }
