"""Recognises plain orders, which most orders of most files are, in a fifth of the strict reader's time. What
passes here would pass there, as the same order. What looks unusual in any way is left to the strict reader,
and so is every message. The tests compare the two."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import compress
from operator import itemgetter, mul, ne
from string import punctuation
from typing import cast

from order_system.batches.files.amounts import KIND
from order_system.batches.files.columns import LINE_FIELDS, ORDER_FIELDS, Fields, NumberedRow
from order_system.batches.files.made_names import CUT_SHORT
from order_system.batches.files.spellings import SHEET_ERROR, UNLIKELY, is_garbled
from order_system.domain.card_numbers import SHORTEST, holds_card_number, identifier_holds_card_number
from order_system.domain.ids import ORDER_ID
from order_system.domain.money import MAX_AMOUNT, circulating_currencies, decimals
from order_system.intake.bill import MAX_LINES
from order_system.intake.fields import IDENTIFIERS, countries

_LETTERS = "A-Za-zÀ-ÖØ-öø-ɏ"
_LABEL = f"[ -~{_LETTERS}]"
_NAME = f"[ -)+->@-~{_LETTERS}]"
"""It lacks the question mark, which may stand for a lost letter, and the asterisk, which may hide one."""
_AMOUNT = r"(?:0|[1-9][0-9]{0,7})\.[0-9]{2}"
_PATTERNS = {
    "order_id": f"(?!{CUT_SHORT.pattern}\n){ORDER_ID.pattern}",
    "currency": "[A-Z]{3}",
    **{
        field: f"(?!(?:{UNLIKELY[field]})\n){_NAME}{{1,200}}" for field in ("customer_name", "street", "city")
    },
    "customer_email": r"[\w.+-]{1,64}@(?:[\w-]{1,40}\.){1,3}[\w-]{1,40}",
    "payment_method": rf"(?!(?:paid:)?{CUT_SHORT.pattern}\n)"
    "(?:paid:[!-~]{1,250}|(?!(?i:paid|authori))[!-~]{1,255})",
    "region": f"{_NAME}{{0,100}}",
    "postal_code": f"(?!{CUT_SHORT.pattern}\n|(?:{UNLIKELY['postal_code']})\n){_LABEL}{{0,100}}",
    "country": "[A-Z]{2}",
    "sku": f"(?!{CUT_SHORT.pattern}\n){_LABEL}{{1,64}}",
    "quantity": "[1-9][0-9]{0,3}",
    "unit_price": _AMOUNT,
    **dict.fromkeys(("shipping_fee", "tax", "discount", "total"), f"(?:{_AMOUNT})?"),
    **dict.fromkeys(("hold_on_failure", "flow", "capture"), ""),
}
_LINE = "\n".join(_PATTERNS[field] for field in LINE_FIELDS)
_ORDER = re.compile("\n".join(_PATTERNS[field] for field in ORDER_FIELDS), re.ASCII)
_LINES = re.compile(rf"{_LINE}(?:\n{_LINE})*+", re.ASCII)
_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_BETWEEN_DIGITS = f" {punctuation}".encode()
"""What may stand between the digits of a card number: all of a plain order but letters."""
_SHEET_ERROR = re.compile(f"^(?:{SHEET_ERROR})$", re.MULTILINE)

_Texts = tuple[str, ...]
_TextsOf = Callable[[Fields], _Texts]
_of_order = cast("_TextsOf", itemgetter(*ORDER_FIELDS))
_of_line = cast("_TextsOf", itemgetter(*LINE_FIELDS))


def plain_order(rows: Sequence[NumberedRow]) -> tuple[int, str, str] | None:
    """Return the total in minor units, and the texts of its ORDER_FIELDS and of each row's LINE_FIELDS, a
    line each; None unless these are certainly all the rows of one valid order."""
    first, of_order = rows[0][1], _of_order(rows[0][1])
    of_lines = [text for _, fields in rows if KIND not in fields for text in _of_line(fields)]
    if len(rows) > 1 and not _may_be_one(rows, of_order, of_lines[::3]):
        return None
    order, lines = "\n".join(of_order), "\n".join(of_lines)
    if lines.count("\n") != len(of_lines) - 1:  # a cell of several lines
        return None
    if _ORDER.fullmatch(order) is None or _LINES.fullmatch(lines) is None:
        return None
    known = first["currency"] in _with_two_decimals() and first["country"] in countries()
    total = _total(first, of_lines) if known and not _is_flawed(f"{order}\n{lines}", rows) else None
    return None if total is None else (total, order, lines)


def _is_flawed(text: str, rows: Sequence[NumberedRow]) -> bool:
    if not text.isascii() and any(map(is_garbled, text.split("\n"))):
        return True
    if "#" in text and _SHEET_ERROR.search(text) is not None:
        return True
    digits = text.encode().translate(_AS_ZEROS, _BETWEEN_DIGITS)
    return b"0" * SHORTEST in digits and any(
        (identifier_holds_card_number if field in IDENTIFIERS else holds_card_number)(text)
        for _, fields in rows
        for field, text in fields.items()
    )


def _may_be_one(rows: Sequence[NumberedRow], of_order: _Texts, skus: Sequence[str]) -> bool:
    """Return whether each row has another SKU, and repeats the first one's order or leaves it blank."""
    if len(rows) > MAX_LINES or len({*skus}) < len(skus):
        return False
    known = of_order
    for _, fields in rows[1:]:
        texts = _of_order(fields)
        repeated = compress(of_order, texts)
        if texts != known and (not texts[0] or any(map(ne, repeated, filter(None, texts)))):
            return False
        known = texts  # most further rows are alike
    return True


def _total(first: Fields, of_lines: Sequence[str]) -> int | None:
    """Return the total; None if it is out of bounds, or another one is stated."""
    goods = sum(map(mul, map(int, of_lines[1::3]), map(cents, of_lines[2::3])))
    total = goods + cents(first["shipping_fee"]) + cents(first["tax"]) - cents(first["discount"])
    adds_up = 0 < total <= MAX_AMOUNT and (not first["total"] or total == cents(first["total"]))
    return total if adds_up else None


def cents(amount: str) -> int:
    """Return a plain row's amount in minor units; a blank is 0."""
    return int(amount.replace(".", "")) if amount else 0


@cache
def _with_two_decimals() -> frozenset[str]:
    return frozenset(code for code in circulating_currencies() if decimals(code) == 2)
