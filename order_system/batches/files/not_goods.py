"""Takes rows that are no goods, but shipping, tax or a discount, out of an order's lines and into its sum."""

from fnmatch import fnmatchcase
from itertools import product

from order_system.batches.files.amounts import KIND, MINUS, Rows, number, sum_of_lines
from order_system.batches.files.columns import ORDER_FIELDS, Fields, NumberedRow
from order_system.batches.files.findings import Unfit
from order_system.batches.files.layouts import Layout, in_column
from order_system.domain.order_profile import NotGoods, as_state

KINDS = ("shipping_fee", "tax", "discount")


def told_apart(rows: Rows, said: NotGoods, layout: Layout) -> tuple[Rows, dict[int, Fields]]:
    """Return the rows, goods first, and what the others were, by line. These are of no pieces from now on,
    but still tell what belongs to the whole order. Raises Unfit."""
    charges: dict[int, Fields] = {}
    name = layout.name_of(said.column)
    for line, fields in rows:
        text = as_state(fields[in_column(said.column)])
        kinds = [kind for kind in KINDS if any(fnmatchcase(text, each) for each in getattr(said, kind))]
        if len(kinds) > 1:
            raise Unfit(line, name, f"may be {' or '.join(kinds)}; let one alone name it")
        if kinds:
            charges[line] = fields | {KIND: kinds[0]}
            fields |= {KIND: kinds[0], "quantity": "0", "unit_price": "0", "line_total": ""}
    if len(charges) == len(rows):
        raise Unfit(rows[0][0], name, "is no goods, and nothing else is in the order")
    return sorted(rows, key=lambda row: KIND in row[1]), charges


def with_charges(rows: Rows, charges: dict[int, Fields], said: NotGoods, layout: Layout) -> Rows:
    """Let each row that is no goods have what it costs as an amount of the order. Raises Unfit."""
    costs: dict[int, Fields] = {}
    for line, fields in charges.items():
        field = fields[KIND]
        for key, (other, each) in product((field, *layout.further_parts.get(field, ())), rows):
            if each[key] and number(each, key, layout) != 0:
                told = f"is {field}, and so is {layout.names[key]} on line {other}; take one of them out"
                raise Unfit(line, layout.name_of(said.column), told)
        costs[line] = {field: _cost((line, fields | {"currency": rows[0][1]["currency"]}), layout)}
    return [(line, fields | costs.get(line, {})) for line, fields in rows]


def _cost(row: NumberedRow, layout: Layout) -> str:
    """Return what a row costs, with a minus if that is written there. Raises Unfit."""
    line, fields = row
    whole, quantity = fields.get("line_total"), fields["quantity"] or "1"
    told = {"unit_price": whole or fields["unit_price"], "quantity": "1" if whole else quantity}
    plain = {key: MINUS.sub("", text, count=1) for key, text in told.items()}
    minus = [key for key in told if plain[key] != told[key]]
    cost = sum_of_lines([(line, fields | plain)], layout) if plain["quantity"].strip("0") else None
    if cost is None or len(minus) > (fields[KIND] == "discount"):
        message = "must be an amount, of one or more pieces; that of a discount alone may be negative"
        raise Unfit(line, layout.names["line_total" if whole else "unit_price"], message)
    return f"{'-' if minus else ''}{cost:f}".replace(".", layout.decimal)


def without_repeats(rows: Rows) -> Rows:
    """Drop rows that are no goods, except those that say something more of the order than its first row."""
    first, keys = rows[0][1], [field for field in ORDER_FIELDS if field != "order_id"]
    return [
        (line, each)
        for line, each in rows
        if KIND not in each or not each["order_id"] or any(each[key] not in ("", first[key]) for key in keys)
    ]
