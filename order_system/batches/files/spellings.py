"""Puts rows into our own spelling: `1.00` pieces, `$1,234.50`, `United States`, `usd`. Only rows that the
quick check does not know come here. What is not known here either is left to the strict reader.

A spelling that may mean two things, or has lost its meaning, is not harmless: it is refused."""

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from babel.core import Locale, UnknownLocaleError, get_global
from babel.numbers import get_currency_symbol

from order_system.batches.files.columns import NumberedRow
from order_system.batches.files.findings import Mistake
from order_system.batches.files.layouts import Layout
from order_system.batches.files.made_names import CUT_SHORT
from order_system.domain import money
from order_system.intake.fields import countries

_FILLER = r"(?i:0+|n/a|undefined|\(blank\)"
UNLIKELY = {
    "customer_name": rf"{_FILLER})",  # customers type a dot
    "street": rf"{_FILLER}|null)|(?:[^\w\n]|_)+",
    "city": rf"{_FILLER}|null)",  # in Singapore, it may be a dash
    "postal_code": r"[0-9]{1,3}\n(?P<four>AM|AU|DK|GE|NO|NZ|ZA)"
    r"|(?:[0-9]{1,4}|[0-9]{3,4}-[0-9]{4}|[0-9]{7,8}|[0-9]{1,2}[.,][0-9]{3})"
    r"\n(?P<five>DE|ES|FI|FR|IT|KR|LT|MX|MY|PL|PR|SK|TR|UA|US)|[0-9]{1,5}\n(?P<six>CN|KZ|RO|SG)"
    r"|[0-9]{6}\n(?P<seven>JP)|[0-9]{7}\n(?P<eight>BR)"
    r"|[0-9]{5}(?:-[0-9]{4})?\n(?:AL|AR|AZ|CA|CO|IN|KY|MD|MS|NE|PA|TN)",
}
"""What only fills its cell: a pivot table has (blank), a formula 0. A postal code and a country whose codes
have more digits: a spreadsheet takes the first one off 02134. Five digits, and a country whose codes are
never so: it is a state of the US that has the same code."""
NEGATIVE = "is negative; take returns out, and put discounts into the order's, or name them under [not_goods]"
SHEET_ERROR = r"#(?:NAME\?|REF!|VALUE!|N/A|DIV/0!|NUM!|NULL!)|#{4,}"
"""What a spreadsheet shows instead of a value that it cannot show."""

_SIGN = r"(?:[A-Za-z]{1,2} (?=\$))?[^\d\s.,'()+:-]{1,4}(?:(?<=[^\W\d_]|/)\.)?"
# Real words in capitals have these pairs: MAÇÃ..., NESCAFÉ(R), TĂŞNAD.
_IN_WORDS = re.compile(
    "(?<=[A-Z\u00c0-\u00de])[\u00c2-\u00c5][\u2018-\u201d\u2013\u2014\u2022\u2026\u00a0\u00ab\u00b7\u00bb]|\u0102\u015e(?![a-z])"
)
MISREAD_AS = ("cp1252", "cp1250", "cp1251")
# Signs in place of letters. The first two groups come from UTF-8 that was read as cp850 or mac_roman, the
# last one from the other encodings. That one lacks real letters, and signs that people put between letters.
_LOST = re.compile(
    "[\ufffd\\x80-\\x9f\u2500-\u259f]|[\u0192\u221a\u2248][^\\x00-\\x7f\u0180-\u036f]"
    "|(?<=[^\\W\\d_])[\u00a4\u00a7\u00b1\u00b3\u00b8\u00f7\u02c6\u2021\u201e\u2030\u2039](?=[^\\W\\d_])"
)
_YEAR_OF_NONE = "(?:0001|1753|1899|1900|1969|1970)"  # west of Greenwich, 1970 begins in 1969
_DAY = r"(?:\d\d?[-./]\d\d?[-./]|[A-Za-z]{3,9} \d\d?,? |\d\d?[- ][A-Za-z]{3,9}[- ])"  # with its month
_NO_DATE = re.compile(rf"{_YEAR_OF_NONE}[-./]\d\d?[-./]\d|{_DAY}{_YEAR_OF_NONE}(?!\d)")
_FILLED = ("customer_name", "street", "city")
_NAMES = (*_FILLED, "region")
# Fran?ois ?elik, Jos?, ???: a program could not write these letters
_LOST_IN_NAME = re.compile(r"\?[^\W\d_]|[^\W\d_]\?|\?\?")
_SUSPICIOUS = re.compile(f"[^\\x00-\\x9f]{{2}}|{_LOST.pattern}")
# A Latin word has no single letter of another script. RŮŽENA and plášť would, if they were read as UTF-8.
_FOREIGN = "[\u0370-\u1dff\u1f00-\u1fff\u2e80-\uffff]"
_NO_ONES_LETTERS = re.compile(
    "[\u0180-\u036f\u0498-\u05ff\u0700-\u07ff]"
    f"|(?<=[A-Za-z]){_FOREIGN}(?![^\\x00-\\x7f])|(?<![^\\x00-\\x7f]){_FOREIGN}(?=[A-Za-z])"
)


