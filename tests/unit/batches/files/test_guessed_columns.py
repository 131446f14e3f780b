"""Which of several columns that may be meant is one's field: where the parcel goes, and what is in it."""

import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

from order_system.batches.files import first_profile
from tests.fixtures.documents.order_files import write
from tests.unit.batches.files.test_guessing import guess


def columns(header: str) -> dict[str, Any]:
    """Guessed of a file whose cells tell nothing."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        file.write_text(f"{header}\n{';'.join('x1' for _ in header.split(';'))}\n", encoding="utf-8")
        return tomllib.loads(first_profile(str(file), [folder]))["columns"]


@pytest.mark.parametrize(
    ("bought", "goes"),
    [
        ("Name;Address;City;Zip;Country",
         "Delivery Name;Delivery Street;Delivery Town;Delivery Zip;Delivery Country"),
        ("Name;Address;City;Zip;Country",
         "Recipient Name;Recipient Address;Recipient City;Recipient Zip;Recipient Country"),
        ("Name;Address 1;City;Zip;Country",
         "Ship To Name;Ship To Address Line 1;Ship To City;Ship To Zip;Ship To Country"),
        ("Name;Straße;Ort;PLZ;Land", "Liefername;Lieferstraße;Lieferort;Liefer-PLZ;Lieferland"),
        ("Name;Straße;Ort;PLZ;Land",
         ("Lieferadresse Name;Lieferadresse Straße;Lieferadresse Ort;Lieferadresse PLZ;"
         "Lieferadresse Land")),
        ("Name;Adresse;Ort;PLZ;Land",
         ("Name des Empfängers;Adresse 1 des Empfängers;Ort des Empfängers;PLZ des Empfängers;"
         "Land des Empfängers")),
        ("Verk. an Name;Verk. an Adresse;Ort;PLZ;Land",
         "Lief. an Name;Lief. an Adresse;Lief. an Ort;Lief. an PLZ-Code;Lief. an Länder-/Regionscode"),
        ("Nom;Adresse;Ville;Code postal;Pays",
         "Nom livraison;Adresse livraison;Ville livraison;Code postal livraison;Pays livraison"),
        ("Nombre;Dirección;Ciudad;Código postal;País",
         "Nombre de envío;Dirección de envío;Ciudad de envío;Código postal de envío;País de envío"),
        ("Nome;Endereço;Cidade;CEP;País",
         "Nome para entrega;Endereço de entrega;Cidade de entrega;CEP de entrega;País de entrega"),
        ("Nome;Indirizzo;Città;CAP;Paese",
         "Nome spedizione;Indirizzo spedizione;Città spedizione;CAP spedizione;Paese spedizione"),
        ("Naam;Adres;Plaats;Postcode;Land",
         "Verzendnaam;Verzendadres;Verzendplaats;Verzendpostcode;Verzendland"),
        ("Klient;Ulica;Miasto;Kod pocztowy;Kraj",
         "Nazwa dostawy;Ulica dostawy;Miasto dostawy;Kod pocztowy dostawy;Kraj dostawy"),
        ("Customer;City",
         ("Delivery Address/Name;Delivery Address/Street;Delivery Address/City;Delivery Address/Zip;"
         "Delivery Address/Country")),
    ],
)  # fmt: skip
def test_the_parcel_goes_where_the_columns_of_the_delivery_say(bought: str, goes: str) -> None:
    """Not to who has paid; nor to a mixture of both."""
    name, street, city, postal_code, country = goes.split(";")
    found = columns(f"Order ID;{bought};{goes}")
    assert found == {
        "order_id": "Order ID",
        "customer_name": name,
        "street": street,
        "city": city,
        "postal_code": postal_code,
        "country": country,
    }


def test_both_parts_of_a_name_or_a_street_are_of_the_delivery() -> None:
    found = columns(
        "Prénom;Nom;Adresse;Prénom livraison;Nom livraison;Adresse livraison;Complément livraison"
    )
    assert found["customer_name"] == ["Prénom livraison", "Nom livraison"]
    assert found["street"] == ["Adresse livraison", "Complément livraison"]


@pytest.mark.parametrize(
    ("header", "cells", "read"),
    [
        ("Price;Tax %;Tax", "10.00;19;1.90", {"unit_price": "Price", "tax": "Tax"}),
        ("Price;VAT", "10.00;20", {"unit_price": "Price"}),
        ("Price;MwSt.", "10,00;19 %", {"unit_price": "Price"}),
        ("Price;Discount %", "10.00;5", {"unit_price": "Price"}),
        ("Price;VAT", "10.00;0", {"unit_price": "Price", "tax": "VAT"}),
        ("Price;VAT", "10.00;2.00", {"unit_price": "Price", "tax": "VAT"}),
        ("Commission;Gross Sales", "1.00;-9.00", {}),
    ],
)
def test_a_rate_is_no_amount(header: str, cells: str, read: dict[str, str]) -> None:
    """19 per cent of tax are not 19.00. A person is told of what is not used."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        file.write_text(f"{header}\n{cells}\n", encoding="utf-8")
        text = first_profile(str(file), [folder])
    assert tomllib.loads(text)["columns"] == read
    assert text.count("is it a part of what the order costs?") == header.count(";") + 1 - len(read)


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("Nr. domu / House no.", "is it a part of the address?"),
        ("İlçe", "is it a part of the address?"),
        ("Subtotal ($)", "is it a part of what the order costs?"),
        ("Line Type", "does it say that an order is paid, shipped, returned or closed?"),
    ],
)
def test_a_person_is_told_to_look_at_what_may_matter(name: str, look: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        file.write_text(f"Order ID;{name}\nA-1;1.0\nA-2;2.0\nA-3;3.0\nA-4;4.0\n", encoding="utf-8")
        (told,) = [line for line in first_profile(str(file), [folder]).splitlines() if name in line]
    assert told.startswith("# LOOK")
    assert look in told


@pytest.mark.parametrize(
    ("cells", "is_region"), [("new,pending_payment", False), ("New York,OR", True), (",", True)]
)
def test_how_an_order_stands_is_no_region(cells: str, is_region: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        file.write_text(
            "state;city\n" + "".join(f"{cell};Reno\n" for cell in cells.split(",")), encoding="utf-8"
        )
        assert ("region" in tomllib.loads(first_profile(str(file), [folder]))["columns"]) is is_region


def test_a_part_of_an_address_that_is_blank_so_far_is_told() -> None:
    """It may be filled in the next file of the profile."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        file.write_text("Order ID;Address;Building\nA-1;1 Oak;\n", encoding="utf-8")
        assert '# LOOK, not used: "Building"' in first_profile(str(file), [folder])


def test_how_and_until_when_it_is_shipped_is_no_address() -> None:
    assert columns("Ship Via;Ship By;Shipping Method;Address;City") == {"street": "Address", "city": "City"}


def test_a_column_of_the_delivery_that_is_blank_throughout_is_none() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        file.write_text("Address;Shipping Address\n1 Oak;\n", encoding="utf-8")
        assert tomllib.loads(first_profile(str(file), [folder]))["columns"] == {"street": "Address"}


@pytest.mark.parametrize(
    ("header", "field", "name"),
    [
        # What is called by its code is shipped, not the row's number in the shop's database, nor a title.
        ("Product ID;Product SKU", "sku", "Product SKU"),
        ("Item ID;Item SKU;Item", "sku", "Item SKU"),
        ("Product;Product Code", "sku", "Product Code"),
        ("Item;Item No.", "sku", "Item No."),
        ("Product ID;Model", "sku", "Model"),
        ("product_id;product_reference;product_name", "sku", "product_reference"),
        ("Artikel;Artikelnummer;EAN", "sku", "Artikelnummer"),
        ("EAN;Référence vendeur", "sku", "Référence vendeur"),
        ("Product Name;SKU Reference No.", "sku", "SKU Reference No."),
        ("Order Lines/Product/Internal Reference", "sku", "Order Lines/Product/Internal Reference"),
        ("Order Lines/Quantity", "quantity", "Order Lines/Quantity"),
        ("Items ordered;Item - Qty", "quantity", "Item - Qty"),
        ("Items ordered;Item count", "quantity", None),
        # Two orders of PrestaShop, as of two carriers, have one reference.
        ("id_order;reference", "order_id", "id_order"),
        ("Référence;N° de commande", "order_id", "N° de commande"),
        ("Référence;N° de commande", "sku", "Référence"),
        ("Client ID;Nom du client", "customer_name", "Nom du client"),
        ("productName;productNumber", "sku", "productNumber"),
        ("Envío;Método de envío", "shipping_fee", "Envío"),
        ("注文番号;商品名;商品番号;個数;送料", "quantity", "個数"),
        ("Order Total Tax;Amount - Order Total", "total", "Amount - Order Total"),
        ("Line: Title;Line: SKU", "sku", "Line: SKU"),
        ("Adet;Birim Fiyat;Genel Toplam", "unit_price", "Birim Fiyat"),
        ("Ordernr;À-pris;Frakt;Att betala", "shipping_fee", "Frakt"),
        ("total_paid_tax_incl;total_paid_real", "total", "total_paid_tax_incl"),
        ("注文者名字;送付先名字;送付先名前", "customer_name", ["送付先名字", "送付先名前"]),
        # A street without its house number is no address.
        ("delivery_street_address;delivery_house_number", "street",
         ["delivery_street_address", "delivery_house_number"]),
        ("Straat verzending;Huisnummer verzending;Toevoeging verzending", "street",
         ["Straat verzending", "Huisnummer verzending", "Toevoeging verzending"]),
        ("Versand an Adresse 1;Versand an Adresse 2", "street",
         ["Versand an Adresse 1", "Versand an Adresse 2"]),
        ("Ship To Addr1;Ship To Addr2;Ship To St", "street", ["Ship To Addr1", "Ship To Addr2"]),
        ("Ship To Addr1;Ship To St", "region", "Ship To St"),
        ("商品名;請求金額", "total", "請求金額"),
        # Two orders may have the customer's one number.
        ("PO Number;SO Number", "order_id", "SO Number"),
        ("Purchase Order;Sales Order", "order_id", "Sales Order"),
        ("PO Number;Invoice Number", "order_id", "Invoice Number"),
        ("Shipping Address;Shipping Street2", "street", ["Shipping Address", "Shipping Street2"]),
        ("Shipping City;Shipping Code", "postal_code", "Shipping Code"),
        ("SalesOrder ID;SalesOrder Number", "order_id", "SalesOrder Number"),
        ("# de venta;# de publicación", "order_id", "# de venta"),
        ("Nome do Produto;Número de referência SKU", "sku", "Número de referência SKU"),
        ("Unit Price;Ext Price;Qty", "line_total", "Ext Price"),
        ("Nettopreis;pro;Nettowert", "line_total", "Nettowert"),
        ("Unit Price Excl. VAT;Line Amount Excl. VAT", "unit_price", "Line Amount Excl. VAT"),
    ],
)  # fmt: skip
def test_of_several_columns_the_one_that_is_meant_is_read(
    header: str, field: str, name: str | list[str] | None
) -> None:
    assert columns(f"{header};Note").get(field) == name


@pytest.mark.parametrize(
    "delivery", ["Shipping City;Delivery Country", "Delivery Zone;Ship State", "Versandort;Versandland"]
)
def test_without_a_street_of_the_delivery_the_address_is_no_mixture(delivery: str) -> None:
    """These tell something else, such as where it is sent from."""
    found = columns(f"Order ID;Address;City;State;Country;{delivery}")
    assert found == {
        "order_id": "Order ID",
        "street": "Address",
        "city": "City",
        "region": "State",
        "country": "Country",
    }


def test_the_recipient_has_the_buyers_street_if_there_is_no_other() -> None:
    found = columns("Buyer Name;Recipient Name;Address;Delivery City")
    assert found == {"customer_name": "Recipient Name", "street": "Address", "city": "Delivery City"}


@pytest.mark.parametrize("name", ["Test Mode", "Pre-order", "On Hold", "Backordered", "Fraud Review"])
def test_what_is_a_test_or_waits_is_a_state_that_a_person_has_to_name(name: str) -> None:
    states = guess(f"order_id,SKU,{name}\nA-1,MUG,No\nA-2,MUG,Yes\n")["states"]
    assert [(each["column"], each["run"]) for each in states] == [(name, [])]


def test_where_the_rate_is_one_amounts_are_in_the_currency_of_the_order() -> None:
    """OpenCart's amounts are in the shop's currency, whatever that of the order."""
    (state,) = guess("order_id,sku,currency_value\n1,MUG,1.00000000\n2,MUG,0.85000000\n")["states"]
    assert (state["run"], state["leave_out"]) == (["1.00000000"], ["*"])


def test_an_ordinal_sign_is_no_letter_of_central_europe(tmp_path: Path) -> None:
    content = "Nº Pedido;Cliente\n1;José Núñez\n".encode("cp1252")
    assert '"cp1252"' in first_profile(str(write(tmp_path, content)), [str(tmp_path)])
