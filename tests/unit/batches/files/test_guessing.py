"""A first profile of a file that nobody has described: what is guessed, and what a person has to check."""

import tempfile
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_system.batches.files import COLUMNS, inspect_file, parse_profile
from order_system.batches.files.guessing import first_profile
from order_system.domain.order_file import FileRefused
from tests.fixtures.documents.order_files import csv_line, csv_text, read_whole, row, write
from tests.fixtures.documents.shop_export import export_of, order

GERMAN = (
    "Bestellnummer;Kunde;E-Mail;Straße;PLZ;Ort;Land;Währung;Artikelnummer;Menge;Einzelpreis;Versandkosten\n"
    "B-1;Jürgen Groß;juergen@example.de;Am Büchel 1;80331;München;DE;EUR;TASSE-1;2;1.012,50;4,90\n"
    "B-2;Zoë Bäcker;zoe@example.de;Hauptstraße 2;50667;Köln;DE;EUR;TASSE-2;1;12,50;4,90\n"
)


def written(content: str | bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        file.write_bytes(content.encode("utf-8", "replace") if isinstance(content, str) else content)
        return first_profile(str(file), [folder])


def guess(content: str | bytes) -> dict[str, Any]:
    return tomllib.loads(written(content))


def test_a_german_export_is_told_by_its_names() -> None:
    found = guess(GERMAN)
    assert (found["separator"], found["encoding"], found["decimal"]) == (";", "utf-8", ",")
    assert found["columns"] == {
        "order_id": "Bestellnummer",
        "currency": "Währung",
        "customer_name": "Kunde",
        "customer_email": "E-Mail",
        "street": "Straße",
        "city": "Ort",
        "postal_code": "PLZ",
        "country": "Land",
        "sku": "Artikelnummer",
        "quantity": "Menge",
        "unit_price": "Einzelpreis",
        "shipping_fee": "Versandkosten",
    }
    assert '# payment_method = "..."  # missing' in written(GERMAN)


def test_where_the_parcel_goes_counts_before_who_has_bought() -> None:
    found = guess("Name,Ship Name,City,Shipping City,Order ID,ID\nA,B,C,D,X-1,Y-2\n")["columns"]
    assert found == {"order_id": "Order ID", "customer_name": "Ship Name", "city": "Shipping City"}


def test_our_own_columns_are_always_told() -> None:
    assert guess(csv_text(row(flow="parallel", capture="on_dispatch")))["columns"] == {
        name: name for name in COLUMNS
    }


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp850", "mac_roman"])
def test_the_encoding_is_told_by_the_words(encoding: str) -> None:
    assert guess(GERMAN.encode(encoding))["encoding"] == encoding
    assert guess(GERMAN.encode("utf-8-sig"))["columns"]["order_id"] == "Bestellnummer"


def test_of_two_encodings_the_words_that_differ_are_shown() -> None:
    text = written(GERMAN.encode("cp1252"))
    (line,) = [line for line in text.splitlines() if line.startswith("encoding")]
    assert line.startswith('encoding = "cp1252"  # or ')
    assert "Währung or W" in line
    assert "Währung or Währung" not in line


def test_bytes_that_are_text_in_no_language_are_never_said_to_be_latin_1() -> None:
    assert "latin" not in written(bytes(range(256)) * 10)


def test_of_what_no_profile_could_read_none_is_written() -> None:
    for content, told in (
        (GERMAN.encode("utf-16"), "UTF-16.*save it as UTF-8"),
        (GERMAN.encode("utf-16-le"), "UTF-16.*save it as UTF-8"),
        ("\ufeff\n<!DOCTYPE html>\n<table><td>Order ID</td><td>SKU, size</td></table>", "is HTML or XML"),
        ('[\n{"order_id": "A-1",\n"lines": []}]\n', "is JSON, and needs no profile"),
        ("Sales of May\n\n" + GERMAN, "its first line has no columns"),
    ):
        with pytest.raises(FileRefused, match=told):
            written(content)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("before", ["", "\n\n", "sep={}\n", "\ufeff"])
def test_the_separator_is_the_one_that_makes_a_table(separator: str, before: str) -> None:
    rows = [["order_id", "note", "unit_price"], ["A-1", "a; b, c|d", "1,50"], ["A-2", "e, f; g", "2,50"]]
    text = "\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    found = guess(before.format(separator) + text)
    assert (found["separator"], found["decimal"]) == (separator, ",")
    assert found["columns"] == {"order_id": "order_id", "unit_price": "unit_price"}


def test_a_column_that_its_name_does_not_tell_is_told_by_its_cells_and_marked() -> None:
    text = written(b"order_id,k,w,n\nA-1,ada@example.com,EUR,3\nA-2,eve@example.com,EUR,1\n")
    assert tomllib.loads(text)["columns"] == {
        "order_id": "order_id",
        "customer_email": "k",
        "currency": "w",
        "quantity": "n",
    }
    assert text.count("not by its name: check it") == 3


def test_a_column_that_may_say_that_an_order_is_shipped_is_never_passed_over() -> None:
    """Until a person has said which of its states are run, all of its orders are refused."""
    text = "order_id,Order Status\nA-1,shipped\nA-2,Unshipped\nA-3,processing\nA-4,Cancelled\n"
    (state,) = guess(text)["states"]
    assert [*state.values()] == ["Order Status", ["Cancelled", "shipped"], []]


def test_an_amount_on_each_row_may_be_of_the_row_alone_and_a_person_is_told() -> None:
    header = "order_id,sku,quantity,unit_price,tax,shipping_fee\n"
    once = written(header + "A-1,S,1,1.00,0.20,5.00\nA-1,T,1,1.00,,\nA-2,T,1,1.00,0.20,5.00\n")
    assert "per line" not in once
    each = written(header + 'A-1,S,1,1.00,"$1,000.20",5.00\nA-1,T,1,1.00,1000.2,\nA-2,T,1,1.00,0.20,5.00\n')
    (told,) = [line for line in each.splitlines() if "per line" in line]
    assert told.startswith('tax = "tax"  # on further rows, too')


@pytest.mark.parametrize(
    ("cells", "doubtful"), [("0.15 0 ", 1), ("10%  5%", 1), ("0.00 0 ", 0), ("0.15 4.50 ", 0)]
)
def test_a_discount_that_may_be_a_share_is_marked(cells: str, doubtful: int) -> None:
    rows = "".join(f"A-{at},{cell}\n" for at, cell in enumerate(cells.split(" ")))
    assert written(f"order_id,discount\n{rows}").count("shares of the goods?") == doubtful


def test_an_export_that_a_built_in_profile_reads_is_left_to_it() -> None:
    text = export_of(order("#1001"), order("#1002", cancelled=True)).replace(",", ";").replace(".", ",")
    told = {"guessed": True, "base": "shopify", "separator": ";", "encoding": "utf-8", "decimal": ","}
    assert guess(text) == told


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_whatever_the_file_is_the_guess_is_a_profile(content: str | bytes) -> None:
    with suppress(FileRefused):  # by its first bytes: no text
        parse_profile(written(content))


@pytest.mark.parametrize(
    "name", ["Status?", "Sent|status", 'The "status"', "Fulfilment\\", "ship status\x7f"]
)
def test_nothing_is_run_before_a_person_has_said_which_states_are(name: str, tmp_path: Path) -> None:
    """However the column is called."""
    header, cells = [*COLUMNS, name], [*row("A-1"), "sent on Friday"]
    file = write(tmp_path, csv_line(header) + csv_line(cells))
    guessed = first_profile(str(file), [str(tmp_path)])
    decided = guessed.replace("run = []", 'run = ["sent on Friday"]')
    read = [
        read_whole(inspect_file(str(file), [str(tmp_path)], profile=parse_profile(text)))
        for text in (guessed, decided)
    ]
    assert [found.ids for found in read] == [[], ["A-1"]]


def test_a_fee_is_no_price_and_a_price_of_the_line_is_told() -> None:
    names = "BELNR;MATNR;KWMENG;FRACHT;NETWR;WAERK;STRAS;ORT01;PSTLZ\nA;M;2;5,90;20,00;EUR;Weg 1;Ulm;89073\n"
    found = guess(names)
    assert found["columns"] == {
        "order_id": "BELNR",
        "currency": "WAERK",
        "street": "STRAS",
        "city": "ORT01",
        "postal_code": "PSTLZ",
        "sku": "MATNR",
        "quantity": "KWMENG",
        "shipping_fee": "FRACHT",
        "unit_price": "NETWR",
    }
    assert found["meaning"] == {"unit_price": "line total"}
    looks = "Handling Fee,Gesamt netto,Steuerbetrag 2,Versanddatum geplant\n5.90,20.00,3.19,12.11.24\n"
    assert "unit_price" not in guess(looks)["columns"]


def test_names_and_streets_in_two_columns_and_a_currency_at_the_amounts() -> None:
    found = guess("Nr.;Vorname;Nachname;Straße;Hausnr.;Preis;Rabatt\nA;Zoë;Groß;Weg;1;1.012,50 €;5 %\n")
    assert found["columns"]["customer_name"] == ["Vorname", "Nachname"]
    assert found["columns"]["street"] == ["Straße", "Hausnr."]
    assert (found["constants"], found["decimal"]) == ({"currency": "EUR"}, ",")
    assert guess("Price,Tax\n$5.00,\n")["constants"] == {}
    assert "decimal" not in guess("Price,Tax\n20.000,\n"), "which may be twenty thousand, as in Chile"


def test_amounts_that_differ_on_the_rows_of_one_order_are_per_line() -> None:
    found = guess("order_id,tax,shipping_fee\nA-1,0.20,5.00\nA-1,0.40,5.00\n")
    assert found["meaning"] == {"tax": "per line"}


def test_a_word_is_no_token_that_could_be_charged() -> None:
    assert guess("order_id,Payment Method\nA-1,PayPal\n")["columns"] == {"order_id": "order_id"}


def test_how_much_is_shipped_is_no_state_and_what_is_left_is_run() -> None:
    report = "order-id,sku,quantity-purchased,quantity-shipped,quantity-to-ship\nA-1,S,3,1,2\n"
    found = guess(report)
    assert (found["columns"]["quantity"], found["columns"]["quantity_left"]) == (
        "quantity-purchased",
        "quantity-to-ship",
    )
    assert "states" not in found


@pytest.mark.parametrize(
    ("header", "street"),
    [
        ("Adresse;Complément", ["Adresse", "Complément"]),
        ("Straße;Hausnr.;Adresszusatz", ["Straße", "Hausnr.", "Adresszusatz"]),
        ("Dirección;Número;Piso", ["Dirección", "Número", "Piso"]),
        ("Shipping_Street;Shipping_Number", ["Shipping_Street", "Shipping_Number"]),
        ("Adresse;Complément d'adresse;Adresse 2", ["Adresse", "Adresse 2", "Complément d'adresse"]),
        ("Billing Address;Address", "Address"),
    ],
)
def test_no_part_of_an_address_is_dropped(header: str, street: str | list[str]) -> None:
    assert guess(f"{header}\n{';'.join('abc'[: header.count(';') + 1])}\n")["columns"] == {"street": street}


def test_a_customer_in_two_columns_is_one() -> None:
    found = guess("increment_id,customer_firstname,customer_lastname\nA-1,Ada,Byron\n")["columns"]
    assert found["customer_name"] == ["customer_firstname", "customer_lastname"]


def test_what_looks_like_an_address_or_an_amount_and_is_not_used_is_told() -> None:
    header = "order_id,Street,Building,Billing Street,Price,Gift card amount,Wrapping,Tip,Note\n"
    told = written(f"{header}A-1,1 Oak,B,2 Elm,10.00,5.00,-$2.50,0.00,Hi\n").splitlines()
    assert [line.partition("  #")[0] for line in told if "LOOK" in line] == [
        '# LOOK, not used: "Building"',
        '# LOOK, not used: "Gift card amount"',
        '# LOOK, not used: "Wrapping"',
    ]
    assert [line for line in told if line.startswith("# not used")] == [
        '# not used: "Billing Street"',
        '# not used: "Tip"',
        '# not used: "Note"',
    ]


@pytest.mark.parametrize(
    ("header", "cells", "price"),
    [
        ("Carriage|Unit Price Ex VAT (GBP)", "4.80|10.00", "Unit Price Ex VAT (GBP)"),
        ("Frais de port|Prix produit TVA incl", "5,90 \u20ac|1\u00a0045,00 \u20ac", "Prix produit TVA incl"),
        ("Order Total|Product Unit Price (inc tax)", "24.00|10", "Product Unit Price (inc tax)"),
        ("Datum Kauf|VK brutto|Pos.-Summe brutto", "20.11.2026|1,00|2,00", "VK brutto"),
        ("Versandpreis|Porto|Frete pago|Verzending|Carriage net|Tax B|Total C", "1.00|" * 6 + "1.00", None),
        ("Balance X|Gift Card 1|Original price|Order Value", "1.00|1.00|1.00|1.00", None),
        ("Gross Sales|Net Sales|Seats|Instalments", "40.00|36.00|2|3", None),  # which? Nobody can tell
    ],
)  # fmt: skip
def test_the_price_is_what_is_called_so_and_never_freight_tax_or_a_total(
    header: str, cells: str, price: str | None
) -> None:
    found = guess(f"{header}\n{cells}\n")["columns"]
    assert (found.get("unit_price"), found.get("quantity")) == (price, None)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("Type", "a b c d e " * 5),
        ("Document type", "a b c d e"),
        ("Depot", "x x x x"),
        ("Receipt No", "- R-1 - -"),
        ("Collected", "- 21/11/2026 - -"),
    ],
)
def test_a_column_that_may_tell_how_an_order_stands_is_never_passed_over(name: str, cells: str) -> None:
    rows = "".join(f"A-{at},{cell.strip('-')}\n" for at, cell in enumerate(cells.split()))
    (told,) = [line for line in written(f"order_id,{name}\n{rows}").splitlines() if name in line]
    assert told.startswith(f'# LOOK, not used: "{name}"  # does it say that an order is paid, shipped')


def test_what_differs_with_each_order_or_is_on_the_first_row_of_each_is_no_state() -> None:
    rows = "".join(f"A-{at},n{at},1{at}.11.2026\nA-{at},,\n" for at in range(5))
    told = written(f"order_id,Note,Ordered on\n{rows}").splitlines()
    assert [line for line in told if "not used" in line] == ['# not used: "Note"', '# not used: "Ordered on"']


def test_names_like_amounts_are_told_whatever_their_cells_are() -> None:
    told = written("Gift card amount;Additional fees;Net amount;Coupon code;W;Price\n;0;1;;4:-;1\n")
    assert told.count("is it a part of what the order costs?") == 5


def test_a_word_is_no_time_that_an_order_is_held() -> None:
    assert guess("order_id,Hold,Flow\nA-1,Y,inbound\n")["columns"] == {"order_id": "order_id"}
