"""Every built-in profile reads what its shop exports, and believes what stands there."""

from pathlib import Path

import pytest

from order_system.batches.files import load_profile, parse_mapping
from order_system.batches.files.profiles import built_in_profiles, parse_profile
from order_system.domain.order_file import ProblemKind
from order_system.domain.order_profile import Profile
from tests.fixtures.documents.order_files import (
    PLAIN,
    Reading,
    csv_line,
    csv_text,
    read,
    refusal,
    row,
    write,
)
from tests.fixtures.documents.shopify_files import SHOPIFY_HEADER


def example(
    folder: Path,
    name: str,
    changes: dict[str, str],
    mapping: Profile | None = None,
    *,
    profile: Profile | None = None,
) -> Reading:
    """A file of order A-1 in the form of a built-in profile: paid, to be shipped, of one piece at 5.00."""
    profile = profile or load_profile(name)
    cells = {**PLAIN, "unit_price": "5.00", "total": "5.00", "quantity": "1", "payment_method": ""}
    named = {columns[0]: cells.get(field, "") for field, columns in profile.columns.items()}
    more = dict.fromkeys([column for columns in profile.columns.values() for column in columns[1:]], "")
    otherwise = dict.fromkeys([column for columns in profile.otherwise.values() for column in columns], "")
    states = {state.column: (*state.run, "")[0] for state in profile.states}
    paid = dict.fromkeys(profile.paid.column if profile.paid else (), "")
    if profile.paid and profile.paid.column:
        paid[profile.paid.column[0]] = profile.paid.states[0]
    table = {
        column.split("|")[0].removesuffix("?"): text
        for column, text in (more | otherwise | paid | states | named).items()
    }
    table |= changes
    mapping = mapping if "currency" in profile.columns else parse_mapping("currency==USD")
    content = "".join(csv_line(row, separator=profile.separator) for row in (table.keys(), table.values()))
    return read(folder, content.encode(profile.encoding), profile=profile, mapping=mapping)


@pytest.mark.parametrize("name", built_in_profiles())
def test_every_built_in_profile_reads_an_order_and_can_be_stored(tmp_path: Path, name: str) -> None:
    profile = load_profile(name)
    assert type(profile).model_validate_json(profile.model_dump_json()) == profile
    order = example(tmp_path, name, {}).order("A-1")
    assert (order.total, order.payment_method) == (500, "paid:A-1")
    if profile.id_strip:
        assert example(tmp_path, name, {profile.columns["order_id"][0]: "#A-1"}).ids == ["A-1"]


def test_a_sku_is_made_where_the_file_has_no_column_of_it(tmp_path: Path) -> None:
    header = (
        "Name,Email,Currency,Financial Status,Shipping Name,Shipping Street,Shipping City,Shipping Country,"
    )
    text = header + "Lineitem quantity,Lineitem name,Lineitem price,Fulfillment Status,Cancelled at,"
    text += "Lineitem requires shipping\n#7,a@example.com,USD,paid,Ada,1 Oak,Reno,US,1,Big Mug,5.00,,,true\n"
    assert read(tmp_path, text, profile=load_profile("shopify")).order("7").lines[0].sku == "BIG-MUG"


@pytest.mark.parametrize("column", ["Fulfillment Status", "Cancelled at", "Lineitem requires shipping"])
def test_a_file_that_cannot_tell_what_is_to_be_shipped_is_refused(tmp_path: Path, column: str) -> None:
    header = csv_line(name for name in SHOPIFY_HEADER if name != column)
    told = refusal(write(tmp_path, f"{header}x\n"), profile=load_profile("shopify"))
    assert f"there is no column {column}" in told


def test_a_file_in_another_encoding_than_its_shop_writes_is_told_as_such(tmp_path: Path) -> None:
    header = "Número de orden;Email;Moneda;Nombre para el envío\n"
    told = refusal(write(tmp_path, f"{header}1;a@example.com;ARS;Ana\n"), profile=load_profile("tiendanube"))
    assert told.endswith("line 1: is UTF-8, and not cp1252: give utf-8 as the encoding")


