"""What the rows of an order say in another spelling than ours, in ours: `1.00` pieces, `$1,234.50`, `United
States`, `usd`. Done to rows that the quick check does not know, before they are compared and read. What is
not known here either stays as it is, for the strict reader to refuse.

A spelling that may mean two things, or has lost what it meant, is not harmless: it is refused here.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, lru_cache

from babel.core import Locale, UnknownLocaleError, get_global
from babel.numbers import get_currency_symbol

from order_system.batches.files.columns import Fields, NumberedRow
from order_system.batches.files.findings import Mistake
from order_system.batches.files.layouts import Layout
from order_system.domain import money
from order_system.intake.fields import countries

CUT_SHORT = r"[0-9](?:[.,][0-9]+[Ee]\+?|[Ee]\+)[0-9]{1,3}"
"""`4.00638E+12`: what a spreadsheet leaves of a barcode."""

# UTF-8 that was read as cp1252: what its first byte becomes, then what the others may become. A quote, a dash
# or a blank may well stand behind a word that ends in a capital A with a tilde.
_FURTHER = bytes(range(0x80, 0xC0)).decode("cp1252", "ignore")
_CLEAR = re.sub("[\u2018-\u201d\u2013\u2014\u2022\u2026\u00a0\u00ab\u00b7\u00bb]", "", _FURTHER)
GARBLED = re.compile(
    rf"\ufffd|\u00c3[{_CLEAR}]|(?<=[a-z])(?:\u00c3(?!\w)|[\u00c2-\u00c5][{_FURTHER}])"
    rf"|\u00c2[\u00a1-\u00aa\u00ac-\u00b6\u00b8-\u00ba\u00bc-\u00bf]"
    rf"|[\u00c4\u00c5](?![\u00b0-\u00b3\u00b9])[{_CLEAR}]|\u00e2(?:\u20ac|\u201a\u00ac|\u201e\u00a2)"
    rf"|\u00e1[\u00ba\u00bb](?:[{_CLEAR}\u00ab\u00b7\u00bb]|[{_FURTHER}](?=\w))"
    rf"|(?:[\u00ce-\u00d1\u00d8\u00d9][{_FURTHER}]){{2}}|(?:[\u00e0-\u00ef][{_FURTHER}]{{2}}){{2}}"
)

_AMOUNTS = ("unit_price", "shipping_fee", "tax", "discount", "total", "subtotal")
_NEGATIVE = re.compile(r"\s*[-\u2212]\D*\d.*|\(.*\d.*\)", re.DOTALL)
_SIGN = r"[^\d\s.,'()+-]{1,4}"


def spelled_out(rows: Sequence[NumberedRow], layout: Layout) -> tuple[list[NumberedRow], list[Mistake]]:
    """The rows in our spelling, and what in them is not harmless, each text of a column told once."""
    currency = next((fields["currency"].upper() for _, fields in rows if fields["currency"]), "")
    currency = currency if currency in money.circulating_currencies() else ""
    spelled: list[NumberedRow] = []
    mistakes: dict[tuple[str, str], Mistake] = {}
    for line, fields in rows:
        new = dict(fields)
        if fields["currency"].upper() == currency:
            new["currency"] = currency
        new["country"] = country_code(fields["country"])
        new["sku"] = unicodedata.normalize("NFC", fields["sku"])
        new["quantity"] = whole_number(fields["quantity"], layout.decimal)
        found = list(_flaws(fields))
        for field in _AMOUNTS:
            if text := fields.get(field):
                try:
                    new[field] = amount(text, currency, layout.decimal)
                except money.InvalidAmount as error:
                    found.append((field, str(error)))
        for field, message in found:
            mistakes.setdefault(
                (field, fields[field]), Mistake(line, layout.names.get(field, field), message)
            )
        spelled.append((line, new))
    return spelled, list(mistakes.values())


def _flaws(fields: Fields) -> Iterator[tuple[str, str]]:
    for field in ("order_id", "sku"):
        if re.fullmatch(CUT_SHORT, fields[field]):
            yield field, "is a number that a spreadsheet cut short; export it again, this column as text"
    for field in ("quantity", "unit_price"):
        if _NEGATIVE.fullmatch(fields[field]):
            yield field, "is negative; take returns out, and put discounts into the order's discount"
    for field, text in fields.items():
        if not text.isascii() and GARBLED.search(text):
            yield (
                field,
                "has garbled letters: the text was read in a wrong encoding; export it again as UTF-8",
            )


def whole_number(text: str, decimal: str) -> str:
    """`1.00` as `1`. Three zeros stay, to be refused: they may be thousands."""
    whole, _, zeros = text.partition(decimal)
    return whole if zeros and not zeros.strip("0") and len(zeros) != 3 else text


@lru_cache(maxsize=10_000)
def amount(text: str, currency: str, decimal: str) -> str:
    """`$1,234.5000` as `1234.50`, with the decimals of the currency if they suffice; what is no amount stays.

    Raises InvalidAmount: in another currency, or in doubt whether a sign divides thousands or decimals."""
    found = _pattern(decimal).fullmatch(text)
    if found is None or not currency:
        return text
    sign = found["before"] or found["after"]
    if sign and sign.casefold() not in _signs(currency):
        if sign.upper() in money.circulating_currencies() or "Sc" in map(unicodedata.category, sign):
            raise money.InvalidAmount(f"is not in {currency}, the currency of the order")
        return text
    places, fraction = money.decimals(currency), found["fraction"]
    if found["other"] and found["whole"].count(found["other"]) == 1 and places and fraction is None:
        raise money.InvalidAmount(f"may be thousands or decimals; write both, or no {found['other']!r}")
    decimals = (fraction or "").rstrip("0").ljust(places, "0")
    return re.sub(r"\D", "", found["whole"]) + (f".{decimals}" if decimals else "")


@cache
def _pattern(decimal: str) -> re.Pattern[str]:
    other = "," if decimal == "." else "."
    divider = rf"(?:(?P<other>{re.escape(other)})|['\u2019 \u00a0\u202f])"
    whole = rf"[0-9]{{1,3}}(?P<divider>{divider})[0-9]{{3}}(?:(?P=divider)[0-9]{{3}})*|[0-9]+"
    number = rf"(?P<whole>{whole})(?:{re.escape(decimal)}(?P<fraction>[0-9]+))?"
    return re.compile(rf"(?:(?P<before>{_SIGN})\s?)?{number}(?:\s?(?P<after>(?(before)(?!)){_SIGN}))?")


@cache
def _signs(currency: str) -> frozenset[str]:
    """How amounts are marked: `cad`, `ca$`, and `$` as at home. The first two letters of a currency's code
    are its country's, but for a few that countries share."""
    signs = {currency, get_currency_symbol(currency, "en")}
    with suppress(UnknownLocaleError):
        signs.add(get_currency_symbol(currency, f"und_{currency[:2]}"))
    signs |= {f"{currency[:2]}$", f"{currency[0]}$"} if "$" in signs else set()
    return frozenset(sign.casefold() for sign in signs)


