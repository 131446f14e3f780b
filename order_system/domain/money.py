"""Money at the edges: decimal text in, integer minor units inside, decimal text out. Never a float.

Babel knows which currencies are in circulation. How many decimals each one has stands below, after ISO
4217. Babel's figures (CLDR's) are customs of display: they differ for a dozen currencies (IQD 0 instead of
3) and have changed between its releases. A stored integer must not change its meaning, nor reach a payment
gateway a hundred times too small.

Messages here never repeat the text that they refuse: somebody may have typed a card number into it."""

import re
from decimal import Decimal
from functools import cache

from babel.core import get_global

MAX_AMOUNT = 999_999_999_999
"""The largest amount, and the largest total, in minor units: 9,999,999,999.99 USD. It fits the book's
BIGINT and every JSON reader's numbers, and has a digit less than the shortest card number."""

AMOUNT_PATTERN = r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?"

_AMOUNT = re.compile(AMOUNT_PATTERN, re.ASCII)

# Of the currencies in circulation, those with other than two decimals in ISO 4217.
_DECIMALS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


class InvalidAmount(ValueError):
    """Not an amount of that currency. The message says what an amount looks like, never what was given."""


@cache
def circulating_currencies() -> frozenset[str]:
    """ISO 4217 codes that are legal tender somewhere: no withdrawn ones (DEM), metals or test codes."""
    territories: dict[str, list[tuple[str, object, object | None, bool]]] = get_global("territory_currencies")  # pyright: ignore[reportAssignmentType]
    return frozenset(
        code
        for currencies in territories.values()
        for code, _since, until, tender in currencies
        if tender and until is None
    )


def decimals(currency: str) -> int:
    """Return how many decimals amounts have, also in a withdrawn currency: stored amounts stay readable."""
    return _DECIMALS.get(currency, 2)


def parse_amount(text: str, currency: str) -> int:
    """Read `1059.97` as minor units (105997). Fewer decimals than the currency has are fine (`5` is `5.00`).

    Raises InvalidAmount: not plain decimal text, too precise for the currency, above MAX_AMOUNT, or a
    currency that is not in circulation."""
    check_decimal_text(text)
    if currency not in circulating_currencies():
        raise InvalidAmount("is in a currency that is not in circulation")
    places = decimals(currency)
    whole, _, fraction = text.partition(".")
    if len(fraction) > places:
        allowed = f"{places} decimals" if places else "no decimals"
        raise InvalidAmount(f"must not be more precise than {currency}, which has {allowed}")
    minor = int(whole + fraction.ljust(places, "0"))
    if minor > MAX_AMOUNT:
        raise InvalidAmount(f"must not exceed {format_amount(MAX_AMOUNT, currency)}")
    return minor


def check_decimal_text(text: str) -> str:
    """Return the text if it is digits with at most one dot inside. Raises InvalidAmount, naming the rule."""
    if _AMOUNT.fullmatch(text) is None:
        raise InvalidAmount(f"must be decimal text such as 29.99: {_broken_rule(text)}")
    return text


def _broken_rule(text: str) -> str:
    rules = (
        (not text.strip(), "it is blank"),
        (not text.isascii(), "only the digits 0 to 9 count"),
        (any(char.isspace() for char in text), "no spaces"),
        (text.lower().lstrip("+-") in ("nan", "inf", "infinity"), "NaN and Infinity are no amounts"),
        (text[:1] in ("+", "-"), "no sign, and never negative"),
        (any(char in ",_'" for char in text), "no thousands separators, and a dot before the decimals"),
        (re.fullmatch(r"[\d.]+[eE][+-]?\d+", text) is not None, "no exponent notation"),
        (re.match(r"0\d", text) is not None, "no leading zeros"),
        (re.fullmatch(r"\d{13,}(\.\d*)?", text) is not None, "at most 12 digits before the dot"),
        (re.fullmatch(r"\d+\.\d{5,}", text) is not None, "no currency has that many decimals"),
    )
    return next((rule for broken, rule in rules if broken), "digits, and at most one dot between them")


def decimal_text(minor: int, currency: str) -> str:
    """Write minor units as `1059.97`, with all the decimals of the currency. Reverses `parse_amount`."""
    return f"{Decimal(minor).scaleb(-decimals(currency)):f}"


def format_amount(minor: int, currency: str) -> str:
    """Write an amount for people: `1,059.97 USD`. With the code, since a dozen currencies share `$`."""
    return format_decimal(decimal_text(minor, currency), currency)


def format_decimal(amount: str | Decimal | None, currency: str | None) -> str:
    """Write decimal text, which has its currency's decimals, for people; blank if there is no amount."""
    return "" if amount is None else f"{Decimal(amount):,} {currency}"
