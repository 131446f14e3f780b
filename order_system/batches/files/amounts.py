"""Turns the amounts in the rows of one order, as a profile means them, into those of our own columns. Parts
are added up, shares become amounts, and amounts of each line or of all its pieces are converted."""

import re
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

from order_system.batches.files.columns import LINE_FIELDS, Fields, NumberedRow
from order_system.batches.files.findings import Unfit
from order_system.batches.files.layouts import Layout, in_column
from order_system.batches.files.profiles import AMOUNTS
from order_system.batches.files.spellings import NEGATIVE, amount, is_negative, whole_number
from order_system.domain.money import InvalidAmount, decimals

Rows = Sequence[NumberedRow]
KIND = "not_goods"
"""The key, in the fields of a row that is no goods, of the amount of the order that it is a part of."""


def filled_in(rows: Rows, layout: Layout) -> Rows:
    """Fill in what blank cells mean, and the currency on each row, since amounts are read by it."""
    currency = rows[0][1]["currency"] or next(filter(None, (fields["currency"] for _, fields in rows)), "")
    for _, fields in rows:
        fields["currency"] = fields["currency"] or currency
    if not layout.profile.defaults:
        return rows
    blank = {
        field: text
        for field, text in layout.profile.defaults.items()
        if field in LINE_FIELDS or not any(fields[field] for _, fields in rows)
    }
    return [
        (line, fields | {field: text for field, text in blank.items() if not fields[field]})
        for line, fields in rows
    ]


def number(fields: Fields, key: str, layout: Layout) -> Decimal | None:
    """Return the number; None if the cell is blank or no amount."""
    try:
        text = amount(fields.get(key, ""), fields["currency"].upper(), layout.profile.decimal)
    except InvalidAmount:
        return None
    return Decimal(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]+)?", text) else None


def rounded(value: Decimal, currency: str) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals(currency.upper())), ROUND_HALF_UP)


def written(value: Decimal, currency: str, layout: Layout) -> str:
    """Return an amount as the file writes amounts."""
    return f"{rounded(value, currency):f}".replace(".", layout.decimal)


def sum_of_lines(rows: Rows, layout: Layout) -> Decimal | None:
    total = Decimal(0)
    is_of_line = layout.profile.meaning.get("unit_price") == "line total"
    for _, fields in rows:
        price = number(fields, "unit_price", layout)
        quantity = whole_number(fields["quantity"], layout.profile.decimal)
        if price is None or not quantity.isdecimal():
            return None
        total += price if is_of_line else price * int(quantity)
    return total


def without_sums(rows: Rows, layout: Layout) -> Rows:
    """Return the lines without the row of sums before them. The first line takes over all that this row says
    and the line does not, the others its states. Raises Unfit if a price there is not the sum of theirs."""
    (first_line, sums), *lines = filled_in(rows, layout)
    price = number(sums, "unit_price", layout)
    if price is not None and price != sum_of_lines(lines, layout):
        message = "is not the sum of the lines below it, and the row names no item"
        message += '; if a price is of all pieces of its line, say unit_price = "line total" under [meaning]'
        raise Unfit(first_line, layout.names["unit_price"], message)
    told = {key: text for key, text in sums.items() if text and key not in LINE_FIELDS}
    states = map(in_column, (state.column for state in layout.profile.states))
    of_states = {key: told[key] for key in states if key in told}
    return [
        (line, fields | {key: text for key, text in (of_states if at else told).items() if not fields[key]})
        for at, (line, fields) in enumerate(lines)
    ]


def without_doubles(rows: Rows, layout: Layout) -> Rows:
    """Drop rows that cost nothing and name the item of another row: Magento adds one for the chosen variant
    of a product. Raises Unfit if the profile does not say whether they are gifts."""
    what = layout.profile.meaning.get("free_line")
    if what == "own item":
        return rows
    prices = {line: number(fields, "unit_price", layout) for line, fields in rows}
    what_of = {
        line: (each["sku"], whole_number(each["quantity"], layout.profile.decimal)) for line, each in rows
    }
    paid = {what_of[line]: line for line, _ in rows if prices[line]}
    doubles = {line: paid.get(what_of[line]) for line, _ in rows if prices[line] == 0}
    for line, other in doubles.items():
        if other and (what != "same item" or line == rows[0][0]):
            message = f"is nothing, for what is on line {other}, too"
            cure = ': one item twice, or a gift? Say free_line = "same item" or "own item" under [meaning]'
            cure = f", and begins the order; put it below line {other}" if what else cure
            raise Unfit(line, layout.names["unit_price"], message + cure)
    return [row for row in rows if not doubles.get(row[0])]


