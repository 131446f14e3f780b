"""The five orders that `python starter.py` submits: believable, valid, and different in what they show."""

import re
from collections.abc import Iterable
from typing import Any

from order_system.domain.order import Order
from order_system.intake.reader import order_from_document

SAMPLE_PREFIX = "ORDER-"

_SAMPLE_ID = re.compile(SAMPLE_PREFIX + r"([0-9]{1,12})", re.ASCII)


def sample_orders(first_number: int) -> list[Order]:
    """The samples under `ORDER-<first_number>` and the numbers that follow, of three digits at least."""
    return [
        order_from_document({"order_id": sample_id(number), **document})
        for number, document in enumerate(_DOCUMENTS, first_number)
    ]


def sample_id(number: int) -> str:
    return f"{SAMPLE_PREFIX}{number:03d}"


def next_sample_number(existing_ids: Iterable[str]) -> int:
    """One more than the largest number in use; IDs of other kinds do not count. 1 if there is none."""
    numbers = (int(match[1]) for match in map(_SAMPLE_ID.fullmatch, existing_ids) if match)
    return max(numbers, default=0) + 1


def _line(sku: str, quantity: int, unit_price: str) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, "unit_price": unit_price}


# Documents, not orders, so that they enter by the same door as everybody's.
_DOCUMENTS: tuple[dict[str, Any], ...] = (
    {
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
        "lines": [_line("LAPTOP-789", 1, "999.99"), _line("MOUSE-321", 2, "29.99")],
        "total": "1059.97",
    },
    {  # no region; a fee and a discount
        "currency": "EUR",
        "customer": {"name": "Jürgen Weiß", "email": "juergen.weiss@example.org"},
        "payment_method": "pm_card_ok",
        "shipping_address": {
            "street": "Lindenstraße 12",
            "city": "Berlin",
            "region": "",
            "postal_code": "10969",
            "country": "DE",
        },
        "lines": [_line("KEYBOARD-110", 1, "149.00"), _line("CABLE-204", 3, "12.50")],
        "shipping_fee": "4.90",
        "discount": "10.00",
        "total": "181.40",
    },
    {  # a currency without decimals
        "currency": "JPY",
        "customer": {"name": "佐藤 花子", "email": "hanako.sato@example.com"},
        "payment_method": "pm_card_ok",
        "shipping_address": {
            "street": "神南 1-2-3",
            "city": "渋谷区",
            "region": "東京都",
            "postal_code": "150-0041",
            "country": "JP",
        },
        "lines": [_line("DESK-LAMP-042", 1, "6980"), _line("NOTEBOOK-A5", 10, "220")],
        "shipping_fee": "600",
        "tax": "978",
        "total": "10758",
    },
    {  # a currency with three decimals
        "currency": "KWD",
        "customer": {"name": "Noura Al-Sabah", "email": "noura@example.net"},
        "payment_method": "pm_card_ok",
        "shipping_address": {
            "street": "Salem Al Mubarak St, Block 5",
            "city": "Salmiya",
            "region": "Hawalli",
            "postal_code": "22005",
            "country": "KW",
        },
        "lines": [_line("HEADPHONES-555", 1, "24.750"), _line("USB-C-HUB-7", 2, "8.125")],
        "shipping_fee": "1.500",
        "total": "42.500",
    },
    {  # many lines, and everything that a bill can have
        "currency": "USD",
        "customer": {"name": "Seán O'Connor", "email": "sean.oconnor@example.com"},
        "payment_method": "pm_card_ok",
        "shipping_address": {
            "street": "350 5th Ave, Floor 21",
            "city": "New York",
            "region": "NY",
            "postal_code": "10118",
            "country": "US",
        },
        "lines": [
            _line("MONITOR-27", 2, "289.00"),
            _line("MONITOR-ARM", 2, "74.50"),
            _line("DOCK-900", 1, "199.95"),
            _line("CABLE-204", 6, "13.25"),
            _line("STICKER-FREE", 1, "0.00"),
        ],
        "shipping_fee": "24.00",
        "tax": "89.29",
        "discount": "50.00",
        "total": "1069.74",
    },
)
