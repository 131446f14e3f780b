"""Takes rows that are no goods, but shipping, tax or a discount, out of an order's lines and into its sum."""

import re
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import product

from order_system.batches.files.amounts import MINUS, Rows, amount_of, number
from order_system.batches.files.columns import ORDER_FIELDS, NumberedRow
from order_system.batches.files.findings import Unfit
from order_system.batches.files.layouts import Layout, in_column
from order_system.batches.files.spellings import NEGATIVE, is_negative, whole_number
from order_system.domain.order_profile import NotGoods, as_state

KIND = "not_goods"
"""The key, in the fields of such a row, of the amount of the order that it is a part of."""
KINDS = ("shipping_fee", "tax", "discount")


def told_apart(rows: Rows, said: NotGoods, layout: Layout) -> tuple[Rows, Rows]:
    """Return the rows, goods first, and what the others were. These are of no pieces from now on, but still
    tell what belongs to the whole order. Raises Unfit."""
    charges: list[NumberedRow] = []
    for line, fields in rows:
        text = as_state(fields[in_column(said.column)])
        kinds = [kind for kind in KINDS if any(fnmatchcase(text, each) for each in getattr(said, kind))]
        if len(kinds) > 1:
            told = f"may be {' or '.join(kinds)}; let one alone name it"
            raise Unfit(line, layout.name_of(said.column), told)
        if kinds:
            charges.append((line, fields | {KIND: kinds[0]}))
            fields |= {KIND: kinds[0], "quantity": "0", "unit_price": "0", "line_total": ""}
    if len(charges) == len(rows):
        raise Unfit(rows[0][0], layout.name_of(said.column), "is no goods, and nothing else is in the order")
    return sorted(rows, key=lambda row: KIND in row[1]), charges


def with_charges(rows: Rows, charges: Rows, said: NotGoods, layout: Layout) -> Rows:
    """Add up what the rows cost that are no goods, on the first row. Raises Unfit."""
    (first_line, first), costs = rows[0], dict[str, dict[int, Decimal]]()
    for line, fields in charges:
        field = fields[KIND]
        for key, (other, each) in product((field, *layout.further_parts.get(field, ())), rows):
            if each[key] and number(each, key, layout) != 0:
                told = f"is {field}, and so is {layout.names[key]} on line {other}; take one of them out"
                raise Unfit(line, layout.name_of(said.column), told)
        found = costs.setdefault(field, {})
        found[line] = _cost((line, fields | {"currency": first["currency"]}), layout)
        if min(found.values()) < 0 < max(found.values()):
            told = f"has another sign than line {min(found)}; take out which of them is no discount"
            raise Unfit(line, layout.names["unit_price"], told)
    sums = {field: f"{sum(found.values()):f}".replace(".", layout.decimal) for field, found in costs.items()}
    return [(first_line, first | sums), *rows[1:]]


def _cost(row: NumberedRow, layout: Layout) -> Decimal:
    line, fields = row
    key = "line_total" if fields.get("line_total") else "unit_price"
    is_of_each = key == "unit_price" and layout.profile.meaning.get(key) != "line total"
    told = (key, "quantity") if is_of_each else (key,)
    minus = [each for each in told if is_negative(fields[each]) or MINUS.search(fields[each])]
    if len(minus) > (fields[KIND] == "discount"):
        raise Unfit(line, layout.names[minus[0]], NEGATIVE)
    plain = fields | {each: MINUS.sub("", fields[each], count=1) for each in minus}
    pieces = whole_number(plain["quantity"] or "1", layout.profile.decimal) if is_of_each else "1"
    if not re.fullmatch("[1-9][0-9]{0,3}", pieces):
        raise Unfit(line, layout.names["quantity"], "must be a whole number between 1 and 9,999")
    return (-1 if minus else 1) * int(pieces) * amount_of((line, plain), key, layout)


def without_repeats(rows: Rows) -> Rows:
    """Drop rows that are no goods, except those that say something more of the order than its first row."""
    first = rows[0][1]
    return [
        (line, fields)
        for line, fields in rows
        if KIND not in fields
        or not fields["order_id"]
        or any(fields[field] not in ("", first[field]) for field in ORDER_FIELDS)
    ]