def readings(rows: Rows, layout: Layout) -> Iterator[Rows]:
    """Yield what the rows may mean: as they stand; rounded, if a shop reckons in tenths of cents; without the
    tax that is in the prices; with the discount of the goods alone; with the lines' discounts on top. An
    order without a total means only what stands there."""
    yield rows
    first, included = rows[0][1], layout.profile.included
    if not first["total"]:
        return
    less: list[Fields] = [{}]
    for key in ("shipping_fee", "tax", "discount"):
        value = number(first, key, layout)
        if value and value != rounded(value, first["currency"]):
            less[0][key] = written(value, first["currency"], layout)
    if "tax" in included and first["tax"]:
        less.append(less[0] | {"tax": ""})
    if "discount" in included and first["discount"]:
        less += [change | {"discount": _discount_of_goods(rows, layout)} for change in less]
    if of_lines := number(first, "line_discount", layout):
        off = written(of_lines + (number(first, "discount", layout) or 0), first["currency"], layout)
        less += [change | {"discount": off} for change in less]
    for change in less if less[0] else less[1:]:
        yield [  # a row with another amount keeps it
            (line, fields | {key: text for key, text in change.items() if fields[key] == first[key]})
            for line, fields in rows
        ]


def _discount_of_goods(rows: Rows, layout: Layout) -> str:
    """Return the lines less the subtotal; blank if unknown, not above 0, or more than the discount."""
    first, lines = rows[0][1], sum_of_lines(rows, layout)
    subtotal, discount = number(first, "subtotal", layout), number(first, "discount", layout)
    if subtotal is None or discount is None or lines is None or not 0 < lines - subtotal <= discount:
        return ""
    return f"{lines - subtotal:f}"


def with_amounts(rows: Rows, layout: Layout) -> Rows:
    """Add up the parts of amounts, make shares amounts, and take the minus from discounts. Raises Unfit."""
    meaning, parts = layout.profile.meaning, layout.further_parts
    is_share = meaning.get("discount", "").startswith("share")
    told = [key for keys in parts.values() for key in keys for _, fields in rows if fields[key]]
    has_minus = [True for _, fields in rows if "-" in fields["discount"]]
    if not (told or has_minus or is_share or "unclear" in meaning.values()):
        return rows
    discounts = ["discount", *parts.get("discount", ())]
    for key in discounts:
        signs = {
            MINUS.search(fields[key]) is None: line
            for line, fields in rows
            if re.search("[1-9]", fields[key])
        }
        if len(signs) > 1:
            told = f"has another sign than line {min(signs.values())}; take out which of them is no discount"
            raise Unfit(max(signs.values()), layout.names[key], told)
    changed: list[NumberedRow] = []
    for line, fields in rows:
        new = fields
        for key in discounts:
            if "-" in fields[key]:  # some shops write discounts so
                new = new | {key: MINUS.sub("", fields[key], count=1)}
        if is_share and fields["discount"]:
            new = new | {"discount": _of_share((line, new), rows, layout)}
        for field, keys in parts.items():
            if any(map(new.__getitem__, keys)):
                values = [amount_of((line, new), key, layout) for key in (field, *keys) if new[key]]
                new = new | {field: written(sum(values, Decimal(0)), new["currency"], layout)}
        changed.append((line, new))
    for field in [field for field, what in meaning.items() if what == "unclear"]:
        found = {line: value for line, fields in changed if (value := number(fields, field, layout))}
        if len(found) > 1 and len(set(found.values())) == 1:  # if they differ, the order is refused later
            first, second, *_ = found
            told = f"is the same on line {first}, and nobody knows whether it is of each line or of all; "
            cure = f'say {field} = "per line" or "per order" under [meaning] in a profile of your own'
            raise Unfit(second, layout.names[field], told + cure)
    return changed


MINUS = re.compile(r"-(?=\D{0,4}[0-9])|(?<=[0-9])-$")
"""Of a number, and not that of `34,-`."""


def amount_of(row: NumberedRow, key: str, layout: Layout) -> Decimal:
    """Return the amount. Raises Unfit if it is none."""
    line, fields = row
    if (value := number(fields, key, layout)) is None:
        message = "must be an amount, such as 29.99" + cure_of_comma(fields[key])
        try:
            amount(fields[key], fields["currency"].upper(), layout.profile.decimal)
        except InvalidAmount as error:  # of another currency, for example
            message = str(error)
        name = key if KIND in fields else layout.names[key]  # a cell of that name says nothing of it
        raise Unfit(line, name, NEGATIVE if is_negative(fields[key]) else message)
    return value


def cure_of_comma(text: str) -> str:
    """Return the cure if a comma is why a text is no amount; else blank."""
    is_comma = re.fullmatch(r"[^\d,]*\d[\d.'\u2019 \u00a0\u202f]*,\d+\D*", text)
    return '; a profile that says decimal = "," reads a comma there' if is_comma else ""


