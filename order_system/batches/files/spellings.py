"""What rows say in another spelling than ours, in ours: `1.00` pieces, `$1,234.50`, `United States`, `usd`.
Only of rows that the quick check does not know; what is not known here either meets the strict reader.

A spelling that may mean two things, or has lost what it meant, is not harmless: it is refused."""

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, lru_cache
from importlib.resources import files

from babel.core import Locale, UnknownLocaleError, get_global
from babel.numbers import get_currency_symbol

from order_system.batches.files.columns import NumberedRow
from order_system.batches.files.findings import Mistake
from order_system.batches.files.layouts import Layout
from order_system.domain import money
from order_system.intake.fields import countries

CUT_SHORT = r"(?:[0-9](?:[.,][0-9]+[Ee]\+?|[Ee]\+)[0-9]{1,3}|[0-9]{4,}\.0)"
"""`4.00638E+12`: what a spreadsheet leaves of a barcode. `83702.0`: what a program makes of a postal code."""
SHEET_ERROR = r"#(?:NAME\?|REF!|VALUE!|N/A|DIV/0!|NUM!|NULL!)|#{4,}"
"""What a spreadsheet shows where it has nothing to show."""

_SIGN = r"(?:[A-Za-z]{1,2} (?=\$))?[^\d\s.,'()+-]{1,4}"
# Real words in capitals have these, and what follows may be meant: MAÇÃ..., NESCAFÉ(R), TĂŞNAD.
_IN_WORDS = re.compile(
    "(?<=[A-Z\u00c0-\u00de])[\u00c2-\u00c5][\u2018-\u201d\u2013\u2014\u2022\u2026\u00a0\u00ab\u00b7\u00bb]|\u0102\u015e(?![a-z])"
)
MISREAD_AS = ("cp1252", "cp1250", "cp1251")
# What stands for letters where UTF-8 was read as cp850 or mac_roman; and where one of the others was, but for
# what is a letter, too, or a sign that people put between letters.
_LOST = re.compile(
    "[\ufffd\\x80-\\x9f\u2500-\u259f]|[\u0192\u221a\u2248][^\\x00-\\x7f\u0180-\u036f]"
    "|(?<=[^\\W\\d_])[\u00a4\u00a7\u00b1\u00b3\u00b8\u00f7\u02c6\u2021\u201e\u2030\u2039](?=[^\\W\\d_])"
)
_NAMES = ("customer_name", "street", "city", "region")
_LOST_IN_NAME = re.compile(r"\?[^\W\d_]")  # Fran?ois ?elik: a program wrote what it had no sign for
SUSPICIOUS = re.compile(f"[^\\x00-\\x9f]{{2}}|{_LOST.pattern}")
# One letter of another script in a Latin word is none, either: RŮŽENA, plášť.
_FOREIGN = "[\u0370-\u1dff\u1f00-\u1fff\u2e80-\uffff]"
_NO_ONES_LETTERS = re.compile(
    "[\u0180-\u036f\u0498-\u05ff\u0700-\u07ff]"
    f"|(?<=[A-Za-z]){_FOREIGN}(?![^\\x00-\\x7f])|(?<![^\\x00-\\x7f]){_FOREIGN}(?=[A-Za-z])"
)


def spelled_out(rows: Sequence[NumberedRow], layout: Layout) -> tuple[list[NumberedRow], list[Mistake]]:
    """The rows in our spelling, and what in them is not harmless; the same text of a column is told once."""
    currency = next((fields["currency"].upper() for _, fields in rows if fields["currency"]), "")
    mistakes: dict[tuple[str, str], Mistake] = {}
    spelled: list[NumberedRow] = []
    for line, fields in rows:
        ours = dict(fields)
        for field, text in fields.items():
            try:
                ours[field] = text and _spelled(field, text, currency, layout.profile.decimal)
            except ValueError as error:
                mistake = Mistake(line, layout.names.get(field, field), str(error))
                mistakes.setdefault((field, text), mistake)
        spelled.append((line, ours))
    return spelled, list(mistakes.values())


def _spelled(field: str, text: str, currency: str, decimal: str | None) -> str:
    """Raises ValueError: why it is not harmless."""
    if is_garbled(text) or (field in _NAMES and _LOST_IN_NAME.search(text)):
        raise ValueError("has garbled letters: text was read in a wrong encoding; export it again as UTF-8")
    if re.fullmatch(SHEET_ERROR, text):
        raise ValueError("is a spreadsheet's word for an error; put in what stood there")
    number = text.removeprefix("paid:") if field == "payment_method" else text
    if field in ("order_id", "sku", "payment_method", "postal_code") and re.fullmatch(CUT_SHORT, number):
        raise ValueError("was taken for a number; export it again, this column as text")
    if field in ("quantity", "unit_price") and (text[0] in "-\u2212(" or text[-1] == "-"):
        raise ValueError("is negative; take returns out, and put discounts into the order's discount")
    if field == "street":  # of several lines
        text = ", ".join(filter(None, map(str.strip, text.split("\n"))))
    match field:
        case "currency":
            return text.upper()
        case "country":
            return country_code(text)
        case "sku":
            return unicodedata.normalize("NFC", text)
        case "quantity":
            return whole_number(text, decimal)
        case "unit_price" | "shipping_fee" | "tax" | "discount" | "total" | "subtotal":
            return amount(text, currency, decimal)
        case _:
            return text


