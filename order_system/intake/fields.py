"""The kinds of field in an order document, each with its rule. `form.py` puts them together. Messages name
the rule, and never repeat what was given."""

import re
import unicodedata
from collections.abc import Callable
from functools import cache, partial
from typing import Annotated

from babel.core import Locale
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from order_system.domain import card_numbers, ids, money, policy, wording
from order_system.domain.payment_methods import reference_of

MAX_QUANTITY = 10_000

ORDER_ID_PATTERN = f"^{ids.ORDER_ID.pattern}$"
PRINTABLE_PATTERN = "^[!-~]+$"
EMAIL_PATTERN = r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"
CURRENCY_PATTERN = "^[A-Z]{3}$"
COUNTRY_PATTERN = "^[A-Z]{2}$"
HOLD_PATTERN = f"^{wording.DURATION_PATTERN}$"

RULES = {
    ORDER_ID_PATTERN: "must be 1 to 64 ASCII letters, digits, '.', '_', '-', the first a letter or digit",
    PRINTABLE_PATTERN: "must be printable ASCII without spaces, and not empty",
    EMAIL_PATTERN: "must be an e-mail address such as ada@example.com",
    CURRENCY_PATTERN: "must be an ISO 4217 code of three capital letters, such as USD",
    HOLD_PATTERN: "must be a whole number and one of s, m, h, d, such as 15m or 2h",
    COUNTRY_PATTERN: "must be an ISO 3166-1 code of two capital letters, such as US",
}
"""The message for a text that does not match the pattern."""

# CLDR has names for these, but they are no countries, or ISO 3166-1 only reserves their codes.
_NO_COUNTRIES = frozenset(
    ("AC", "CP", "CQ", "DG", "EA", "IC", "TA", "EU", "EZ", "UN", "QO", "XA", "XB", "ZZ")
)
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # letters or signs to Unicode, but nobody can see them
_JOINERS = "\u200c\u200d"  # invisible, yet part of how Persian and Indian names are spelt


@cache
def countries() -> frozenset[str]:
    """Return the codes of ISO 3166-1 alpha-2, and XK, which carriers use for Kosovo."""
    codes = (str(code) for code in Locale("en").territories)
    return frozenset(code for code in codes if re.fullmatch(r"[A-Z]{2}", code)) - _NO_COUNTRIES


def _free_of(holds: Callable[[object], bool]) -> AfterValidator:
    def check(text: str) -> str:
        # A character that is not ASCII may stand for several digits.
        if (len(text) >= card_numbers.SHORTEST or not text.isascii()) and holds(text):
            raise ValueError(card_numbers.REFUSAL)
        return text

    return AfterValidator(check)


def _readable(text: str) -> str:
    """Refuse characters that hide, break lines or reverse text: terminals and logs show what is stored."""
    for char in "" if text.isprintable() else text:
        kind = unicodedata.category(char)
        if kind in ("Cc", "Cs", "Co", "Zl", "Zp") or (kind == "Cf" and char not in _JOINERS):
            raise ValueError("must not hold line breaks, control characters or invisible ones")
    # Letters, numbers, punctuation and signs can be seen. A mark that changes another character cannot.
    if text and not any(unicodedata.category(char)[0] in "LNPS" and char not in _BLANKS for char in text):
        raise ValueError("must hold a character that can be seen")
    return text


def _code_of(what: str, known: Callable[[], frozenset[str]]) -> AfterValidator:
    def check(code: str) -> str:
        if code not in known():
            raise ValueError(f"is not the code of a {what}")
        return code

    return AfterValidator(check)


def _known_kind(payment_method: str) -> str:
    reference_of(payment_method)
    return payment_method


def _not_a_number(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError('must be decimal text in quotes, such as "29.99": numbers lose digits on the way')
    return value


def _short_enough(text: str) -> str:
    if wording.parse_duration(text) > policy.HOLD_LIMIT:
        raise ValueError(f"must be at most {wording.duration_text(policy.HOLD_LIMIT)}")
    return text


CARD_FREE = _free_of(card_numbers.holds_card_number)
CARD_FREE_IDENTIFIER = _free_of(card_numbers.identifier_holds_card_number)
READABLE = AfterValidator(_readable)

IDENTIFIERS = frozenset(("order_id", "sku", "payment_method"))
"""The fields whose values programs make up: here, what only looks like a card number is accepted."""

_stripped = partial(StringConstraints, strip_whitespace=True)

OrderId = Annotated[str, StringConstraints(pattern=ORDER_ID_PATTERN), CARD_FREE_IDENTIFIER]
Sku = Annotated[
    str,
    _stripped(min_length=1, max_length=64),
    AfterValidator(lambda sku: unicodedata.normalize("NFC", sku)),  # stock is kept by this text
    READABLE,
    CARD_FREE_IDENTIFIER,
]
PaymentToken = Annotated[
    str,
    StringConstraints(pattern=PRINTABLE_PATTERN, max_length=255),
    CARD_FREE_IDENTIFIER,
    AfterValidator(_known_kind),
]
Email = Annotated[str, _stripped(pattern=EMAIL_PATTERN, max_length=254), READABLE, CARD_FREE]
LabelLine = Annotated[str, _stripped(min_length=1, max_length=200), READABLE, CARD_FREE]
"""One line of an address label."""
OptionalLabelLine = Annotated[str, _stripped(max_length=100), READABLE, CARD_FREE]
"""May be empty, since some countries have no regions and some no postal codes. But it must be given."""
Country = Annotated[str, StringConstraints(pattern=COUNTRY_PATTERN), _code_of("country", countries)]
Currency = Annotated[
    str,
    StringConstraints(pattern=CURRENCY_PATTERN),
    _code_of("currency in circulation", money.circulating_currencies),
]
Hold = Annotated[str, StringConstraints(pattern=HOLD_PATTERN), AfterValidator(_short_enough)]
Quantity = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
Amount = Annotated[
    str,
    BeforeValidator(_not_a_number),
    AfterValidator(money.check_decimal_text),
    Field(json_schema_extra={"pattern": f"^{money.AMOUNT_PATTERN}$"}),
]
"""Decimal text. `Bill` checks whether it suits the currency."""
