"""Takes rows that are no goods, but shipping, tax or a discount, out of an order's lines and into its sum."""

import re
from fnmatch import fnmatchcase
from itertools import product

from order_system.batches.files.amounts import KIND, MINUS, Rows, sum_of_lines
from order_system.batches.files.columns import Fields
from order_system.batches.files.findings import Unfit
from order_system.batches.files.layouts import Layout, in_column
from order_system.domain.order_profile import NotGoods, as_state


def goods_first(rows: Rows, said: NotGoods, layout: Layout) -> Rows:
    """Return the rows, goods first. The others are of no pieces from now on, and what they cost is an amount
    of the order. They still tell what belongs to the whole order. Raises Unfit."""
    currency = next((fields["currency"] for _, fields in rows if fields["currency"]), "")
    wrong: list[tuple[int, str]] = []
    for line, fields in rows:
        text = as_state(fields[in_column(said.column)])
        named = {"shipping_fee": said.shipping_fee, "tax": said.tax, "discount": said.discount}
        kinds = [kind for kind in named if any(fnmatchcase(text, each) for each in named[kind])]
        wrong += [(line, f"may be {' or '.join(kinds)}; let one alone name it")] if kinds[1:] else []
        for kind in kinds:
            for key, (other, each) in product((kind, *layout.further_parts.get(kind, ())), rows):
                if KIND not in each and re.search("[1-9]", each[key]):
                    told = f"is {kind}, and so is {layout.names[key]} on line {other}; take one of them out"
                    wrong.append((line, told))
            cost = "" if wrong else _cost(fields | {"currency": currency}, layout)
            fields |= {KIND: kind, kind: cost, "quantity": "0", "unit_price": "0", "line_total": ""}
    if all(KIND in fields for _, fields in rows):
        wrong.append((rows[0][0], "is no goods, and nothing else is in the order"))
    for line, message in wrong:
        raise Unfit(line, layout.name_of(said.column), message)
    return sorted(rows, key=lambda row: KIND in row[1])


def _cost(fields: Fields, layout: Layout) -> str:
    """Return what a row costs, with a minus if that is written there; no amount if it does not tell."""
    whole = fields.get("line_total")
    price, quantity = whole or fields["unit_price"], "1" if whole else fields["quantity"] or "1"
    plain, pieces = (MINUS.sub("", text, count=1) for text in (price, quantity))
    cost = sum_of_lines([(0, fields | {"unit_price": plain, "quantity": pieces})], layout)
    if cost is None or not pieces.strip("0") or (plain != price and pieces != quantity):
        return price if price and quantity == "1" else f"{quantity} x {price}"
    return f"{'-' if plain != price or pieces != quantity else ''}{cost:f}".replace(".", layout.decimal)