def _of_share(row: NumberedRow, rows: Rows, layout: Layout) -> str:
    line, fields = row
    text = fields["discount"].replace(layout.decimal, ".").removesuffix("%").strip()
    goods = sum_of_lines([row] if layout.profile.is_per_line("discount") else rows, layout)
    if goods is None:
        return ""  # the strict reader tells what is wrong with the lines
    share = Decimal(text) if _SHARE.fullmatch(text) else Decimal("Infinity")
    if fields["discount"].endswith("%"):
        share /= 100
    if share > 1:
        raise Unfit(line, layout.names["discount"], "must be a share, such as 0.15 or 15%")
    return written(goods * share, fields["currency"], layout)


_SHARE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,12})?")


def added_up(rows: Rows, layout: Layout) -> Rows:
    """Add up, on the first row, the amounts that stand on each line, or are lines. Raises Unfit."""
    sums: Fields = {}
    first_line, first = rows[0]
    has_discounts = [True for _, fields in rows if fields.get("line_discount", "").strip("0.,")]
    fields_of_lines = [*layout.per_line, *(["line_discount"] if has_discounts else [])]
    for field in dict.fromkeys([*fields_of_lines, *(fields[KIND] for _, fields in rows if KIND in fields)]):
        values = [amount_of(row, field, layout) for row in rows if row[1][field]]
        total = sum(values, Decimal(0))
        total = rounded(total, first["currency"]) if field in fields_of_lines else total
        sums[field] = f"{total:f}".replace(".", layout.decimal) if values else ""
    if not sums:
        return rows
    blank = dict.fromkeys(sums, "")
    return [(first_line, first | sums), *((line, fields | blank) for line, fields in rows[1:])]


def of_each_piece(row: NumberedRow, layout: Layout) -> Iterator[NumberedRow]:
    """Yield a line with the price of each piece, if its own is of all pieces, or is rounded. What cannot be
    divided becomes two lines: 10.00 for three are one at 3.34 and two at 3.33."""
    line, fields = row
    price = number(fields, "unit_price", layout)
    quantity = whole_number(fields["quantity"], layout.profile.decimal)
    is_of_each = layout.profile.meaning.get("unit_price") != "line total"
    total = number(fields, "line_total", layout) if is_of_each else price
    if price is None or total is None or not re.fullmatch(r"[1-9][0-9]{0,4}", quantity):
        yield row
        return
    step, total = Decimal(1).scaleb(-decimals(fields["currency"].upper())), rounded(total, fields["currency"])
    off = abs(total - price * int(quantity))
    # The difference is too large for a rounding, or there is none.
    if is_of_each and (off > step * int(quantity) / 2 or off == price % step == 0):
        yield row
        return
    each = total / int(quantity) // step * step
    dearer = int((total - each * int(quantity)) / step)
    for pieces, price in ((int(quantity) - dearer, each), (dearer, each + step)):
        if pieces:
            text = written(price, fields["currency"], layout)
            yield line, fields | {"quantity": str(pieces), "unit_price": text}


def fewer_pieces(row: NumberedRow, ordered: str, pieces: str, layout: Layout) -> Fields:
    """Return what is left of a line, with its part of the amounts for the whole line. Raises Unfit."""
    line, fields = row
    if not (ordered.isdecimal() and pieces.isdecimal() and 0 < int(pieces) < int(ordered)):
        told = "must be a whole number, and no more than was ordered"
        raise Unfit(line, layout.names["quantity_left"], told)
    is_of_line = layout.profile.meaning.get("unit_price") == "line total"
    whole_line = [*layout.per_line, *(["unit_price"] if is_of_line else [])]
    changed = {"quantity": pieces, "line_total": ""}
    for field in whole_line:
        if value := number(fields, field, layout):
            part = value * int(pieces) / int(ordered)
            if part != rounded(part, fields["currency"]):
                message = f"cannot be divided by {ordered}: what the rest costs is not told"
                raise Unfit(line, layout.names[field], message)
            changed[field] = written(part, fields["currency"], layout)
    return fields | changed


def with_points(rows: Rows) -> Rows:
    """Write amounts with a comma before two decimals as the quick check knows them, with a point."""
    changed: list[NumberedRow] = []
    for line, fields in rows:
        found = [key for key in _PRICES if _COMMA.fullmatch(fields[key])]
        changed.append((line, fields | {key: fields[key].replace(",", ".") for key in found}))
    return changed


_PRICES = ("unit_price", *AMOUNTS)
_COMMA = re.compile(r"[0-9]{1,8},[0-9]{2}")