PARTLY = "partly refunded in the shop, and the file does not say which line"
NOTHING_SAYS = "nothing says that it is paid; wait for the money, or name the payment_method"
COD = {"Paid Date": "", "Transaction ID": ""}


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("shopify", {"Refunded Amount": "2.00"}, PARTLY),
        ("woocommerce", {"Order Refund Amount": "-2.00"}, PARTLY),
        ("woocommerce", {"Order Status": "wc-completed"}, "completed in the shop"),
        ("woocommerce", {"Order Status": ""}, "the file does not say how it stands"),
        ("woocommerce", {"Order Status": "On hold"}, "not paid: on hold in the shop"),
        ("woocommerce", {"Order Status": "wc-pending"}, "not paid: the payment is pending"),
        ("woocommerce", {"Order Status": "checkout-draft"}, "not paid: the customer has not ordered yet"),
        ("woocommerce", {"Shipping Method Title": "Odbiór osobisty"}, "to be picked up at the shop"),
        ("woocommerce", {"Quantity (- Refund)": "0"}, "nothing is left in the order"),
        ("woocommerce", {"Quantity (- Refund)": "0.00"}, "nothing is left in the order"),
        ("shopify", {"Shipping Method": "Curbside"}, "to be picked up at the shop"),
        ("shopify", {"Payment Method": "(for testing) Bogus Gateway"}, "a test: nobody has paid it"),
        ("shopify", {"Payment Method": "gift_card + bogus"}, "a test: nobody has paid it"),
        ("square", {"Order Refunded Amount": "$2.00"}, "refunded in the shop, wholly or in part"),
        ("square", {"Fulfillment Type": "Pickup"}, "to be picked up at the shop"),
        ("square", {"Fulfillment Status": "Completed"}, "completed in the shop"),
        ("tiendanube", {"Estado del pago": "Anulado"}, "voided in the shop"),
        ("tiendanube", {"Estado del pago": "Reembolsado"}, "refunded in the shop"),
        ("tiendanube", {"Estado de la orden": "Cancelada"}, "cancelled in the shop"),
        ("tiendanube", {"Estado del envío": "Enviado"}, "shipped in the shop"),
        ("tiendanube", {"Fecha de envío": "02/03/2026"}, "sent already"),
        ("tiendanube", {"Fecha y hora de cancelación": "02/03/2026 09:14"}, "cancelled in the shop"),
        (
            "amazon",
            {"order-status": "Shipped - Delivered to Buyer"},
            "shipped - delivered to buyer in the shop",
        ),
        ("amazon", {"order-status": "Pending"}, "not paid: Amazon has still to check the payment"),
        ("amazon", {"item-status": "Cancelled"}, "cancelled in the shop"),
        ("amazon", {"fulfillment-channel": "Amazon"}, "Amazon ships it"),
        ("amazon", {"fulfilled-by": "Amazon.com"}, "Amazon ships it"),
        ("amazon", {"quantity-purchased": "0", "item-price": ""}, "nothing is left in the order"),
        ("amazon", {"is-buyer-requested-cancellation": "true"}, "the buyer asks to cancel it"),
        ("amazon", {"cod-collectible-amount": "539.00"}, "not paid: the buyer pays on delivery"),
        ("etsy", {"Date Shipped": "03/01/2024"}, "shipped already"),
        ("etsy", {"Order Type": "in_person"}, "sold in person"),
        ("ebay", {"Shipped On Date": "Mar-01-24"}, "shipped already"),
        ("ebay", {"Tracking Number": "9434"}, "a parcel is under way already"),
        ("ebay", {"Click And Collect": "Yes"}, "to be picked up at the shop"),
    ],
)
def test_what_each_shop_has_done_with_is_left_out(
    tmp_path: Path, name: str, changes: dict[str, str], told: str
) -> None:
    (problem,) = example(tmp_path, name, changes).problems
    assert problem.kind is ProblemKind.LEFT_OUT
    assert problem.reason == f"not to be shipped: {told}"


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("woocommerce", {**COD, "Payment Method": "cod"}, NOTHING_SAYS),
        ("woocommerce", {**COD, "Payment Method Title": "Nachnahme"}, NOTHING_SAYS),
        ("woocommerce", COD | {"payment_method": "stripe"}, NOTHING_SAYS),
        ("ebay", {"Paid On Date": ""}, NOTHING_SAYS),
        ("etsy", {"Date Paid": ""}, NOTHING_SAYS),
        ("tiendanube", {"Estado del pago": "Pendiente"}, "it is not paid in the shop (pendiente)"),
        ("tiendanube", {"Estado del envío": "Parcialmente enviado"}, "does not say which lines are still"),
        (
            "woocommerce",
            {"Order Status": "partially-refunded"},
            "partially-refunded is a state that the profile",
        ),
        ("shopify", {"Shipping Method": "PostNord Pick-up point"}, "may be one to run or to leave out"),
        ("shopify", {"Shipping Method": "Afhentningssted GLS"}, "may be one to run or to leave out"),
        ("amazon", {"order-status": "PartiallyShipped"}, "does not say which lines are still to be shipped"),
        ("amazon", {"order-status": "Frozen"}, "Frozen is a state that the profile does not know"),
    ],
)
def test_what_no_export_says_is_refused(
    tmp_path: Path, name: str, changes: dict[str, str], told: str
) -> None:
    (problem,) = example(tmp_path, name, changes).problems
    assert problem.kind is ProblemKind.INVALID
    assert told in problem.reason


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({**COD, "Payment Method": "cod"}, "pm_cash"),
        ({**COD, "Transaction ID": "ch_1", "Payment Method": "bacs"}, "paid:ch_1"),
        ({"Transaction ID": "", "Payment Method": "cod"}, "paid:A-1"),
    ],
)
def test_woocommerce_tells_what_is_paid_by_what_it_has(
    tmp_path: Path, changes: dict[str, str], method: str
) -> None:
    mapping = parse_mapping("payment_method==pm_cash")
    assert example(tmp_path, "woocommerce", changes, mapping).order("A-1").payment_method == method