def spelled_out(rows: Sequence[NumberedRow], layout: Layout) -> tuple[list[NumberedRow], list[Mistake]]:
    """Return the rows in our spelling, and their mistakes. A text is told once for each column."""
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
        if found := re.fullmatch(UNLIKELY["postal_code"], f"{ours['postal_code']}\n{ours['country']}"):
            told = f"must have {found.lastgroup} digits in {ours['country']}"
            told += "; export it again, this column as text"
            other = "has no such postal codes; if it is a state of the US, name this column as region"
            field, told = ("postal_code", told) if found.lastgroup else ("country", other)
            mistakes[field, ""] = Mistake(line, layout.names[field], told)
        spelled.append((line, ours))
    return spelled, list(mistakes.values())


def _spelled(field: str, text: str, currency: str, decimal: str | None) -> str:
    """Return the text in our spelling. Raises ValueError, which says why it is not harmless."""
    is_lost = field in _NAMES and _LOST_IN_NAME.search(text)
    if is_lost or is_garbled(text):
        why = "a ? seems to stand for one" if is_lost else "text was read in a wrong encoding"
        other = ", or take the ? out if no letter is lost" if is_lost else ""
        raise ValueError(f"has garbled letters: {why}; export it again as UTF-8{other}")
    if re.fullmatch(SHEET_ERROR, text):
        raise ValueError("is a spreadsheet's word for an error; put in what stood there")
    if (field in _FILLED and re.fullmatch(UNLIKELY[field], text)) or (field in _NAMES and "***" in text):
        raise ValueError("is hidden, or only fills the cell; put in what belongs there")
    number = text.removeprefix("paid:") if field == "payment_method" else text
    if field in ("order_id", "sku", "payment_method", "postal_code") and CUT_SHORT.fullmatch(number):
        raise ValueError("was taken for a number; export it again, this column as text")
    if field in ("quantity", "unit_price") and is_negative(text):
        raise ValueError(NEGATIVE)
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


def is_negative(text: str) -> bool:
    is_marked = text.startswith(("-", "\u2212", "(")) or (text.endswith("-") and text[-2:-1] not in ".,:-")
    return is_marked and re.search("[1-9]", text) is not None


def is_more_than_zero(text: str) -> bool:
    """Return whether an amount, or a date, is more than zero. Programs have several dates for none at all."""
    return bool(text.strip("0-.,:/ ")) and _NO_DATE.match(text) is None


def says_no(text: str) -> bool:
    """Return whether a cell that would have a date, or a number, if something had been done has none: it is
    zero, a blank, or a word such as `NULL` or `no`."""
    word = text.casefold().strip(" ()<>[]\"'#\\.-_\u2013\u2014?")
    return not word or not is_more_than_zero(text) or word in _names()["no"]


def is_garbled(text: str) -> bool:
    """Return whether the text is UTF-8 that was read in another encoding and makes sense as UTF-8 only, or
    what is left of such a mistake."""
    if text.isascii() or _SUSPICIOUS.search(text) is None:
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
    """Return `1.00` as `1`. Three zeros may be thousands: they stay, to be refused, unless a profile says
    which sign stands before decimals."""
    whole, _, zeros = text.partition(decimal or ".")
    return whole if zeros and not zeros.strip("0") and (len(zeros) != 3 or decimal) else shortest(text)


def shortest(text: str) -> str:
    """Return `5.50` as `5.5` and `5,0` as `5`. Less than three digits are decimals, whatever the sign."""
    return text if text.isdigit() else re.sub(r"(?<=\d)(?:[.,]0{1,2}|([.,]\d)0)$", r"\1", text)