def country_code(text: str) -> str:
    """`United States`, `USA` or `us` as `US`; what is no country's name stays."""
    return text if not text or text in countries() else _names().get(_key(text), text)


_LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pt")
_FURTHER_NAMES = {  # that shops' software still has, and CLDR no more
    "czechrepublic": "CZ", "england": "GB", "greatbritain": "GB", "northernireland": "GB", "scotland": "GB",
    "wales": "GB", "hongkong": "HK", "macao": "MO", "macau": "MO", "macedonia": "MK", "myanmar": "MM",
    "russianfederation": "RU", "korearepublicof": "KR", "ivorycoast": "CI", "swaziland": "SZ", "turkey": "TR",
    "unitedstatesofamerica": "US",
}  # fmt: skip


@cache
def _names() -> dict[str, str]:
    """CLDR's names in languages that shops export in, and its aliases, which have ISO 3166-1 alpha-3."""
    aliases: dict[str, list[str]] = get_global("territory_aliases")  # pyright: ignore[reportAssignmentType]
    codes = {old: new[0] for old, new in aliases.items() if old.isalpha() and len(new) == 1}
    known = _FURTHER_NAMES | codes | {code: code for code in countries()}
    for language in _LANGUAGES:
        territories: dict[str, str] = Locale(language).territories  # pyright: ignore[reportAssignmentType]
        known |= {name: code for code, name in territories.items()}
    return {_key(name): code for name, code in known.items() if code in countries()}


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold().replace("&", "and").removeprefix("the ")
    return "".join(char for char in plain if char.isalnum())
