"""Exports in the form of platforms that have no profile: what a person gets who takes the guess, and says of
each state that it asks about whether it is to be run."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from order_system.batches.files import first_profile, load_profile, parse_mapping, parse_profile
from tests.fixtures.documents.order_files import Reading, read, write


class Export(NamedTuple):
    header: str
    orders: list[str]
    """Their cells, without the ID in the first column: these are A-1, A-2, ..."""
    mapping: str
    """What the file lacks."""
    run: tuple[str, ...]
    """The states that a person lets run."""

    def content(self) -> str:
        rows = [f"{f'A-{at}' if cells[0] == ';' else ''}{cells}" for at, cells in enumerate(self.orders, 1)]
        return "\n".join([self.header, *rows, ""])


def planned(folder: Path, export: Export) -> Reading:
    file = write(folder, export.content())
    text = first_profile(str(file), [str(folder)])
    for states in re.findall(r"run = \[\]  # which of (\[.*\])\?", text):
        run = [state for state in export.run if f'"{state}"' in states]
        text = text.replace(f"run = []  # which of {states}?", f"run = {run}".replace("'", '"'))
    mapping = parse_mapping(export.mapping) if export.mapping else None
    return read(folder, export.content(), profile=parse_profile(text), mapping=mapping)


LEXWARE = Export(
    "Auftragsnr.;Auftragsart;Status;Name1;Straße;PLZ;Ort;Land;Lief-Name1;Lief-Straße;Lief-PLZ;Lief-Ort;Lief-Land;E-Mail;"
    "Artikel-Nr.;Menge;Einzelpreis;Gesamt;Versandkosten;Endbetrag",
    [
        f";{kind};offen;Groß GmbH;Alte Str. 9;10115;Berlin;D;Ada;Weg 1;80331;München;D;a@example.de;"
        "TASSE;2,00;10,00;20,00;4,90;24,90"
        for kind in ("Auftragsbestätigung", "Angebot")
    ],
    "payment_method==pm_x,currency==EUR",
    ("offen", "Auftragsbestätigung"),
)
NETSUITE = Export(
    "Document Number;Name;Status;Currency;Email;Shipping Addressee;Shipping Address 1;Shipping City;"
    "Shipping State/Province;Shipping Zip;Shipping Country;Item;Quantity;Quantity Fulfilled/Received;"
    "Item Rate;Amount;Shipping Cost;Amount (Transaction Total)",
    [
        ";100 Ada Inc;Pending Fulfillment;USD;a@example.com;Ada;1 Oak;Reno;NV;89501;US;"
        f"TASSE;2;{done};10.00;20.00;4.90;24.90"
        for done in ("0", "1")
    ],
    "payment_method==pm_x",
    ("Pending Fulfillment",),
)
BOL = Export(
    "Bestelnummer;Bestelstatus;Voornaam verzending;Achternaam verzending;Straatnaam verzending;"
    "Huisnummer verzending;Huisnummer toevoeging verzending;Postcode verzending;Woonplaats verzending;"
    "Land verzending;E-mailadres;EAN;Aantal;Stukprijs;Valuta;Fulfilment",
    [
        f";{state};Fien;de Vries;Kerkstraat;12;B;1011 AB;Amsterdam;NL;f@example.nl;TASSE;2;12,45;EUR;Verkoper"
        for state in ("Open", "Verzonden")
    ],
    "payment_method==pm_x",
    ("Open", "Verkoper"),
)
ALLEGRO = Export(
    "OrderId;SellerStatus;TotalToPay;PaymentStatus;BuyerEmail;DeliveryName;DeliveryStreet;DeliveryZipCode;"
    "DeliveryCity;DeliveryCountryCode;Sku;Quantity;Price;Currency;DeliveryPrice",
    [
        f";{state};24,90;{paid};a@example.pl;Ada;ul. Długa 1;00-001;Warszawa;PL;TASSE;2;10,00;PLN;4,90"
        for state, paid in (("NEW", "PAID"), ("SENT", "PAID"), ("NEW", "CASH_ON_DELIVERY"))
    ],
    "",
    ("NEW", "PAID"),
)
SAP = Export(
    "Verkaufsbeleg;Name Warenempfänger;Straße Warenempfänger;PLZ Warenempfänger;Ort Warenempfänger;"
    "Land Warenempfänger;E-Mail;Material;Auftragsmenge;Nettopreis;Währg;Nettowert;Lieferstatus",
    [
        f";Ada;Weg 1;80331;München;DE;a@example.de;TASSE;2,000;12,45;EUR;24,90;{state}"
        for state in ("Nicht beliefert", "Voll beliefert")
    ],
    "payment_method==pm_x",
    ("Nicht beliefert",),
)
OTTO = Export(
    "Auftragsnummer;Positionsstatus;Artikelnummer (SKU);Positionspreis;Währung;Versandkosten;"
    "Lieferadresse Vorname;Lieferadresse Nachname;Lieferadresse Straße;Lieferadresse PLZ;Lieferadresse Ort;"
    "Lieferadresse Ländercode",
    [
        f"{start};{state};TASSE;10,00;EUR;{fee};Ada;Lovelace;Weg 1;80331;München;DEU"
        for start, state, fee in (
            ("A-1", "PROCESSABLE", "4,90"),
            ("A-1", "PROCESSABLE", "4,90"),
            ("A-2", "SENT", "4,90"),
        )
    ],
    "payment_method==pm_x,quantity==1,customer_email==a@example.de",
    ("PROCESSABLE",),
)
EBAY_DE = Export(
    "Bestellnummer;E-Mail des Käufers;Versand an - Name;Versand an - Adresse 1;Versand an - Ort;"
    "Versand an - PLZ;Versand an - Land;Bestandseinheit;Anzahl;Verkauft für;Verpackung und Versand;"
    "Gesamtpreis;Datum der Bezahlung;Versanddatum",
    [
        ";a@example.de;Ada;Weg 1;München;80331;Deutschland;TASSE;2;EUR 10,00;EUR 4,90;EUR 24,90;"
        f"{paid};{sent}"
        for paid, sent in (("02-Nov-26", ""), ("02-Nov-26", "03-Nov-26"), ("", ""))
    ],
    "",
    (),
)
RUSSIAN = Export(
    "Номер заказа;Статус заказа;Статус оплаты;Получатель;Email;Адрес доставки;Город;Индекс;Страна;Артикул;"
    "Количество;Цена;Стоимость доставки;Итого;Валюта",
    [
        f";{state};Оплачен;Иван;i@example.ru;ул. Ленина, 5;Москва;101000;Россия;TASSE;2;10,00;4,90;24,90;RUB"
        for state in ("Новый", "Отменён", "Доставлен")
    ],
    "",
    ("Новый", "Оплачен"),
)


@pytest.mark.parametrize(
    ("export", "goes_to"),
    [
        (LEXWARE, "Ada, Weg 1, München, 80331, DE"),
        (NETSUITE, "Ada, 1 Oak, Reno, NV, 89501, US"),
        (BOL, "Fien de Vries, Kerkstraat, 12, B, Amsterdam, 1011 AB, NL"),
        (ALLEGRO, "Ada, ul. Długa 1, Warszawa, 00-001, PL"),
        (SAP, "Ada, Weg 1, München, 80331, DE"),
        (OTTO, "Ada Lovelace, Weg 1, München, 80331, DE"),
        (EBAY_DE, "Ada, Weg 1, München, 80331, DE"),
        (RUSSIAN, "Иван, ул. Ленина, 5, Москва, 101000, RU"),
    ],
)  # fmt: skip
def test_the_open_order_alone_is_run_to_its_recipient_at_its_price(
    tmp_path: Path, export: Export, goes_to: str
) -> None:
    found = planned(tmp_path, export)
    assert found.ids == ["A-1"], found.reasons
    order = found.order("A-1")
    (line,) = order.lines
    at = order.shipping_address
    told = (order.customer.name, at.street, at.city, at.region, at.postal_code, at.country)
    assert ", ".join(filter(None, told)) == goes_to
    assert (line.sku, line.quantity, order.total) == ("TASSE", 2, 2490)


def test_a_price_of_the_whole_purchase_is_not_taken_for_that_of_each_piece(tmp_path: Path) -> None:
    """As in Gumroad's export, which calls it Item Price. A sample of one piece would look right."""
    content = (
        "Order Number,Buyer Name,Buyer Email,Item Price ($),Quantity,Shipping ($),Sale Price ($),"
        "Fees ($),SKU ID,Street Address,City,Country\n"
        "A-1,Ada,a@example.com,40.00,2,5.00,45.00,4.50,POSTER,1 Oak,Reno,US\n"
    )
    file = write(tmp_path, content)
    profile = parse_profile(first_profile(str(file), [str(tmp_path)]))
    mapping = parse_mapping("currency==USD,payment_method==pm_x")
    (reason,) = read(tmp_path, content, profile=profile, mapping=mapping).reasons
    assert reason.startswith("line 2, Sale Price ($): must be 85.00 USD")
    assert reason.endswith('all is, if a profile says unit_price = "line total" under [meaning]')