@lru_cache(maxsize=10_000)
def amount(text: str, currency: str, decimal: str | None) -> str:
    """Return `$1,234.5000` as `1234.50`, with the currency's decimals if they suffice. No amount: no change.
    Raises InvalidAmount for another currency, or if a sign may divide thousands or decimals."""
    text = text.removeprefix("-") if not text.strip("-0.,") else text  # -0.00 is nothing
    if "-" in text and text.replace("-", "", 1).strip().casefold().removesuffix(".") in _signs(currency):
        return "0"  # a spreadsheet's `$ -`
    found = _pattern(decimal or ".", currency in _names()["lakhs"]).fullmatch(text)
    known = money.circulating_currencies()
    if found is None or currency not in known:
        return text
    for sign in (each.replace(" ", "").removesuffix(".") for each in found.group("before", "after") if each):
        if sign.casefold() not in _signs(currency):
            if sign.upper() in known or "Sc" in map(unicodedata.category, sign):
                raise money.InvalidAmount(f"is not in {currency}, the currency of the order")
            return text
    places, fraction = money.decimals(currency), found["fraction"]
    decimals = (fraction or "").rstrip("0").ljust(places, "0")
    if decimal is None:
        number = text[found.start("whole") : max(found.end("whole"), found.end("fraction"))]
        doubtful = found["other"] if places and fraction is None else None
        if len(decimals) == places < 3 and _THOUSANDS.fullmatch(number):
            doubtful = "."  # 20.000 is twenty thousand in Chile
        if doubtful and number.count(doubtful) == 1:
            raise money.InvalidAmount("may be thousands or decimals; a profile that says decimal tells")
    return (re.sub(r"\D", "", found["whole"]) or "0") + (f".{decimals}" if decimals else "")


_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")


@cache
def _pattern(decimal: str, in_lakhs: bool) -> re.Pattern[str]:
    divider = rf"(?:(?P<other>[{',' if decimal == '.' else '.'}])|['\u2019 \u00a0\u202f])"
    thousands = rf"[0-9]{{1,3}}(?P<divider>{divider})[0-9]{{3}}(?:(?P=divider)[0-9]{{3}})*"
    lakhs = r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}" if in_lakhs and decimal == "." else "(?!)"  # 1,00,000.00
    whole = rf"(?P<whole>{thousands}|{lakhs}|[0-9]+|(?=\{decimal}[0-9]))"
    # 99,- and 99.-- have no cents; 1.200,- may have none either, so a fraction has nothing behind it.
    fraction = rf"(?:[{decimal}](?P<fraction>[0-9]+)|[.,:](?:--?|[\u2013\u2014]))?"
    after = rf"(?(before)[A-Z]{{3}}|{_SIGN})"
    return re.compile(rf"(?:(?P<before>{_SIGN})\s?)?{whole}{fraction}(?:\s?(?P<after>{after}))?")


@cache
def _signs(currency: str) -> set[str]:
    """Return `cad`, `ca$`, and `$` as at home: most currencies' codes begin with their country's."""
    signs = {currency, get_currency_symbol(currency, "en")}
    with suppress(UnknownLocaleError):
        signs.add(get_currency_symbol(currency, f"und_{currency[:2]}"))
    signs |= {f"{currency[:2]}$", f"{currency[0]}$"} if "$" in signs else set()
    return {sign.casefold().removesuffix(".") for sign in signs} | {*_names()["signs"].get(currency, ())}


def country_code(text: str) -> str:
    """Return `United States`, `USA` or `us` as `US`. A text that is no country's name stays."""
    if text in countries():
        return text
    # Korea, Republic of; Samoa (American), which is not Samoa; United Kingdom (UK), which names one twice.
    name, _, more = text.removesuffix(")").replace(", ", " (").partition(" (")
    whole, turned, first, second = (_codes().get(_key(each)) for each in (text, f"{more} {name}", name, more))
    return whole or turned or (first if first and first == second else text)


@cache
def _names() -> dict[str, Any]:
    names = tomllib.loads((files("order_system.batches.files") / "spellings.toml").read_text("utf-8"))
    return names | {"no": frozenset(names["no"])}


@cache
def _codes() -> dict[str, str]:
    """Return codes by CLDR's names, in languages of shops' exports, and by its aliases (alpha-3 codes)."""
    names = _names()
    aliases: dict[str, list[str]] = get_global("territory_aliases")  # pyright: ignore[reportAssignmentType]
    # MI, NH and CT were islands once; today they are states, in a column that is not theirs.
    known = {old: new[0] for old, new in aliases.items() if old.isalpha() and len(old) == 3}
    known |= {name: code for code in countries() for name in (code, *names["further"].get(code, ()))}
    for language in names["languages"]:
        territories: dict[str, str] = Locale(language).territories  # pyright: ignore[reportAssignmentType]
        known |= {name: code for code, name in territories.items()}
    return {_key(name): code for name, code in known.items() if code in countries()}


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold().replace("&", "and").removeprefix("the ")
    return "".join(char for char in plain if char.isalnum())
