"""What a profile says is what is read: Shopify's, WooCommerce's and Amazon's exports, and people's own."""

from pathlib import Path

import pytest

from order_system.batches.files import ProblemKind, load_profile, parse_mapping, parse_profile
from order_system.batches.files.profiles import built_in_profiles
from order_system.domain.order_file import ColumnMapping, FileFormat, FileRef, InvalidMapping
from tests.fixtures.documents.order_files import (
    PLAIN,
    Reading,
    csv_line,
    csv_text,
    inspect,
    read,
    read_whole,
    refusal,
    row,
    write,
)
from tests.fixtures.documents.shopify_files import SHOPIFY_HEADER, shopify_row


def lines_of(found: Reading, order_id: str) -> list[tuple[str, int, int]]:
    return [(line.sku, line.quantity, line.unit_price) for line in found.order(order_id).lines]


# --- only what is named is read -------------------------------------------------------------------


def test_a_column_that_is_not_mapped_is_not_read(tmp_path: Path) -> None:
    content = "id,item,quantity,unit_price,discount,discount,name\n10250,11,10,10.00,0.15,1,Kim Doe\n"
    constants = (
        "currency==USD,customer_email==k@example.com,payment_method==pm_x,street==1 St,city==B,country==US"
    )
    mapping = parse_mapping(f"order_id=id,sku=item,customer_name=name,{constants}")
    assert read(tmp_path, content, mapping=mapping).order("10250").total == 10_000


def earlier(ref: FileRef) -> FileRef:
    """As a version without profiles has stored it."""
    stored = ref.model_dump(mode="json")
    del stored["profile"]
    return FileRef.model_validate(stored)


def test_a_reference_of_an_earlier_version_means_what_it_meant(tmp_path: Path) -> None:
    file = write(tmp_path, csv_text(row(discount="1.00")))
    mapped = earlier(inspect(file, mapping=parse_mapping("currency==EUR")))
    assert read_whole(mapped).order("A-1").discount == 100
    export = csv_line(SHOPIFY_HEADER) + csv_line(
        shopify_row(**{"Fulfillment Status": "fulfilled", "Financial Status": "paid"})
    )
    order = read_whole(earlier(inspect(write(tmp_path, export), FileFormat.SHOPIFY))).order("1001")
    assert order.payment_method == "pm_shopify"


# --- separators, first lines, footers -------------------------------------------------------------


@pytest.mark.parametrize("first_lines", ["sep=;\n", '"sep=;"\r\n', "\n\nsep=;\n"])
def test_a_first_line_may_tell_the_separator(tmp_path: Path, first_lines: str) -> None:
    content = first_lines + csv_text(row("A-1"), row("A-2")).replace(",", ";")
    assert read(tmp_path, content, 1).ids == ["A-1", "A-2"]


@pytest.mark.parametrize("quote", ["", '"'])
def test_another_separator_is_named_with_the_cure(tmp_path: Path, quote: str) -> None:
    file = write(tmp_path, f"{quote}order_id{quote};currency;sku\nA-1;USD;MUG\n")
    told = refusal(file)
    assert "columns must be separated by commas" in told
    assert 'separator = ";"' in told


@pytest.mark.parametrize("footer", ["Total,2", "Total" + "," * 16 + "1999.98,", "," * 16 + "1999.98,"])
def test_a_footer_is_told_as_such_and_costs_no_order(tmp_path: Path, footer: str) -> None:
    found = read(tmp_path, csv_text(row("A-1"), row("A-2")) + footer + "\n")
    assert found.ids == ["A-1", "A-2"]
    (reason,) = found.reasons
    assert "footer" in reason


# --- WooCommerce, Amazon, and profiles of one's own -----------------------------------------------

WOO = (
    "Order Number,Order Status,First Name (Billing),Last Name (Billing),Address 1&2 (Billing),City (Billing),"
    "State Code (Billing),Postcode (Billing),Country Code (Billing),Email (Billing),First Name (Shipping),"
    "Last Name (Shipping),Address 1&2 (Shipping),City (Shipping),State Code (Shipping),Postcode (Shipping),"
    "Country Code (Shipping),Cart Discount Amount,Order Subtotal Amount,Order Shipping Amount,"
    "Order Refund Amount,Order Total Amount,Order Total Tax Amount,SKU,Item #,Item Name,"
    "Quantity (- Refund),Item Cost,Currency,Payment Method Title\n"
)
BILLED = "Ada,Byron,1 Main St,Portland,OR,97201,US,ada@example.com"


