"""Most rows of most files are plain, and for those the door (`intake/`, 0.3 ms an order) is needlessly
thorough. What passes here would pass there and become the same order; whatever looks unusual in any way is
left to the door, and so is every message. The tests hold the two against each other.

Many orders are looked at together, column by column, since Python is quick at one long text and slow at many
short ones. An order comes out as its canonical text, of which the fingerprint is the hash.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate, pairwise
from json.encoder import encode_basestring_ascii
from operator import mul

from order_system.batches.files.columns import FIELDS, Fields, NumberedRow
from order_system.batches.files.plain_texts import rows_with_unusual_texts
from order_system.domain.money import (
    MAX_AMOUNT,
    InvalidAmount,
    circulating_currencies,
    decimals,
    parse_amount,
)
from order_system.domain.order import Order
from order_system.intake.bill import MAX_LINES
from order_system.intake.fields import MAX_QUANTITY

Rows = Sequence[NumberedRow]
"""Those of one order."""
Columns = Mapping[str, Sequence[str]]


def canonical_text(order: Order) -> str:
    """What `Order.fingerprint` is the hash of."""
    content = order.model_dump(mode="json", exclude_defaults=True, exclude={"hold_on_failure"})
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def are_plain(rows: Sequence[Fields]) -> list[bool]:
    """Of rows that are an order each: which are certainly valid. Quicker than their canonical texts."""
    plain = [False] * len(rows)
    for currency, numbers in _by_currency(rows):
        table = _Table(currency, [rows[number] for number in numbers])
        unfit = table.unusual | _unfit(currency, table.columns, table.costs)
        for place, number in enumerate(numbers):
            plain[number] = place not in unfit
    return plain


def canonical_texts(orders: Sequence[Rows]) -> list[str | None]:
    """The canonical text of each order; None where it takes the door to tell what the rows are."""
    texts: list[str | None] = [None] * len(orders)
    for currency, numbers in _by_currency([rows[0][1] if rows else _NO_FIELDS for rows in orders]):
        rows = [fields for number in numbers for _, fields in orders[number]]
        table = _Table(currency, rows)
        spans = list(pairwise(accumulate((len(orders[number]) for number in numbers), initial=0)))
        # What is the order's stands on its first row.
        firsts = {field: [column[first] for first, _ in spans] for field, column in table.columns.items()}
        costs = [sum(table.costs[first:after]) for first, after in spans]
        unfit = _unfit(currency, firsts, costs)
        lines = table.lines()
        spelt = _spelt(currency, firsts, [",".join(lines[first:after]) for first, after in spans])
        for place, (number, (first, after)) in enumerate(zip(numbers, spans, strict=True)):
            is_plain = place not in unfit and table.unusual.isdisjoint(range(first, after))
            if is_plain and _are_one_order(rows[first:after]):
                texts[number] = spelt[place]
    return texts


def _by_currency(rows: Sequence[Fields]) -> Iterator[tuple[str, list[int]]]:
    currencies = [fields[_CURRENCY] for fields in rows]
    for currency in set(currencies) & circulating_currencies():
        yield currency, [number for number, each in enumerate(currencies) if each == currency]


class _Table:
    """Rows of orders in one currency."""

    def __init__(self, currency: str, rows: Sequence[Fields]) -> None:
        minor = _amounts_in(currency)
        # Some formats have more behind our own fields.
        self.columns: Columns = dict(zip(FIELDS, zip(*rows, strict=True), strict=False))
        self._quantities = [_QUANTITIES.get(text, _NO_NUMBER) for text in self.columns["quantity"]]
        self._prices = [minor[text] for text in self.columns["unit_price"]]
        self.costs = list(map(mul, self._quantities, self._prices))
        self.unusual = rows_with_unusual_texts(self.columns)
        self.unusual |= _rows_with(_NO_NUMBER, self._quantities, self._prices)
        self.unusual |= _rows_with("", self.columns["sku"], self.columns["unit_price"])

    def lines(self) -> list[str]:
        """Of each row the canonical text of the order's line."""
        skus = _in_json(self.columns["sku"])
        return list(map(_LINE.__mod__, zip(self._quantities, skus, self._prices, strict=True)))


