"""A guessed profile leads nobody to charge an order that is paid, or to ship one that is shipped."""

import json
import re
import tempfile
from pathlib import Path

import pytest

from order_system.batches.files import inspect_file, parse_profile
from order_system.batches.files.guessing import first_profile
from tests.fixtures.documents.order_files import read_whole, write
from tests.unit.batches.files.test_guessing import guess

ADDRESS = ("Ada", "ada@example.com", "1 High St", "London", "GB", "MUG", "2", "10.00", "GBP", "pm_visa")
ADDRESSED = "Order ID,Name,Email,Address,City,Country,SKU,Quantity,Price,Currency,Token"


def run_by_its_guess(header: str, *orders: str, further: str = "", decided: bool = True) -> list[str]:
    """Of A-1, A-2 ...: how each is paid, or why it is not run. By the profile as written or, if `decided`,
    after a person has carelessly let each state run that the profile asks about."""
    rows = [f"A-{at},{','.join(ADDRESS)},{cells}" for at, cells in enumerate(orders, 1)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        file.write_text("\n".join([f"{ADDRESSED},{header}", *rows, further]).strip() + "\n")
        text = first_profile(str(file), [folder])
        if decided:
            text = re.sub(r"run = \[\]  # which of (\[.*\])\?", r"run = \1", text)
        read = read_whole(inspect_file(str(file), [folder], profile=parse_profile(text)))
    told = {str(each.order_id): each.reason for each in read.problems}
    told |= {each[0]: json.loads(each[-1])["payment_method"] for each in read.orders}
    return [told[name] for name in sorted(told)]


@pytest.mark.parametrize(
    ("header", "paid", "unpaid"),
    [
        ("Payment Status", "Paid", "Pending"),
        ("payment_state", "captured", "authorized"),
        ("Bezahlt am", "12.03.2024", ""),
        ("Zahlungsdatum", "02. Jan. 26", ""),
        ("Paid on", "Jan-02-26", ""),
        ("Total,Zahlungseingang", "20.00,12.03.2024", "20.00,"),
        ("Captured", "true", "false"),
        ("Settled", "2026-11-20", ""),
        ("Paid at", "2026-11-20", "NULL"),
        ("Betald", "ja", "nej"),
        ("PayPal Transaction", "9AB12", ""),
        ("bezahlt", "ja", "nein"),
        ("paid_at", "2024-03-12T10:00:00Z", "0000-00-00 00:00:00"),
        ("is_paid", "1", "0"),
        ("Estado del pago", "Pagado", "Pendiente"),
        ("Pago", "Sim", "Não"),
        ("Zahlung", "Komplett bezahlt", "Offen"),
        ("Payment", "paid", "partially paid"),
        ("Etat", "Payée", "En attente"),
        ("Stato pagamento", "Completed", "In attesa"),
        ("Betaald", "Ja", "Nee"),
        ("Opłacone", "Tak", "Nie"),
        ("État", "Paiement à distance accepté", "Paiement partiel accepté"),
        ("Status", "Remote payment accepted", "Remote payment not accepted"),
        ("Status", "Fernzahlung eingegangen", "Anzahlung eingegangen"),
        ("Status", "Zahlung per Kreditkarte akzeptiert", "Zahlung noch nicht eingegangen"),
        ("Estado", "Pago remoto aceptado", "Pago inicial recibido"),
        ("Stato", "Pagamento a distanza accettato", "Pagamento non accettato"),
        ("Estado", "Pagamento remoto aceite", "Pagamento não recebido"),
        ("Status", "Betaling op afstand aanvaard", "Betaling niet ontvangen"),
        ("Оплачен", "Да", "Нет"),
        ("Статус", "Оплачено", "Частично оплачено"),
        ("订单状态", "已付款", "待付款"),
    ],
)
def test_what_the_file_says_is_paid_is_never_charged(header: str, paid: str, unpaid: str) -> None:
    """Though each has a token that could be; and what it does not say is paid waits."""
    first, second = run_by_its_guess(header, paid, unpaid)
    assert first in ("paid:A-1", f"paid:{paid}")
    assert f"it is not paid in the shop ({unpaid.casefold().split(',')[-1] or 'blank'})" in second
    assert "wait for the money, or name the payment_method" in second


def test_where_nobody_can_tell_whether_an_order_is_paid_none_is_charged() -> None:
    (undecided,) = run_by_its_guess("Payment Status", "A", decided=False)
    assert "is a state that the profile does not know" in undecided
    (careless,) = run_by_its_guess("Payment Status", "A")
    assert "it is not paid in the shop (a)" in careless


@pytest.mark.parametrize(("header", "cell"), [("Amount Paid", "0.00"), ("Total paid", "GBP 20.00")])
def test_an_amount_that_was_paid_says_nothing_without_a_total(header: str, cell: str) -> None:
    (told,) = run_by_its_guess(header, f'"{cell}"')
    assert told.endswith("total: is missing: without it nothing says that all of it is paid")


def test_a_tax_is_not_put_on_top_of_prices_that_may_hold_it() -> None:
    told, none = run_by_its_guess("MwSt-Betrag", "3.19", "0.00")
    assert told.startswith(
        "line 2, MwSt-Betrag: may be in the prices already, and no total tells whether it is; "
    )
    assert told.endswith("if it is not, take tax out of what the profile says is included")
    assert none == "pm_visa"
    assert run_by_its_guess("Tax,Total", "3.19,23.19", "3.19,20.00") == ["pm_visa", "pm_visa"]


@pytest.mark.parametrize("header", ["Amount due", "Balance", "Order Due"])
def test_an_order_of_which_something_is_still_to_be_paid_is_refused(header: str) -> None:
    part, none = run_by_its_guess(header, "5.00", "0.00")
    assert part.endswith(f"{header}: 5.00 GBP are still to be paid in the shop")
    assert none == "paid:A-2"


@pytest.mark.parametrize("header", ["주문상태", "订单状态", "Статус", "Sipariş Durumu", "สถานะคำสั่งซื้อ"])
def test_a_state_in_another_script_is_asked_for(header: str) -> None:
    for undecided in run_by_its_guess(header, "배송완료", "취소완료", decided=False):
        assert "is a state that the profile does not know" in undecided


def test_a_state_of_many_words_is_told_as_it_is() -> None:
    """PrestaShop's is of 44 letters; and a person has to name it."""
    awaited = "En attente du paiement par virement bancaire"
    _, told = run_by_its_guess("Statut", "Expédié", awaited, decided=False)
    assert f"Statut: {awaited} is a state that the profile does not know" in told


def test_no_state_is_run_before_a_person_has_said_so_though_it_means_paid() -> None:
    for header in ("Stato", "Payment status"):
        assert "is a state that" in run_by_its_guess(header, "Paid", "Unpaid", decided=False)[0]


@pytest.mark.parametrize(
    "header", ["Transaktionsnr.", "N° transaction", "last_trans_id", "Nº transacción", "Transactienummer",
               "Numero transazione", "Código da transação"]
)  # fmt: skip
def test_a_payment_is_told_by_its_number(header: str) -> None:
    assert run_by_its_guess(f"Payment Status,{header}", "paid,ch_1") == ["paid:ch_1"]


def test_how_much_has_been_paid_is_held_against_the_total() -> None:
    """As in Magento's exports; and no amount is a state."""
    header = "total_paid,order grand total,last_trans_id"
    whole, part, none = run_by_its_guess(header, "20.0000,20.0000,ch_1", "15.0000,20.0000,ch_2", ",20.0000,")
    assert whole == "paid:ch_1"
    assert part.endswith("total_paid: 5.00 GBP are still to be paid in the shop")
    assert none.endswith("total_paid: 20.00 GBP are still to be paid in the shop")


def test_an_order_refunded_in_part_is_told_once_as_left_out() -> None:
    rows = "".join(f"A-{at},{state}\n" for at, state in enumerate(["paid", "open", "partially refunded"]))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        file.write_text(f"order_id,Payment Status\n{rows}")
        profile = parse_profile(first_profile(str(file), [folder]))
    assert profile.paid is not None
    assert profile.paid.refuse == ("open", "")
    assert profile.states[0].leave_out == ("partially refunded",)


def test_a_payment_is_told_by_its_reference() -> None:
    assert run_by_its_guess("Payment Status,Transaction ID", "paid,ch_1", "paid,ch_2") == [
        "paid:ch_1",
        "paid:ch_2",
    ]
    first, second = run_by_its_guess("Charge ID", "ch_1", "")
    assert first == "paid:ch_1"
    assert "it is not paid in the shop (blank)" in second


def test_a_state_of_payment_that_comes_later_in_the_file_is_not_run() -> None:
    rows = ["paid"] * 1500
    later = f"B-1,{','.join(ADDRESS)},reversed"
    *_, told = run_by_its_guess("Payment Status", *rows, further=later)
    assert "reversed is a state" in told
    assert "is a state that the profile does not know" in told


@pytest.mark.parametrize(
    ("header", "shipped", "waiting"),
    [
        ("LSTAT", "SHIPPED", "OPEN"),
        ("Zustand", "versendet", "offen"),
        ("situacao", "Enviado", "Não enviado"),
        ("Estado", "Entregado", "Por enviar"),
        ("Phase", "Expédiée", "Non expédiée"),
        ("Stato", "Spedito", "Da spedire"),
        ("Fase", "verzonden", "niet verzonden"),
        ("Shipped", "yes", "no"),
        ("Versendet", "ja", "nein"),
        ("Storniert am", "12.03.2024", ""),
        ("Tracking Number", "1Z999", ""),
        ("Refunded Amount", "20.00", "0.00"),
        ("wc_state", "wc-completed", "wc-processing"),
        ("Despatched", "21/11/2026", ""),
        ("Date Sent", "2026-11-21", ""),
        ("cancelled_at", "2026-11-21T10:00:00Z", "\\N"),
        ("tracking_no", "1Z999", "NULL"),
        ("Verschickt am", "21.11.2026", ""),
        ("Data wysłania", "2026-11-21", "NULL"),
        ("Wysłano", "tak", "nie"),
        ("Evaso il", "21/11/2026", ""),
        ("Data spedizione", "21/11/2026", ""),
        ("Afsendt", "21-11-2026", ""),
        ("Lähetetty", "21.11.2026", ""),
        ("Odesláno", "21.11.2026", ""),
        ("Kargoya Verildi", "21.11.2026", ""),
        ("Дата отправки", "21.11.2026", ""),
        ("发货时间", "2026-11-21", ""),
        ("송장번호", "123", ""),
        ("Retur", "ja", "nej"),
        ("Sent", "Y", "N"),
        ("Consignment number", "JD0002", ""),
        ("AWB", "8812345", ""),
        ("Colissimo", "6A123", ""),
        ("RMA", "R-77", ""),
        ("Stage", "Done", "To be done"),
        ("Closed", "1", "0"),
        ("Archived", "true", "false"),
        ("Skickad", "ja", "nej"),
        ("Lineitem requires shipping", "false", "true"),
        ("Physical", "No", "Yes"),
        ("Virtual", "yes", "no"),
        ("Parent Item ID", "77", ""),
        ("Partial Refund ($)", "20.0", "0.0"),
        ("Disputed?", "1", "0"),
        ("Absagegrund", "Z1 Kunde storniert", ""),
        ("Status", "(4) Versendet", "(3) Offen"),
        # What is given back, or only offered, is no order.
        ("Document Type", "Return Order", "Order"),
        ("Type", "Sales credit note", "Sales invoice"),
        ("OrderType", "Gutschrift", "Auftrag"),
        ("Belegart", "Angebot", "Auftrag"),
        ("Type de document", "Avoir", "Commande"),
        ("Статус заказа", "Отправлен", "Новый"),
        ("Статус", "Возврат", "\u041d\u0435 отправлен"),
        ("订单状态", "已发货", "未发货"),
        ("Lieferstatus", "Voll beliefert", "Nicht beliefert"),
    ],
)
def test_what_is_shipped_or_cancelled_is_left_out(header: str, shipped: str, waiting: str) -> None:
    first, second = run_by_its_guess(header, shipped, waiting)
    assert first.startswith("not to be shipped: ")
    assert second == "pm_visa"


@pytest.mark.parametrize("header", ["Qty Shipped", "Quantidade devolvida", "Sku Quantity of return"])
def test_a_number_of_pieces_that_are_shipped_refuses_the_order(header: str) -> None:
    some, none = run_by_its_guess(header, "1", "0")
    assert some.endswith("(it knows 0); the file cannot tell how many of the line are left"), (
        "1 in `run` ships all"
    )
    assert none == "pm_visa"


@pytest.mark.parametrize(
    ("header", "done"),
    [
        ("Zahlungsstatus", "teilweise erstattet"),
        ("Payment Status", "Partially refunded"),
        ("Stato pagamento", "Rimborso parziale"),
        ("Statut", "Partiellement remboursée"),
        ("Financial Status", "Chargeback"),
        ("Void", "Y"),
        ("Pickup", "Yes"),
        ("Delivery method", "Store Pickup"),
        ("Credit Memo", "CM-12"),
        ("Order type", "Return"),
        ("Delivery", "Click & Collect"),
        ("Gift Certificate Amount Redeemed", "10.00"),
        ("Pre-order", "1"),
        ("currency_value", "0.85000000"),
    ],
)
def test_what_is_refunded_in_part_void_or_picked_up_is_left_out(header: str, done: str) -> None:
    """Also after a person has let each state run that the guess asks about."""
    other = "paid" if "tatus" in header or "Stat" in header else ""
    *_, told = run_by_its_guess(header, other, done)
    assert told.startswith("not to be shipped")


def test_who_where_and_what_tell_no_state_however_few_they_are(tmp_path: Path) -> None:
    header = "order_id,Customer Name,Firma,Billing State,Téléphone,Order Date,Item code,Weight,{}\n"
    rows = "A-1,Ada,,OS,1 2,Nov 2,S,1 kg,x\nA-2,Ada,Co,OS,1 2,Nov 2,S,1 kg,x\nA-3,Bob,,,3,Nov 3,T,,\n"
    for name in (
        "Complete Contents",
        "Phase",
        "Delivery number",
        "Order state code",
        "Note",
        "Sofort",
        "Date",
    ):
        told = first_profile(str(write(tmp_path, header.format(name) + rows)), [str(tmp_path)]).splitlines()
        assert [line.partition("  #")[0] for line in told if "LOOK" in line] == [
            f'# LOOK, not used: "{name}"'
        ]


def test_an_export_that_lacks_its_currency_alone_is_left_to_its_profile_too() -> None:
    where = ",".join(f"Ship To {part}" for part in ("Name", "Address 1", "City", "State", "Country"))
    what = "Custom Label,Item Title,Quantity,Sold For,Paid On Date,Shipped On Date"
    text = f"Order Number,Buyer Email,{where},{what}\n{','.join('x' * 13)}\n"
    assert guess(text)["base"] == "ebay"