def test_woocommerce(tmp_path: Path) -> None:
    shipped = "Bo,Lind,2 Oak St,Salem,OR,97301,US"
    content = WOO + (
        f"501,Processing,{BILLED},{shipped},2.00,25.00,5.00,0.00,30.00,2.00,MUG,1,Mug,2,10.00,EUR,PayPal\n"
        f"501,Processing,{BILLED},{shipped},2.00,25.00,5.00,0.00,30.00,2.00,,2,Big bowl,1,5.00,EUR,PayPal\n"
        f"502,Processing,{BILLED},,,,,,,,0,10.00,0,0,10.00,0,MUG,1,Mug,1,10.00,EUR,PayPal\n"
        f"503,Completed,{BILLED},{shipped},0,10.00,0,0,10.00,0,MUG,1,Mug,1,10.00,EUR,PayPal\n"
        f"504,On hold,{BILLED},{shipped},0,10.00,0,0,10.00,0,MUG,1,Mug,1,10.00,EUR,PayPal\n"
        f"505,Processing,{BILLED},{shipped},0,20.00,0,-10.00,20.00,0,MUG,1,Mug,1,10.00,EUR,PayPal\n"
    )
    found = read(tmp_path, content, profile=load_profile("woocommerce"))
    assert found.ids == ["501", "502"]
    assert lines_of(found, "501") == [("MUG", 2, 1000), ("BIG-BOWL", 1, 500)]
    first, second = found.order("501"), found.order("502")
    assert (first.customer.name, first.total, first.payment_method) == ("Bo Lind", 3000, "paid:501")
    assert (first.shipping_fee, first.tax, first.discount) == (500, 200, 200)
    assert (second.customer.name, second.shipping_address.street) == ("Ada Byron", "1 Main St")
    kinds = [problem.kind for problem in found.problems]
    assert kinds == [ProblemKind.LEFT_OUT] * 3


AMAZON = (
    "order-id\torder-item-id\tpurchase-date\tbuyer-email\tbuyer-name\tsku\tproduct-name\tquantity-purchased\t"
    "quantity-shipped\tquantity-to-ship\tcurrency\titem-price\titem-tax\tshipping-price\tshipping-tax\t"
    "recipient-name\tship-address-1\tship-address-2\tship-address-3\tship-city\tship-state\t"
    "ship-postal-code\tship-country\titem-promotion-discount\n"
)


def amazon_row(order_id: str, sku: str, pieces: str, price: str, *, tax: str = "", discount: str = "") -> str:
    ordered, _, left = pieces.partition("/")
    return (
        f"{order_id}\t1\t2024-03-01\ta@marketplace.amazon.com\tAda\t{sku}\tMug\t{ordered}\t0\t{left}\tUSD\t{price}"
        f"\t{tax}\t2.00\t\tAda Byron\t1 Main St\tApt 2\t\tBoise\tID\t83702\tUS\t{discount}\n"
    )


def test_amazon(tmp_path: Path) -> None:
    content = AMAZON + (
        amazon_row("111-1", "MUG", "3/3", "10.00", tax="0.80", discount="-1.00")
        + amazon_row("111-1", "BOWL", "1/1", "5.00", tax="0.40")
        + amazon_row("111-2", "MUG", "2/1", "20.00", tax="1.60")
        + amazon_row("111-3", "MUG", "1/0", "10.00")
        + amazon_row("111-4", "MUG", "3/1", "10.00")
    )
    found = read(tmp_path, content, profile=load_profile("amazon"))
    first, second = found.order("111-1"), found.order("111-2")
    assert lines_of(found, "111-1") == [("MUG", 2, 333), ("MUG", 1, 334), ("BOWL", 1, 500)]
    assert (first.shipping_fee, first.tax, first.discount, first.total) == (400, 120, 100, 1920)
    assert (first.shipping_address.street, first.payment_method) == ("1 Main St, Apt 2", "paid:111-1")
    assert lines_of(found, "111-2") == [("MUG", 1, 1000)]
    assert (second.shipping_fee, second.tax) == (100, 80)
    shipped, divided = found.problems
    assert (shipped.kind, shipped.reason) == (
        ProblemKind.LEFT_OUT,
        "not to be shipped: all of it is shipped already",
    )
    assert "cannot be divided by 3" in divided.reason


def test_shares_and_defaults(tmp_path: Path) -> None:
    profile = parse_profile(
        '[columns]\ndiscount = "off"\n[meaning]\ndiscount = "share of line"\n'
        '[defaults]\nquantity = "1"\ncustomer_email = "none@example.com"'
    )
    cells = {**PLAIN, "customer_email": "", "quantity": "", "unit_price": "10.00", "off": "0.15"}
    other = {**cells, "sku": "BOWL", "quantity": "3", "off": "50%"}
    content = csv_line(cells) + csv_line(cells.values()) + csv_line(other.values())
    order = read(tmp_path, content, profile=profile).order("A-1")
    assert (order.discount, order.total, order.customer.email) == (1650, 2350, "none@example.com")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("shopifi", "did you mean shopify?"),
        ("separater = ';'", "separater: Extra inputs"),
        ("[columns]\nskue = 'x'", "skue is no field of an order (did you mean sku?)"),
        ("[meaning]\ntax = 'share of line'", "only a discount can be a share"),
        ("[meaning]\nunit_price = 'per line'", "unit_price cannot be"),
        ("[constants]\ncurrency = 'dollars'", "currency must be"),
        ("x = = 1", "is no TOML"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidMapping) as refused:
        parse_profile(text)
    assert told in str(refused.value)


