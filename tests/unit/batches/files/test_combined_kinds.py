"""Kinds of known faults that come together in one file, each with its right value."""

import unicodedata
from pathlib import Path

import pytest

from order_system.batches.files import load_profile, parse_mapping, parse_profile
from tests.fixtures.documents.order_files import csv_line, csv_text, further_row, read, refusal, row, write
from tests.fixtures.documents.shopify_files import SHOPIFY_HEADER, shopify_row
from tests.unit.batches.files.test_built_in_profiles import example


def apart(text: str) -> str:
    """With accents as characters of their own, as some programs write them."""
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("shopify", {"Shipping Method": "Odbiór osobisty"}),
        ("shopify", {"Shipping Method": "Pick\u00a0up"}),
        ("shopify", {"Fulfillment Status": "on  hold"}),
        ("woocommerce", {"Shipping Method Title": "Hämta i butik"}),
        ("tiendanube", {"Estado del envío": "Listo  para retirar"}),
    ],
)
def test_a_state_is_known_however_its_accents_and_blanks_are_written(
    tmp_path: Path, name: str, changes: dict[str, str]
) -> None:
    profile = load_profile(name).model_copy(update={"encoding": "utf-8"})
    if name == "shopify":
        profile = parse_profile(
            f'base = "shopify"\n[[states]]\ncolumn = "Fulfillment Status"\nleave_out = ["{apart("on hold")}"]'
        )
    changed = {column: apart(text) for column, text in changes.items()}
    (reason,) = example(tmp_path, name, changed, profile=profile).reasons
    assert reason.startswith("not to be shipped: ")


def test_a_column_is_found_however_its_accents_are_written(tmp_path: Path) -> None:
    content = csv_line([apart("Número"), apart("Größe"), "x", "y"]) + csv_line(["A-1", "Ünï", "2", "5.00"])
    columns = '[columns]\norder_id = "Número"\nsku = "Größe"\nquantity = "x"\nunit_price = "y"'
    rest = "currency==USD,customer_name==Ada,customer_email==a@example.com,payment_method==pm_x,street==1 Oak"
    mapping = parse_mapping(f"{rest},city==Reno,country==US")
    found = read(tmp_path, apart(content), profile=parse_profile(columns), mapping=mapping).order("A-1")
    assert (found.lines[0].sku, found.total) == ("Ünï", 1000)


def test_a_price_of_minus_nothing_is_nothing_and_a_dash_is_none(tmp_path: Path) -> None:
    order = read(tmp_path, csv_text(row(), further_row(unit_price="-0.00"))).order("A-1")
    assert (order.total, order.lines[1].unit_price) == (99999, 0)
    (reason,) = read(tmp_path, csv_text(row(unit_price="-"))).reasons
    assert reason.startswith("line 2, unit_price: is missing")


def test_a_partly_shipped_order_may_spell_its_country_and_currency_in_two_ways(tmp_path: Path) -> None:
    partly = {"Fulfillment Status": "partial", "Lineitem fulfillment status": "fulfilled", "Total": "25.00"}
    hat = {"Name": "#1001", "Lineitem sku": "HAT", "Lineitem price": "15.00"}
    other = {"Shipping Country": "United States", "Currency": "usd"}
    content = csv_line(SHOPIFY_HEADER) + csv_line(shopify_row(**partly))
    further = csv_line(shopify_row(further=True, **hat, **other))
    order = read(tmp_path, content + further, profile=load_profile("shopify")).order("1001")
    assert ([line.sku for line in order.lines], order.total) == (["HAT"], 1500)
    further = csv_line(shopify_row(further=True, **hat, **{"Shipping Country": "Canada"}))
    (reason,) = read(tmp_path, content + further, profile=load_profile("shopify")).reasons
    assert reason.startswith("line 3, Shipping Country: differs from line 2")


def test_a_file_without_a_currency_is_told_how_to_name_it(tmp_path: Path) -> None:
    profile = load_profile("ebay")
    header = [columns[0].split("|")[0].removesuffix("?") for columns in profile.columns.values()]
    told = refusal(
        write(tmp_path, f"{csv_line([*header, 'Paid On Date', 'Shipped On Date'])}x\n"), profile=profile
    )
    cure = "if all orders are in one, say it: currency==USD in a map"
    assert told.endswith(f"the column currency is missing; {cure}")
