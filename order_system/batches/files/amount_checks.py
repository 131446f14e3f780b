"""Refuses an order if the file does not tell what its lines cost, or what the rest of them does."""

from decimal import Decimal

from order_system.batches.files.amounts import Rows, number
from order_system.batches.files.columns import ORDER_FIELDS, Fields
from order_system.batches.files.findings import Unfit
from order_system.batches.files.layouts import Layout
from order_system.batches.files.profiles import AMOUNTS
from order_system.batches.files.spellings import NEGATIVE, country_code, is_negative, whole_number
from order_system.domain.money import decimals


def check_rest(rows: Rows, without: set[int], layout: Layout) -> None:
    """Raises Unfit if a line that is left out takes back some of what is to be shipped, if the lines go to
    several places, or if only some of them tell how much of them is left."""
    kept = {fields["sku"] for line, fields in rows if line not in without}
    (first_line, first), left = rows[0], "quantity_left"
    is_told = any(fields.get(left) for _, fields in rows)
    for line, fields in rows:
        if is_told and line not in without and not fields[left]:
            raise Unfit(line, layout.names[left], "is blank, and on another line of the order it is not")
        for field in ORDER_FIELDS if line != first_line else ():
            spelled = {"country": country_code, "currency": str.upper}.get(field, str)
            texts = {spelled(each[field]) for each in (first, fields) if each[field]}
            if field not in AMOUNTS and len(texts) > 1:
                message = f"differs from line {first_line}; repeat it, or leave it blank"
                raise Unfit(line, layout.names[field], message)
        for field in ("quantity", "unit_price") if fields["sku"] in kept else ("quantity",):
            if line in without and is_negative(fields[field]):
                raise Unfit(line, layout.names[field], NEGATIVE)


def check_included(rows: Rows, layout: Layout) -> None:
    """Raises Unfit if an amount may be in the prices already, or a line costs something else than its pieces,
    and no total tells whether it is so."""
    if rows[0][1]["total"] or any(fields["total"] for _, fields in rows):
        return
    for line, fields in rows:
        for field in (*layout.profile.included, "line_discount"):
            if number(fields, field, layout):
                message = "may be in the prices already, and no total tells whether it is"
                cure = f"; if it is not, take {field} out of what the profile says is included"
                raise Unfit(line, layout.names[field], message + (cure if field in AMOUNTS else ""))
        if "line_total" in fields and not _costs_its_pieces(fields, layout):
            told = "is not the price of all pieces, and no total tells why; "
            cure = 'if it is right, name it as unit_price, and say unit_price = "line total" under [meaning]'
            raise Unfit(line, layout.names["line_total"], told + cure)


def _costs_its_pieces(fields: Fields, layout: Layout) -> bool:
    """Return whether what a line costs is the price of its pieces, but for a rounding; also if it is so with
    its own tax, or less its own discount. A blank says nothing."""
    told = ("line_total", "unit_price", "tax", "discount")
    whole, price, tax, discount = (number(fields, field, layout) for field in told)
    quantity = whole_number(fields["quantity"], layout.profile.decimal)
    if whole is None or price is None or not quantity.isdecimal():
        return not is_negative(fields["line_total"])
    step = Decimal(1).scaleb(-decimals(fields["currency"].upper()))
    off = [
        price * int(quantity) - whole - less + more for less in (0, discount or 0) for more in (0, tax or 0)
    ]
    return min(map(abs, off)) <= step * int(quantity) / 2