def example(
    folder: Path, name: str, changes: dict[str, str], mapping: ColumnMapping | None = None
) -> Reading:
    """A file of order A-1 in the form of a built-in profile: paid, to be shipped, of one piece at 5.00."""
    profile = load_profile(name)
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
        for column, text in (more | otherwise | named | paid | states).items()
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


PARTLY = "partly refunded in the shop, and the file does not say which line"
NOTHING_SAYS = "nothing says that it is paid; wait for the money, or name the payment_method"
COD = {"Paid Date": "", "Transaction ID": ""}


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("shopify", {"Refunded Amount": "2.00"}, PARTLY),
        ("woocommerce", {"Order Refund Amount": "-2.00"}, PARTLY),
        ("woocommerce", {"Order Status": "wc-completed"}, "completed in the shop"),
        ("woocommerce", {"Order Status": "On hold"}, "not paid: on hold in the shop"),
        ("woocommerce", {"Order Status": "wc-pending"}, "not paid: the payment is pending"),
        ("woocommerce", {"Order Status": "checkout-draft"}, "not paid: the customer has not ordered yet"),
        ("square", {"Order Refunded Amount": "$2.00"}, PARTLY),
        ("square", {"Fulfillment Type": "Pickup"}, "to be picked up at the shop"),
        ("square", {"Fulfillment Status": "Completed"}, "completed in the shop"),
        ("tiendanube", {"Estado del pago": "Anulado"}, "voided in the shop"),
        ("tiendanube", {"Estado del pago": "Reembolsado"}, "refunded in the shop"),
        ("tiendanube", {"Estado de la orden": "Cancelada"}, "cancelled in the shop"),
        ("tiendanube", {"Estado del envío": "Enviado"}, "shipped in the shop"),
        (
            "amazon",
            {"order-status": "Shipped - Delivered to Buyer"},
            "shipped - delivered to buyer in the shop",
        ),
        ("amazon", {"order-status": "Pending"}, "not paid: Amazon has still to check the payment"),
        ("amazon", {"item-status": "Cancelled"}, "cancelled in the shop"),
        ("amazon", {"fulfillment-channel": "Amazon"}, "Amazon ships it"),
        ("amazon", {"is-buyer-requested-cancellation": "true"}, "the buyer asks to cancel it"),
        ("etsy", {"Date Shipped": "03/01/2024"}, "shipped already"),
        ("ebay", {"Shipped On Date": "Mar-01-24"}, "shipped already"),
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
        (
            "woocommerce",
            {**COD, "Payment Method": "cod"},
            "Payment Method: does not say that it is paid (cod)",
        ),
        (
            "woocommerce",
            {**COD, "Payment Method Title": "Cash on delivery"},
            "Payment Method Title: does not say that it is paid (Cash on delivery)",
        ),
        ("woocommerce", COD | {"payment_method": "cod"}, NOTHING_SAYS),
        ("ebay", {"Paid On Date": ""}, NOTHING_SAYS),
        ("etsy", {"Date Paid": ""}, NOTHING_SAYS),
        ("tiendanube", {"Estado del pago": "Pendiente"}, "it is not paid in the shop (pendiente)"),
        ("tiendanube", {"Estado del envío": "Parcialmente enviado"}, "does not say which lines are still"),
        ("amazon", {"order-status": "Frozen"}, "is a state that the profile does not know (Frozen)"),
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
        ({**COD, "Payment Method": "stripe"}, "paid:A-1"),
    ],
)
def test_woocommerce_tells_what_is_paid_by_what_it_has(
    tmp_path: Path, changes: dict[str, str], method: str
) -> None:
    mapping = parse_mapping("payment_method==pm_cash")
    assert example(tmp_path, "woocommerce", changes, mapping).order("A-1").payment_method == method


@pytest.mark.parametrize("zero", ["", "0", "0.0", "0.00", "0,00", "EUR 0.00", "$0.00", "-0.00"])
def test_nothing_was_refunded_in_whatever_spelling(tmp_path: Path, zero: str) -> None:
    assert example(tmp_path, "shopify", {"Refunded Amount": zero}).ids == ["A-1"]


def test_an_order_without_a_shipping_address_goes_to_the_billing_address(tmp_path: Path) -> None:
    billing = {"Billing Name": "Bo", "Billing Address1": "2 Oak St", "Billing Address2": "Apt 3",
               "Billing City": "Salem", "Billing Zip": "97301", "Billing Country": "US"}  # fmt: skip
    order = example(tmp_path, "shopify", {"Shipping Address1": "", "Shipping City": ""} | billing).order(
        "A-1"
    )
    address = order.shipping_address
    assert (order.customer.name, address.street, address.city) == ("Bo", "2 Oak St, Apt 3", "Salem")


@pytest.mark.parametrize("name", ["Caf&eacute; R&amp;D", "Café R&#38;D", "Caf&#xe9; R&amp;amp;D"])
def test_no_label_has_html_on_it(tmp_path: Path, name: str) -> None:
    assert (
        example(tmp_path, "woocommerce", {"First Name (Shipping)": name}).order("A-1").customer.name
        == "Café R&D"
    )
    kept = "Smith&Sons; A&B &region"
    assert read(tmp_path, csv_text(row(customer_name=kept))).order("A-1").customer.name == kept
