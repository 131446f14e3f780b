"""Other spellings of the same are read, what is not harmless is refused in one line, and neither touches what
people are really called."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from babel.core import Locale

from order_system.batches.files import COLUMNS, checking
from order_system.batches.files.blocks import Block
from order_system.batches.files.layouts import fitted_layout
from order_system.batches.files.quick_check import plain_order
from order_system.batches.files.rows import Row
from order_system.batches.files.spellings import amount, country_code, is_garbled, whole_number
from order_system.domain.money import InvalidAmount
from order_system.domain.order import Order
from order_system.domain.order_file import ParsedOrder, RowProblem
from order_system.domain.order_profile import Profile
from tests.fixtures.documents.order_files import csv_text, further_row, read, row


def told(*rows: Sequence[str], decimal: str | None = None) -> Order | str:
    layout = fitted_layout(tuple(COLUMNS), Profile.model_validate({"decimal": decimal}))
    block = Block("A-1", Row(2, 2, 0, 0, "", [], None))
    for line, cells in enumerate(rows, 2):
        block.add(Row(line, line, 0, 0, "", list(cells), None), layout.pick(list(cells), ",".join(cells)), "")
    found = checking.checked(block, layout)
    if isinstance(found, RowProblem):
        return found.reason
    assert isinstance(found, ParsedOrder)
    return found.order


# --- what is harmless -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "decimal", "whole"),
    [
        ("1.0", ".", "1"), ("12.00", ".", "12"), ("1.0000", ".", "1"), ("1,0", ",", "1"), ("1,000", ",", "1"),
        ("1.000", None, "1.000"), ("1.000", ".", "1"), ("1.5", ".", "1.5"), ("1.", ".", "1."),
        ("1,0", ".", "1"), ("2,00", None, "2"), ("1.0", ",", "1"), ("1,000", None, "1,000"),
    ],
)  # fmt: skip
def test_quantities(text: str, decimal: str | None, whole: str) -> None:
    assert whole_number(text, decimal) == whole


@pytest.mark.parametrize(
    ("text", "currency", "decimal", "ours"),
    [
        ("20.0000", "USD", ".", "20.00"), ("0", "USD", ".", "0.00"), ("5.0", "USD", ".", "5.00"),
        ("1,234.50", "USD", ".", "1234.50"), ("1,234,567", "USD", ".", "1234567.00"),
        ("1'234.50", "CHF", ".", "1234.50"), ("1\u202f234,5", "EUR", ",", "1234.50"),
        ("12,50", "EUR", ",", "12.50"), ("1.234,50", "EUR", ",", "1234.50"), ("12.50", "EUR", ",", "12.50"),
        ("\u00a51,980", "JPY", ".", "1980"), ("1.2500", "KWD", ".", "1.250"),
        ("12.345", "USD", ".", "12.345"), (".5", "USD", ".", "0.50"), ("\u20ac,50", "EUR", ",", "0.50"),
        ("$45.00", "USD", ".", "45.00"), ("US$ 45", "USD", ".", "45.00"), ("$45.00", "CAD", ".", "45.00"),
        ("CA$45.00", "CAD", ".", "45.00"), ("C $45.00", "CAD", ".", "45.00"),
        ("AU $1,045.00", "AUD", ".", "1045.00"), ("R$ 1.045,90", "BRL", ",", "1045.90"),
        ("EUR 90.00", "EUR", ".", "90.00"), ("90,00\u00a0\u20ac", "EUR", ",", "90.00"),
        ("90.00 eur", "EUR", ".", "90.00"), ("49,90 z\u0142", "PLN", ",", "49.90"),
        ("$45.00 USD", "USD", ".", "45.00"), ("99 kr.", "DKK", ".", "99.00"), ("9\u5186", "JPY", ".", "9"),
        ("Rs. 1,00,234", "INR", ".", "100234.00"), ("Rs.5", "INR", ".", "5.00"), ("$.5", "USD", ".", "0.50"),
        ("S/. 1.50", "PEN", ".", "1.50"), ("9,-", "EUR", ",", "9.00"), ("Fr. 9.--", "CHF", ".", "9.00"),
        # What a profile says leaves no doubt.
        ("1,234", "USD", ".", "1234.00"), ("29.990", "USD", ".", "29.99"), ("1.234", "EUR", ",", "1234.00"),
        ("12.500", "COP", ",", "12500.00"),
        # What is none is left to the strict reader.
        ("12,50", "USD", ".", "12,50"), ("1,23,456", "USD", ".", "1,23,456"), ("free", "USD", ".", "free"),
        ("-5.00", "USD", ".", "-5.00"), ("-0.00", "USD", ".", "0.00"), ("1e3", "USD", ".", "1e3"),
        ("5-", "USD", ".", "5-"), ("1.200,-", "EUR", ".", "1.200,-"), ("$5$", "USD", ".", "$5$"),
    ],
)  # fmt: skip
def test_amounts(text: str, currency: str, decimal: str, ours: str) -> None:
    assert amount(text, currency, decimal) == ours


@pytest.mark.parametrize(
    ("text", "currency", "decimal", "message"),
    [
        ("\u20ac45.00", "USD", ".", "is not in USD"),
        ("$45.00 GBP", "USD", ".", "is not in USD"),
        ("$45.00", "BRL", ".", "is not in BRL"),
        ("AU $45.00", "USD", ".", "is not in USD"),
        ("1,234", "USD", None, "thousands or decimals"),
        ("20.000", "CLP", None, "thousands or decimals"),
        ("kr. 12.500", "DKK", None, "thousands or decimals"),
    ],
)
def test_amounts_in_doubt_are_refused(text: str, currency: str, decimal: str | None, message: str) -> None:
    with pytest.raises(InvalidAmount, match=message):
        amount(text, currency, decimal)


def test_an_order_in_another_spelling_is_the_same_order() -> None:
    plain = (row(tax="0.00", shipping_fee="5.00"), row(sku="CUP", tax="0.00", shipping_fee="5.00"))
    other = (
        row(tax="0", shipping_fee="$5", currency="usd", country="United States", quantity="1.0",
            unit_price="$999.9900"),
        row(sku="CUP", tax="0.00", shipping_fee="5.0", country="USA", quantity="1.00",
            unit_price="USD 999.99"),
    )  # fmt: skip
    assert told(*other) == told(*plain)
    assert isinstance(told(*plain), Order)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Hrvatska", "HR"),
        ("Norge", "NO"),
        ("\u0627\u0644\u0645\u063a\u0631\u0628", "MA"),
        ("Eesti", "EE"),
        ("UAE", "AE"),
        ("D", "DE"),
        ("Kongo", "CG"),
    ],
)
def test_a_country_has_names_in_many_languages(name: str, code: str) -> None:
    assert country_code(name) == code


def test_a_street_of_several_lines_is_read_as_one(tmp_path: Path) -> None:
    """As Magento exports it. A name with a line break stays refused."""
    found = read(tmp_path, csv_text(row("A", street="4 Pine\r\n Apt 2\n"), row("B", customer_name="Ada\nBo")))
    assert found.order("A").shipping_address.street == "4 Pine, Apt 2"
    assert [problem.order_id for problem in found.problems] == ["B"]


def test_one_sku_is_one_line_at_each_price() -> None:
    order = told(
        row(sku="CAFE\u0301 TASSE", unit_price="5.00"),
        further_row(sku="CAF\u00c9 TASSE", unit_price="5.0", quantity="2"),
        further_row(sku="CAF\u00c9 TASSE", unit_price="0.00", quantity="1.0"),
    )
    assert isinstance(order, Order)
    assert [tuple(line.model_dump().values()) for line in order.lines] == [
        ("CAF\u00c9 TASSE", 3, 500), ("CAF\u00c9 TASSE", 1, 0),
    ]  # fmt: skip


def test_a_plain_sku_may_hold_blanks_and_letters_and_identifiers_numbers_like_a_cards() -> None:
    layout = fitted_layout(tuple(COLUMNS), Profile())
    cells = row(
        "404-5433012-2530823", sku="4006381333931 T\u00e4sse gro\u00df", payment_method="paid:4222222222222"
    )
    assert plain_order([(2, layout.pick(list(cells), ",".join(cells)))])
    assert isinstance(told(cells), Order)


# --- what is not ----------------------------------------------------------------------------------

NUMBER = "was taken for a number"


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        ([row(sku="4.00638E+12")], [f"line 2, sku: {NUMBER}"]),
        ([row("4,00638E12"), further_row("4,00638E12")], [f"line 2, order_id: {NUMBER}"]),
        ([row(quantity="-1")], ["line 2, quantity: is negative"]),
        ([row(), further_row(unit_price="-$5.00")], ["line 3, unit_price: is negative"]),
        ([row(), further_row(unit_price="(5.00)")], ["line 3, unit_price: is negative"]),
        ([row(), further_row(unit_price="\u20ac5.00")], ["line 3, unit_price: is not in USD"]),
        ([row(), further_row(currency="eur")], ["line 3, currency: differs from line 2"]),
        ([row(city="K\u00c3\u00b6ln"), row(city="K\u00c3\u00b6ln", sku="B")], ["line 2, city: has garbled"]),
        ([row(customer_name="Ren?e T?")], ["line 2, customer_name: has garbled letters: a ? seems"]),
        ([row(quantity="1.000")], ["line 2, quantity: may be thousands or decimals"]),
        ([row(unit_price="1,234")], ["line 2, unit_price: may be thousands or decimals"]),
        ([row(payment_method="1.23457E+15")], [f"line 2, payment_method: {NUMBER}"]),
        ([row(payment_method="paid:1.2E+15")], [f"line 2, payment_method: {NUMBER}"]),
        ([row(postal_code="134.0")], [f"line 2, postal_code: {NUMBER}"]),
        ([row(postal_code="2134")], ["line 2, postal_code: must have five digits in US"]),
        ([row(sku="4006381333931.0")], [f"line 2, sku: {NUMBER}"]),
        ([row(sku="#NAME?")], ["line 2, sku: is a spreadsheet's word for an error"]),
        ([row(street="########")], ["line 2, street: is a spreadsheet's word for an error"]),
    ],
)
def test_what_is_not_harmless_is_told_in_one_line(rows: list[list[str]], reasons: list[str]) -> None:
    problem = told(*rows)
    assert isinstance(problem, str)
    lines = problem.split("; line ")
    assert [line[: len(start)] for line, start in zip(lines, reasons, strict=True)] == reasons


REAL = [
    "S\u00c3O JO\u00c3O",
    "MA\u00c7\u00c3\u2026",
    "IRM\u00c3 \u201cANA\u201d",
    "X\u00c3\u00a0H\u1ed8I",
    "\u00c2NGELA",
    "est\u00e1\u00bb",
    "Tr\u1ea7n Ho\u00e0ng \u00c2n",
    "\u0110\u1eb7ng Th\u1ecb \u00c1nh",
    "\u00c5SA \u00c4NGSTR\u00d6M",
    "na\u00efve \u00e0 l'\u0153uvre",
    "NESCAF\u00c9\u00ae",
    "TAL\u00d5\u0160I",
    "BIÈRE\u2122",
    "Espa\u00f1a n\u00ba 3, 2\u00aa",
    "Ni\u00f1o\u2122 20\u20ac",
    "\u00c1rv\u00edzt\u0171r\u0151",
    "\u0130stanbul",
    "\u0141\u00f3d\u017a",
    "caf\u00e9\u2014bar",
    "d\u00e9j\u00e0\u2026",
    "\u6771\u4eac\u90fd",
    "\u041c\u043e\u0441\u043a\u0432\u0430",
    "B\u00f8 \u00ab\u00c6r\u00f8\u00bb",
    "T\u0102\u015eNAD",
    "5m\u00b3 \u00b1 2\u00b0",
    "R\u016e\u017dENA",
    "\u00da\u017dICE",
    "Pl\u00e1\u0161\u0165",
]


@pytest.mark.parametrize(
    "language", ["cs", "de", "el", "es", "fr", "ja", "kk", "pl", "pt", "ro", "ru", "sv", "tr", "uk", "vi"]
)
def test_no_name_of_a_country_or_a_language_is_taken_for_garbled(language: str) -> None:
    locale = Locale(language)
    names: set[str] = {*locale.territories.values(), *locale.languages.values()}
    assert len(names) > 500
    assert not [name for name in names for text in (name, name.upper()) if is_garbled(text)]


@pytest.mark.parametrize("text", REAL)
def test_names_of_people_and_places_are_never_taken_for_garbled(text: str) -> None:
    order = told(row(city=text))
    assert isinstance(order, Order)
    assert order.shipping_address.city == text


@pytest.mark.parametrize(
    "text",
    [
        "caf\u00e9",
        "K\u00f6ln",
        "Stra\u00dfe",
        "S\u00e3o Jos\u00e9",
        "Ni\u00f1o",
        "citt\u00e0 nuova",
        "\u00cele",
        "O\u2019Hara",
        "10 \u20ac",
        "Mug\u2122",
        "\u0141\u00f3d\u017a",
        "\u0161koda",
        "\u011e\u00fc\u015f",
        "1\u00ba",
        "5\u00b0",
        "Nguy\u1ec5n",
        "Vi\u1ec7t",
        "\u041c\u043e\u0441\u043a\u0432\u0430",
        "\u6771\u4eac\u90fd",
        "\uc11c\uc6b8\uc2dc",
        "\u0395\u03bb\u03bb\u03ac\u03b4\u03b1",
    ],
)
def test_letters_that_were_garbled_are_refused(text: str) -> None:
    garbled = "".join(
        bytes([byte]).decode("cp1252", "ignore") or bytes([byte]).decode("latin-1") for byte in text.encode()
    )
    problem = told(row(city=f"x {garbled}"))
    assert isinstance(problem, str)
    assert "has garbled letters" in problem


@pytest.mark.parametrize(
    "text",
    [
        "K\u00f6ln",
        "\u0141\u00f3d\u017a",
        "S\u00e3o Jos\u00e9",
        "\u0160koda",
        "\u0158\u00edp",
        "\u010ce\u0161i",
    ],
)
@pytest.mark.parametrize("misread_as", ["cp1250", "cp1251", "cp850", "cp437", "mac_roman"])
def test_whatever_they_were_misread_as(text: str, misread_as: str) -> None:
    assert is_garbled(f"x {text.encode().decode(misread_as, 'replace')}")


@pytest.mark.parametrize(
    "text", ["K\u02c6ln", "M\u00b8nchen", "K\u00f7ln", "Wroc\u00b3aw", "J\u201erg", "Ni\u00b1o"]
)
def test_no_sign_stands_for_a_letter(text: str) -> None:
    assert is_garbled(text)


def test_a_letter_that_was_lost_is_refused(tmp_path: Path) -> None:
    lost = [row(each, street=each) for each in ("1 M\ufffdnster", "Jos?", "n? 5", "????")]
    found = read(tmp_path, csv_text(row("A-1"), *lost))
    assert (found.ids, str(found.reasons).count("street: has garbled letters")) == (["A-1"], 4)