@pytest.mark.parametrize("way", ["Postin noutopiste", "Odbiór w punkcie InPost", "Paczkomaty"])
def test_a_carriers_pick_up_point_is_a_way_to_ship(tmp_path: Path, way: str) -> None:
    assert example(tmp_path, "shopify", {"Shipping Method": way}).ids == ["A-1"]


@pytest.mark.parametrize("zero", ["", "0", "0.0", "0.00", "0,00", "EUR 0.00", "$0.00", "-0.00"])
def test_nothing_was_refunded_in_whatever_spelling(tmp_path: Path, zero: str) -> None:
    assert example(tmp_path, "shopify", {"Refunded Amount": zero}).ids == ["A-1"]


def test_what_has_no_address_for_shipping_is_not_sent_to_the_billing_address(tmp_path: Path) -> None:
    """It is picked up, or needs no parcel."""
    (problem,) = example(tmp_path, "shopify", {"Shipping Address1": "", "Billing Address1": "2 Oak"}).problems
    assert "Shipping Address1: is missing" in problem.reason


@pytest.mark.parametrize(
    ("name", "street", "flat"),
    [
        ("shopify", "Shipping Address1", "Shipping Address2"),
        ("woocommerce", "Address 1&2 (Shipping)", "Address 2 (Shipping)"),
        ("amazon", "ship-address-1", "ship-address-2"),
    ],
)
def test_a_flat_alone_is_no_street_and_no_other_address_stands_for_it(
    tmp_path: Path, name: str, street: str, flat: str
) -> None:
    changes = {street: "", flat: "Apt 4", "Address 1&2 (Billing)": "9 Bill Rd", "City (Billing)": "Reno"}
    (problem,) = example(tmp_path, name, changes).problems
    assert problem.reason == f"line 2, {street}: is missing"


