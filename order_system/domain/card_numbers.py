"""Finds card numbers where none may be. A system that stores one falls under the card industry's rules, so
an order that holds a card number is refused when it is read, and nothing repeats the number.

A card number has 13 to 19 digits, begins as one of the networks' numbers do, and its last digit checks the
others (Luhn). People write it with spaces or dashes, so anything but a letter may stand between its groups.
Of innocent numbers of that length a few in a hundred pass all three tests. But `# 45-17, 3104567891`, a house
and a telephone, and `45.997.418/0001-53`, a company in Brazil, have several signs, and between short groups.

That is too many for identifiers: shops, marketplaces and barcodes have numbers of just these lengths. In an
identifier a number counts only if it is as long as the network's cards are, and written as cards are written.
Of innocent plain runs of 16 digits one in 24 is still taken for a card number. A plain run of 13 or 14 digits
never is: it is a barcode or a shop's own number far more often than an old Visa or a Diners Club card."""

import re
import unicodedata
from collections.abc import Sequence
from typing import cast

SHORTEST, LONGEST = 13, 19
_LONGEST_PHONE = 15  # with a + before it

REFUSAL = "holds a card number, which must not reach this system; send the payment gateway's token instead"

# First digits (lowest, highest) of a network's numbers, and the lengths that it issues.
_NETWORKS: tuple[tuple[str, str, range], ...] = (
    ("4", "4", range(13, 20, 3)),  # Visa
    ("51", "55", range(16, 17)),  # Mastercard
    ("2221", "2720", range(16, 17)),  # Mastercard
    ("34", "34", range(15, 16)),  # American Express
    ("37", "37", range(15, 16)),  # American Express
    ("300", "305", range(14, 20)),  # Diners Club
    ("3095", "3095", range(14, 20)),  # Diners Club
    ("36", "36", range(14, 20)),  # Diners Club
    ("38", "39", range(14, 20)),  # Diners Club
    ("3528", "3589", range(16, 20)),  # JCB
    ("2200", "2204", range(16, 20)),  # Mir
    ("50", "50", range(13, 20)),  # Maestro, RuPay
    ("56", "69", range(13, 20)),  # Maestro, Discover, UnionPay, RuPay
    ("81", "82", range(16, 20)),  # UnionPay, RuPay
    ("9792", "9792", range(16, 17)),  # Troy
)

HIDDEN = "\u2022"
"""Replaces each digit of a card number when a text is shown that held one."""
_HIDDEN_NUMBER = re.compile(rf"{HIDDEN}(?:[^\w{HIDDEN}]*{HIDDEN}){{{SHORTEST - 1}}}")

_LONG_ENOUGH = re.compile(r"\+?\d(?:[\W_]*\d){12,}")  # SHORTEST digits, and no letter between them

_AS_CARDS_ARE_WRITTEN = tuple(
    re.compile(rf"(?<!\d){pattern}(?!\d)")
    for pattern in (
        r"(?<!1[Zz])(?:3[47]\d{13}|\d{16}|\d{19})",  # 1Z begins the numbers of UPS's parcels
        r"3(?:[47]\d\d([\W_])\d{6}\1\d{5}|[0689]\d\d([\W_])\d{6}\2\d{4})",
        # Not within a longer row of fours: USPS shows the 22 digits of a parcel like that.
        r"(?<!\d{4}[\W_])\d{4}([\W_])\d{4}\1\d{4}\1\d{4}(?!\d|\1\d{4}(?!\d))",
        r"(?<!\d{4}[\W_])\d{4}([\W_])\d{4}\1\d{4}\1\d{4}\1\d{3}",
    )
)
"""In today's lengths: a plain run, of American Express and all others; then groups, also of Diners Club."""


def holds_card_number(value: object) -> bool:
    """True if a text, a number, or a JSON value or key holds a card number, or one with hidden digits."""
    pending = [value]  # a stack of our own: a value can be nested deeper than Python can recurse
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            fields = cast("dict[object, object]", part)
            pending.extend([*fields.keys(), *fields.values()])
        elif isinstance(part, list):
            pending.extend(cast("list[object]", part))
        elif _in_scalar(part):
            return True
    return False


def identifier_holds_card_number(value: object) -> bool:
    """True if an order ID, a SKU, a payment reference or another name that programs give holds a card number:
    `4242424242424242` or `A-4242-4242-4242-4242`, but no Amazon order ID and no barcode."""
    plain = unicodedata.normalize("NFKC", value) if isinstance(value, str) else ""
    return _HIDDEN_NUMBER.search(plain) is not None or any(
        _is_card_number(re.sub(r"\D", "", found[0]))
        for pattern in _AS_CARDS_ARE_WRITTEN
        for found in pattern.finditer(plain)
    )


def with_hidden_digits(parts: Sequence[str], *, as_text: bool = False, told: bool = False) -> list[str]:
    """Return the cells, with all digits hidden in those that may hold a card number: those written as cards
    are; with `as_text`, or if one is `told` to be there, all that a customer's text would be refused for."""
    holds = holds_card_number if as_text or told else identifier_holds_card_number
    # A card number that is told and not found is spread over several cells, or written in some odd way.
    found = [*filter(holds, parts)] or (parts if told else [])
    return [re.sub(r"\d", HIDDEN, part) if part in found else part for part in parts]


def _in_scalar(value: object) -> bool:
    if isinstance(value, int) and 0 < value < 10**LONGEST:
        return _in_text(str(value))
    return isinstance(value, str) and _in_text(value)


def _in_text(text: str) -> bool:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        if _HIDDEN_NUMBER.search(text):
            return True
    return any(_in_groups(re.split(r"(\d+)", run)) for run in _LONG_ENOUGH.findall(text))


def _in_groups(parts: list[str]) -> bool:
    """True if some neighbouring groups of digits make up a card number; a part of a group never does. Several
    signs, and a group of one or two digits, are those of an address or of a company's number."""
    for start in range(1, len(parts), 2):
        digits, signs, is_short = "", set[str](), False
        for at in range(start, len(parts), 2):
            signs |= {parts[at - 1].strip()} if digits else set()
            digits, is_short = digits + parts[at], is_short or len(parts[at]) < 3
            if len(digits) > LONGEST:
                break
            is_phone = start == 1 and parts[0] == "+" and len(digits) <= _LONGEST_PHONE
            is_other = is_phone or (is_short and len(signs) > 1)
            if len(digits) >= SHORTEST and not is_other and _is_card_number(digits):
                return True
    return False


def _is_card_number(text: str) -> bool:
    digits = "".join(str(int(digit)) for digit in text)  # of any script
    issued = any(
        low <= digits[: len(low)] <= high and len(digits) in lengths for low, high, lengths in _NETWORKS
    )
    return issued and _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[-1::-2]) + sum(doubled)) % 10 == 0