def _unfit(currency: str, orders: Columns, costs: Sequence[int]) -> set[int]:
    """Which orders (one in each row) lack a field, or do not add up."""
    minor = _amounts_in(currency)
    fees, taxes, discounts = ([minor[text] for text in orders[field]] for field in _AMOUNTS)
    unfit = _rows_with(_NO_NUMBER, fees, taxes, discounts)
    unfit |= _rows_with("", *(orders[field] for field in _NEVER_BLANK))
    # It is no content, and so has no place in a canonical text.
    unfit |= {number for number, hold in enumerate(orders["hold_on_failure"]) if hold}
    point = -1 - decimals(currency)
    rows = zip(costs, fees, taxes, discounts, orders["total"], strict=True)
    for number, (cost, fee, tax, discount, total) in enumerate(rows):
        amount = cost + fee + tax - discount
        # Mostly the total is written with all decimals, which is told without reading it.
        whole, dot, fraction = total[:point], total[point : point + 1], total[point + 1 :]
        in_full = bool(whole) and dot == "." and whole + fraction == str(amount)
        if not 0 < amount <= MAX_AMOUNT or not (in_full or not total or minor[total] == amount):
            unfit.add(number)
    return unfit


def _spelt(currency: str, orders: Columns, lines: Sequence[str]) -> list[str]:
    """Canonical texts: keys in order, and defaults left out."""
    minor = _amounts_in(currency)
    texts: list[str] = []
    for (
        line_texts, fee, tax, discount,
        order_id, name, email, payment_method, street, city, region, postal_code, country,
    ) in zip(
        lines, *(orders[field] for field in _AMOUNTS), *(_in_json(orders[field]) for field in _SPELT),
        strict=True,
    ):  # fmt: skip
        fee_text = f',"shipping_fee":{minor[fee]}' if minor[fee] else ""
        tax_text = f',"tax":{minor[tax]}' if minor[tax] else ""
        discount_text = f'"discount":{minor[discount]},' if minor[discount] else ""
        texts.append(
            f'{{"currency":"{currency}","customer":{{"email":"{email}","name":"{name}"}},{discount_text}'
            f'"lines":[{line_texts}],"order_id":"{order_id}","payment_method":"{payment_method}",'
            f'"shipping_address":{{"city":"{city}","country":"{country}","postal_code":"{postal_code}",'
            f'"region":"{region}","street":"{street}"}}{fee_text}{tax_text}}}'
        )
    return texts


_CURRENCY, _SKU = FIELDS.index("currency"), FIELDS.index("sku")
_AMOUNTS = ("shipping_fee", "tax", "discount")
_NEVER_BLANK = ("order_id", "customer_name", "customer_email", "payment_method", "street", "city", "country")
_SPELT = (
    "order_id", "customer_name", "customer_email", "payment_method",
    "street", "city", "region", "postal_code", "country",
)  # fmt: skip
_NO_FIELDS: Fields = ("",) * len(FIELDS)
_LINE = '{"quantity":%d,"sku":"%s","unit_price":%d}'

_NO_NUMBER = -1
_QUANTITIES = {str(quantity): quantity for quantity in range(1, MAX_QUANTITY + 1)}


def _in_json(column: Sequence[str]) -> Sequence[str]:
    """Without the quotes around them."""
    together = "".join(column)
    if together.isascii() and "\\" not in together and '"' not in together:
        return column
    return [encode_basestring_ascii(text)[1:-1] for text in column]


def _rows_with(value: object, *columns: Sequence[object]) -> set[int]:
    return {row for column in columns if value in column for row, cell in enumerate(column) if cell == value}


def _are_one_order(rows: Sequence[Fields]) -> bool:
    no_sku_twice = len({row[_SKU] for row in rows}) == len(rows)
    return no_sku_twice and len(rows) <= MAX_LINES and agree(rows)


def agree(rows: Sequence[Fields]) -> bool:
    """Whether the further rows of an order repeat its fields or leave them blank."""
    # Between its ID and what follows the three fields of a line.
    first, *further = [(row[0], row[1:_SKU] + row[_SKU + 3 : len(FIELDS)]) for row in rows]
    return all(
        order_id == first[0] and (rest == first[1] or not any(rest) or _partly_repeats(rest, first[1]))
        for order_id, rest in further
    )


def _partly_repeats(rest: Fields, first: Fields) -> bool:
    return all(not cell or cell == one for cell, one in zip(rest, first, strict=True))


class _Amounts(dict[str, int]):
    """Decimal text to minor units of one currency, remembered; a blank is 0."""

    def __init__(self, currency: str) -> None:
        super().__init__({"": 0})
        self._currency = currency

    def __missing__(self, text: str) -> int:
        if len(self) > _REMEMBERED:
            self.clear()
            self[""] = 0
        try:
            minor = parse_amount(text, self._currency)
        except InvalidAmount:
            minor = _NO_NUMBER
        self[text] = minor
        return minor


_REMEMBERED = 10_000
_amounts_in = cache(_Amounts)