def etsy(folder: Path, *amounts: tuple[str, str], meaning: str = "") -> Reading:
    """An order with a discount and a shipping fee on each line."""
    header = "Order ID,Currency,Ship Name,Ship Address1,Ship City,Ship Country,SKU,Quantity,Price,Date Paid,"
    header += "Date Shipped,Item Name,Discount Amount,Order Shipping"
    rows = [
        ["77", "USD", "Ada", "1 Oak", "Reno", "US", f"S{at}", "1", "9.00", "03/01/24", "", "", *each]
        for at, each in enumerate(amounts)
    ]
    profile = parse_profile(f'base = "etsy"\n[meaning]\n{meaning}' if meaning else "etsy")
    return read(folder, csv_text(*rows, header=header), profile=profile)


@pytest.mark.parametrize(("meaning", "total"), [("per line", 1800), ("per order", 2000)])
def test_a_discount_on_two_lines_waits_for_a_person_to_say_what_it_is_of(
    tmp_path: Path, meaning: str, total: int
) -> None:
    lines = [("2.00", "4.00"), ("2.00", "4.00")]
    (problem,) = etsy(tmp_path, *lines).problems
    assert problem.kind is ProblemKind.INVALID
    assert problem.reason.startswith("line 3, Discount Amount: is the same on line 2, and nobody knows")
    assert f'"{meaning}"' in problem.reason
    found = etsy(tmp_path, *lines, meaning=f'discount = "{meaning}"')
    assert found.order("77").total == total


def test_a_discount_that_is_of_one_line_or_differs_is_told_as_ever(tmp_path: Path) -> None:
    assert etsy(tmp_path, ("2.00", "4.00"), ("0.00", "4.00"), ("", "4.00")).order("77").total == 2900
    (reason,) = etsy(tmp_path, ("2.00", "4.00"), ("3.00", "4.00")).reasons
    assert reason.count("Discount Amount") == 1
    assert (
        "differs from line 2; repeat it, or leave it blank; if it is of each line alone, say disc" in reason
    )


@pytest.mark.parametrize("name", ["Caf&eacute; R&amp;D", "Café R&#38;D", "Caf&#xe9; R&amp;amp;D"])
def test_no_label_has_html_on_it(tmp_path: Path, name: str) -> None:
    shown = {"First Name (Shipping)": name, "Address 1&2 (Shipping)": "1 Main St<br/>Flat 2"}
    order = example(tmp_path, "woocommerce", shown).order("A-1")
    assert (order.customer.name, order.shipping_address.street) == ("Café R&D", "1 Main St, Flat 2")
    kept = "Smith&Sons; A&B &region"
    assert read(tmp_path, csv_text(row(customer_name=kept))).order("A-1").customer.name == kept


def test_who_adds_a_state_to_a_profile_takes_none_away(tmp_path: Path) -> None:
    """A state that the base has in another list is moved. All else that the base says stays."""
    own = parse_profile(
        """
base = "shopify"
[[states]]
column = "Fulfillment Status"
run = ["on_hold", "fulfilled"]
[[states]]
column = "Risk Level"
leave_out = ["high"]
run = ["*"]
[paid]
states = ["paid", "authorized"]
"""
    )
    for changes in (
        {"Fulfillment Status": "on_hold"},
        {"Fulfillment Status": "Fulfilled"},
        {"Risk Level": "Low"},
    ):
        assert example(tmp_path, "shopify", changes, profile=own).ids == ["A-1"], changes
    for changes in (
        {"Financial Status": "refunded"},
        {"Financial Status": "pending"},
        {"Cancelled at": "2024-03-01"},
        {"Risk Level": "High"},
        {"Lineitem requires shipping": "false"},
    ):
        assert example(tmp_path, "shopify", changes, profile=own).ids == [], changes