def test_who_fulfils_is_no_state_and_a_word_for_paid_may_be_one_that_nobody_knows(tmp_path: Path) -> None:
    content = "Order ID,Fulfillment Entity,Payment Status\n1,Seller Fulfilled,Vyrovnáno\n2,Walmart,Pending\n"
    text = first_profile(str(write(tmp_path, content)), [str(tmp_path)])
    assert 'leave_out = []\nrun = []  # which of ["Seller Fulfilled", "Walmart"]?' in text
    assert '"Vyrovnáno", ""]  # does one of these mean paid? Put it under `states`' in text


def test_both_profiles_know_the_same_words_for_what_is_picked_up() -> None:
    ways = [
        (state.run, state.leave_out)
        for name in ("shopify", "woocommerce")
        for state in load_profile(name).states
        if "*collect*" in state.leave_out
    ]
    assert ways[0] == ways[1]


@pytest.mark.parametrize(
    ("done", "waits"),
    [
        ("In transit", "Ready for transit"),
        ("Out for delivery", "Awaiting delivery"),
        ("Unterwegs", "Versandbereit"),
        ("An DHL übergeben", "Noch nicht übergeben"),
        ("En camino", "Para enviar"),
        ("Expédiée", "À expédier"),
        ("Paiement refusé", "Paiement en cours"),
        ("Abgebrochen", "In Bearbeitung"),
        ("Declined", "Accepted"),
        ("Rechazado", "Aceptado"),
        ("Peruttu", "Uusi"),
        ("Доставляется", "Ожидает сборки"),
    ],
)
def test_what_is_on_its_way_or_was_turned_down_is_left_out(tmp_path: Path, done: str, waits: str) -> None:
    content = f"Order ID,Status,Ref\n1,{done},a\n2,{waits},b\n"
    text = first_profile(str(write(tmp_path, content)), [str(tmp_path)])
    assert f'leave_out = ["{done}"]\nrun = []  # which of ["{waits}"]?' in text
