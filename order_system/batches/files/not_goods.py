"""Takes rows that are no goods, but shipping, tax or a discount, out of an order's lines and into its sum."""

import re
from collections.abc import Sequence
from decimal import Decimal
from fnmatch import fnmatchcase

from order_system.batches.files.amounts import MINUS, Rows, amount_of, number
from order_system.batches.files.columns import ORDER_FIELDS, NumberedRow
from order_system.batches.files.findings import Unfit
from order_system.batches.files.layouts import Layout, in_column
from order_system.batches.files.spellings import NEGATIVE, is_negative, whole_number
from order_system.domain.order_profile import NotGoods, as_state
from order_system.intake.fields import MAX_QUANTITY

KIND = "not_goods"
"""The key, in the fields of such a row, of the amount of the order that it is a part of."""


def told_apart(rows: Rows, said: NotGoods, layout: Layout) -> tuple[Rows, Sequence[NumberedRow]]:
    """Return the rows, goods first, and what the others were. These are of no pieces from now on, but still
    tell what belongs to the whole order. Raises Unfit."""
    charges: list[NumberedRow] = []
    for line, fields in rows:
        text = as_state(fields[in_column(said.column)])
        kinds = [kind for kind in said.kinds if any(fnmatchcase(text, each) for each in said.kinds[kind])]
        if len(kinds) > 1:
            raise Unfit(
                line, layout.name_of(said.column), f"may be {' or '.join(kinds)}; let one alone name it"
            )
        if kinds:
            fields[KIND] = kinds[0]
            charges.append((line, fields.copy()))
            fields |= {"quantity": "0", "unit_price": "0", "line_total": ""}
    if len(charges) == len(rows):
        raise Unfit(rows[0][0], layout.name_of(said.column), "is no goods, and nothing else is in the order")
    return sorted(rows, key=lambda row: KIND in row[1]), charges


def with_charges(rows: Rows, charges: Sequence[NumberedRow], said: NotGoods, layout: Layout) -> Rows:
    """Add up what the rows cost that are no goods, on the first row. Raises Unfit."""
    costs: dict[str, dict[int, Decimal]] = {}
    for line, fields in charges:
        field = fields[KIND]
        for key in (field, *layout.further_parts.get(field, ())):
            for other, each in rows:
                if each[key] and number(each, key, layout) != 0:
                    told = f"is {field}, and so is {layout.names[key]} on line {other}; take one of them out"
                    raise Unfit(line, layout.name_of(said.column), told)
        fields["currency"] = rows[0][1]["currency"]
        found = costs.setdefault(field, {})
        found[line] = _cost((line, fields), layout)
        if min(found.values()) < 0 < max(found.values()):
            told = f"has another sign than line {min(found)}; take out which of them is no discount"
            raise Unfit(line, layout.names["unit_price"], told)
    (first_line, first), *others = rows
    sums = {field: f"{sum(found.values()):f}".replace(".", layout.decimal) for field, found in costs.items()}
    return [(first_line, first | sums), *others]


def _cost(row: NumberedRow, layout: Layout) -> Decimal:
    line, fields = row
    key = "line_total" if fields.get("line_total") else "unit_price"
    told = [key]
    if key == "unit_price" and layout.profile.meaning.get(key) != "line total":
        told.append("quantity")
    minus = [each for each in told if is_negative(fields[each]) or MINUS.search(fields[each])]
    if len(minus) > (fields[KIND] == "discount"):
        raise Unfit(line, layout.names[minus[0]], NEGATIVE)
    plain = fields | {each: MINUS.sub("", fields[each], count=1) for each in minus}
    cost = amount_of((line, plain), key, layout)
    if told[1:]:
        pieces = whole_number(plain["quantity"] or "1", layout.profile.decimal)
        if not re.fullmatch("[1-9][0-9]{0,3}|10000", pieces):
            raise Unfit(
                line, layout.names["quantity"], f"must be a whole number between 1 and {MAX_QUANTITY:,}"
            )
        cost *= int(pieces)
    return -cost if minus else cost


def without_repeats(rows: Rows) -> Rows:
    """Return the goods alone if the other rows say nothing more of the order."""
    first = rows[0][1]
    for _, fields in rows:
        if KIND in fields and (
            fields["order_id"] != first["order_id"]
            or any(fields[field] not in ("", first[field]) for field in ORDER_FIELDS)
        ):
            return rows
    return [row for row in rows if KIND not in row[1]]
