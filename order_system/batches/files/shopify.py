"""What a Shopify orders export does in its own way.

Order fields stand on an order's first row only, names begin with `#`, postal codes may begin with an
apostrophe, an item may have no SKU, and one SKU may stand there twice. Shops whose prices hold the tax
already report it all the same. What the customer owes is `Total`, and the bill must add up to it.

An export names no payment token, so that DEFAULT_PAYMENT_METHOD stands in for it unless the mapping gives a
`payment_method`. Orders that were cancelled in the shop stand there like the others; here they are refused.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence

from order_system.batches.files.columns import Fields, NumberedRow
from order_system.domain import money
from order_system.domain.order_file import ColumnMapping

DEFAULT_PAYMENT_METHOD = "pm_shopify"

COLUMNS_OF_EXPORT = {
    "order_id": "Name",
    "currency": "Currency",
    "customer_name": "Shipping Name",
    "customer_email": "Email",
    "city": "Shipping City",
    "region": "Shipping Province",
    "postal_code": "Shipping Zip",
    "country": "Shipping Country",
    "sku": "Lineitem sku",
    "quantity": "Lineitem quantity",
    "unit_price": "Lineitem price",
    "shipping_fee": "Shipping",
    "tax": "Taxes",
    "discount": "Discount Amount",
    "total": "Total",
}
FURTHER_COLUMNS = {
    "item_name": "Lineitem name",
    "second_address_line": "Shipping Address2",
    "subtotal": "Subtotal",
    "cancelled_at": "Cancelled at",
}
"""Used to work out the others; an export need not have them."""

_OPTIONAL = ("region", "postal_code", "shipping_fee", "tax", "discount", "total", *FURTHER_COLUMNS)


def preset(mapping: ColumnMapping, header: Sequence[str]) -> ColumnMapping:
    """The mapping of an export with this header; what the given mapping says comes first."""
    present = {name.strip().casefold() for name in header}
    columns = {
        field: column
        for field, column in (COLUMNS_OF_EXPORT | FURTHER_COLUMNS).items()
        if field not in _OPTIONAL or column.casefold() in present
    }
    if "shipping address1" in present:
        columns["street"] = "Shipping Address1"
    else:  # both lines in one
        columns["street"] = "Shipping Street"
        columns.pop("second_address_line", None)
    constants = {"payment_method": DEFAULT_PAYMENT_METHOD} | mapping.constants
    if "payment_method" in mapping.columns:
        del constants["payment_method"]
    return ColumnMapping(columns=columns | mapping.columns, constants=constants)


def tidied_id(name: str) -> str:
    return name.strip().removeprefix("#").lstrip()


def tidied(fields: Fields) -> Fields:
    """One row without the export's habits."""
    second_line = fields["second_address_line"]
    return {
        **fields,
        "order_id": tidied_id(fields["order_id"]),
        "postal_code": fields["postal_code"].removeprefix("'"),
        "street": f"{fields['street']}, {second_line}" if second_line else fields["street"],
        "sku": fields["sku"] or sku_of_name(fields["item_name"]),
    }


def sku_of_name(name: str) -> str:
    """`Leather Bag - Brown / L` as LEATHER-BAG-BROWN-L: for one name always the same, and for another name
    as good as always another. Blank if the name is."""
    plain = unicodedata.normalize("NFKD", name.strip()).encode("ascii", "ignore").decode()
    slug = "-".join(re.findall(r"[A-Z0-9]+", plain.upper()))
    if name.strip() and (not slug or len(slug) > 50 or not name.isascii()):
        # The letters that fell away told it from others.
        slug = "-".join(
            filter(None, (slug[:50], hashlib.sha256(name.strip().encode()).hexdigest()[:8].upper()))
        )
    return slug


def cancelled_line(rows: Sequence[NumberedRow]) -> int | None:
    """The line that says that the order was cancelled."""
    return next((line for line, fields in rows if fields["cancelled_at"]), None)


def readings(rows: Sequence[NumberedRow]) -> Iterator[list[NumberedRow]]:
    """What the rows of an order may mean, likeliest first: the first that adds up to `Total` counts. The
    order's fields must all stand on its first row. An order without a `Total` means nothing but what stands
    there."""
    yield list(rows)
    if not rows[0][1]["total"]:
        return
    without_tax = _without(rows, "tax")
    yield without_tax  # the prices hold it already
    if _discount_is_on_shipping(rows):
        yield _without(rows, "discount")  # and `Shipping` is what was left of it
        yield _without(without_tax, "discount")


def _without(rows: Sequence[NumberedRow], field: str) -> list[NumberedRow]:
    return [(line, {**fields, field: ""}) for line, fields in rows]


def _discount_is_on_shipping(rows: Sequence[NumberedRow]) -> bool:
    """A discount on goods would make `Subtotal` less than the lines."""
    first = rows[0][1]

    def minor(amount: str) -> int:
        return money.parse_amount(amount, first["currency"])

    try:
        lines = sum(int(fields["quantity"]) * minor(fields["unit_price"]) for _, fields in rows)
        return minor(first["discount"]) > 0 and lines == minor(first["subtotal"])
    except ValueError:  # InvalidAmount is one; whatever is wrong is told elsewhere
        return False
