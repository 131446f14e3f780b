"""Which texts of many are plain: certainly what the door accepts, unchanged. A blank one counts as plain.

All texts of a column are looked at as one, a line each; only where that fails, one by one.
"""

import re
from collections.abc import Mapping, Sequence

from order_system.domain.card_numbers import SHORTEST, holds_card_number
from order_system.domain.ids import ORDER_ID
from order_system.intake.fields import countries

_ATOM = r"[!-\-/-?A-~]+"  # printable ASCII but `@` and `.`
# None begins with an apostrophe, which may be a spreadsheet's sign for text.
_PATTERNS = {
    "order_id": ORDER_ID.pattern,
    "customer_email": rf"(?!')[!-?A-~]+@{_ATOM}(?:\.{_ATOM})+",
    "payment_method": "(?!')[!-~]{1,255}",
    "sku": "(?!')[!-~]{1,64}",
}
_COLUMN_OF = {
    field: re.compile(rf"\n(?>(?:{pattern})?\n)*+", re.ASCII) for field, pattern in _PATTERNS.items()
}
_LABELS = ("customer_name", "street", "city", "region", "postal_code")
_MOST_CHARACTERS = {
    "customer_email": 254, "customer_name": 200, "street": 200, "city": 200, "region": 100, "postal_code": 100
}  # fmt: skip

TEXTS = (*_PATTERNS, *_LABELS)


def rows_with_unusual_texts(columns: Mapping[str, Sequence[str]]) -> set[int]:
    unusual: set[int] = set()
    for field in TEXTS:
        column = columns[field]
        if not _are_plain(field, column):
            unusual.update(row for row, text in enumerate(column) if not _are_plain(field, (text,)))
    codes = set(columns["country"]) - {"", *countries()}
    if codes:
        unusual.update(row for row, code in enumerate(columns["country"]) if code in codes)
    return unusual


def _are_plain(field: str, texts: Sequence[str]) -> bool:
    lines = "\n".join(("", *texts, ""))
    pattern = _COLUMN_OF.get(field)
    return (
        lines.count("\n") == len(texts) + 1
        and (_are_labels(lines) if pattern is None else pattern.fullmatch(lines) is not None)
        and (field not in _MOST_CHARACTERS or max(map(len, texts)) <= _MOST_CHARACTERS[field])
        and not _may_hold_card_number(lines, texts)
    )


def _are_labels(lines: str) -> bool:
    """Nothing in them hides, has to be trimmed, or begins with an apostrophe."""
    return (
        lines.replace("\n", "").isprintable()
        and "\n " not in lines
        and " \n" not in lines
        and "\n'" not in lines
    )


def _may_hold_card_number(lines: str, texts: Sequence[str]) -> bool:
    """Card numbers are looked for as the door does first of all: SHORTEST digits and more, with no letter
    between them."""
    if lines.isascii():
        return _MANY_DIGITS in lines.encode().translate(_DIGITS_AND_LETTERS, _ALL_ELSE)
    ascii_texts = [text for text in texts if text.isascii()]
    # Outside of ASCII a character that is no letter may stand for several digits.
    others = (text for text in texts if not text.isascii() and not text.replace(" ", "").isalpha())
    return _may_hold_card_number("\n".join(ascii_texts), ascii_texts) or any(map(holds_card_number, others))


_MANY_DIGITS = b"0" * SHORTEST
_DIGITS_AND_LETTERS = bytes(ord("0") if chr(code).isdecimal() else ord("a") for code in range(128)) * 2
# The line ends stay and count as letters, so that nothing runs on from one text to the next.
_ALL_ELSE = bytes(code for code in range(128) if not chr(code).isalnum() and chr(code) != "\n")