def is_garbled(text: str) -> bool:
    """Whether it is UTF-8 that was read as something else, and makes sense as UTF-8 only; or what is left of
    such a mistake."""
    if text.isascii() or SUSPICIOUS.search(text) is None:
        return False
    if _LOST.search(text):
        return True
    for encoding in MISREAD_AS:
        with suppress(UnicodeError):
            restored = _IN_WORDS.sub("", text).encode(encoding).decode()
            if not restored.isascii() and _NO_ONES_LETTERS.search(restored) is None:
                return True
    return False


def whole_number(text: str, decimal: str | None) -> str:
    """`1.00` as `1`. Three zeros stay, to be refused, unless a profile has said what is before decimals: they
    may be thousands."""
    whole, _, zeros = text.partition(decimal or ".")
    return whole if zeros and not zeros.strip("0") and (len(zeros) != 3 or decimal) else text


@lru_cache(maxsize=10_000)
def amount(text: str, currency: str, decimal: str | None) -> str:
    """`$1,234.5000` as `1234.50`, with the decimals of the currency if they suffice; what is no amount stays.

    Raises InvalidAmount: in another currency, or in doubt whether a sign divides thousands or decimals."""
    text = text.removeprefix("-") if not text.strip("-0.,") else text  # -0.00 is nothing
    found = _pattern(decimal or ".").fullmatch(text)
    known = money.circulating_currencies()
    if found is None or currency not in known:
        return text
    sign = (found["before"] or found["after"] or "").replace(" ", "")
    if sign and sign.casefold() not in _signs(currency):
        if sign.upper() in known or "Sc" in map(unicodedata.category, sign):
            raise money.InvalidAmount(f"is not in {currency}, the currency of the order")
        return text
    places, fraction = money.decimals(currency), found["fraction"]
    decimals = (fraction or "").rstrip("0").ljust(places, "0")
    if decimal is None:
        doubtful = found["other"] if places and fraction is None else None
        if len(decimals) == places < 3 and _THOUSANDS.fullmatch(text):
            doubtful = "."  # 20.000 is twenty thousand in Chile
        if doubtful and text.count(doubtful) == 1:
            raise money.InvalidAmount("may be thousands or decimals; a profile that says decimal tells")
    return (re.sub(r"\D", "", found["whole"]) or "0") + (f".{decimals}" if decimals else "")


_THOUSANDS = re.compile(r"\D*[1-9][0-9]{0,2}\.[0-9]{3}\D*")


@cache
def _pattern(decimal: str) -> re.Pattern[str]:
    divider = rf"(?:(?P<other>[{',' if decimal == '.' else '.'}])|['\u2019 \u00a0\u202f])"
    whole = (
        rf"[0-9]{{1,3}}(?P<divider>{divider})[0-9]{{3}}(?:(?P=divider)[0-9]{{3}})*|[0-9]+|(?=\{decimal}[0-9])"
    )
    number = rf"(?P<whole>{whole})(?:[{decimal}](?P<fraction>[0-9]+))?"
    return re.compile(rf"(?:(?P<before>{_SIGN})\s?)?{number}(?:\s?(?P<after>(?(before)(?!)){_SIGN}))?")


@cache
def _signs(currency: str) -> set[str]:
    """`cad`, `ca$`, and `$` as at home: most currencies' codes begin with their country's."""
    signs = {currency, get_currency_symbol(currency, "en")}
    with suppress(UnknownLocaleError):
        signs.add(get_currency_symbol(currency, f"und_{currency[:2]}"))
    signs |= {f"{currency[:2]}$", f"{currency[0]}$"} if "$" in signs else set()
    return {sign.casefold() for sign in signs}


def country_code(text: str) -> str:
    """`United States`, `USA` or `us` as `US`; what is no country's name stays."""
    if text in countries():
        return text
    # Korea, Republic of; Samoa (American), which is not Samoa; United Kingdom (UK), which is the same twice
    name, _, more = text.removesuffix(")").replace(", ", " (").partition(" (")
    whole, turned, first, second = (_codes().get(_key(each)) for each in (text, f"{more} {name}", name, more))
    return whole or turned or (first if first and first == second else text)


@cache
def _codes() -> dict[str, str]:
    """By CLDR's names in languages of shops' exports, and by its aliases, which have ISO 3166-1 alpha-3."""
    names = tomllib.loads((files("order_system.batches.files") / "country_names.toml").read_text("utf-8"))
    aliases: dict[str, list[str]] = get_global("territory_aliases")  # pyright: ignore[reportAssignmentType]
    known = {old: new[0] for old, new in aliases.items() if old.isalpha() and len(new) == 1}
    known |= {name: code for code in countries() for name in (code, *names["further"].get(code, ()))}
    for language in names["languages"]:
        territories: dict[str, str] = Locale(language).territories  # pyright: ignore[reportAssignmentType]
        known |= {name: code for code, name in territories.items()}
    return {_key(name): code for name, code in known.items() if code in countries()}


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold().replace("&", "and").removeprefix("the ")
    return "".join(char for char in plain if char.isalnum())
