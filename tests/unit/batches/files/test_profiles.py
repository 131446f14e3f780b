"""What a profile says is what is read: Shopify's, WooCommerce's and Amazon's exports, and people's own."""

from pathlib import Path

import pytest

from order_system.batches.files import load_profile, parse_mapping, parse_profile
from order_system.domain.errors import InvalidUsage
from order_system.domain.order_file import ProblemKind
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
    for way in (
        "Nachnahme",
        "Za pobraniem",
        "Net 30",
        "Kreditkarte bei Abholung",
        "Credit Card (on delivery)",
    ):
        unpaid = f"506,Processing,{BILLED},{shipped},0,10.00,0,0,10.00,0,MUG,1,Mug,1,10.00,EUR,{way}\n"
        (*_, reason) = read(tmp_path, content + unpaid, profile=load_profile("woocommerce")).reasons
        assert f"does not say that it is paid ({way})" in reason
    found = read(tmp_path, content, profile=load_profile("woocommerce"))
    assert found.ids == ["501", "502"]
    assert lines_of(found, "501") == [("MUG", 2, 1000), ("BIG-BOWL", 1, 500)]
    first, second = found.order("501"), found.order("502")
    assert (first.customer.name, first.total, first.payment_method) == ("Bo Lind", 3000, "paid:501")
    assert (first.shipping_fee, first.tax, first.discount) == (500, 200, 200)
    assert (second.customer.name, second.shipping_address.street) == ("Ada Byron", "1 Main St")
    kinds = [problem.kind for problem in found.problems]
    assert kinds == [ProblemKind.LEFT_OUT] * 3


@pytest.mark.parametrize(
    ("way", "own", "ids"),
    [("Flat rate", "", ["1"]), ("", "", []), ("", "[otherwise]\nif_filled = []", ["1"])],
)
def test_what_has_neither_an_address_nor_a_way_of_shipping_is_sent_to_nobody(
    tmp_path: Path, way: str, own: str, ids: list[str]
) -> None:
    """In WooCommerce, a course or a booking that is paid is `processing`, too."""
    header = WOO.replace("Payment Method Title", "Payment Method Title,Shipping Method Title")
    content = f"{header}1,Processing,{BILLED},,,,,,,,0,10.00,0,0,10.00,0,MUG,1,Mug,1,10.00,EUR,PayPal,{way}\n"
    found = read(tmp_path, content, profile=parse_profile(f'base = "woocommerce"\n{own}'))
    assert found.ids == ids
    assert ids or "Address 1&2 (Shipping): is missing" in found.reasons[0]


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


def test_a_line_that_is_in_the_file_twice_is_refused(tmp_path: Path) -> None:
    rows = amazon_row("111-1", "MUG", "1/1", "10.00") * 2 + amazon_row("111-2", "MUG", "1/1", "10.00")
    found = read(tmp_path, AMAZON + rows, profile=load_profile("amazon"))
    assert found.ids == ["111-2"]
    told = "line 3, order-item-id: is also on line 2: the order is there twice; take one of them out"
    assert found.reasons == [told]

    columns = {field: field for field in PLAIN if field != "region"} | {"line_id": "region"}
    own = parse_profile("[columns]\n" + "\n".join(f'{field} = "{name}"' for field, name in columns.items()))
    rows = csv_text(row(region="1"), row(region="1"), row("B", region="1"), row("B", region="2"))
    assert read(tmp_path, rows, profile=own).ids == ["B"]


def test_what_is_left_of_a_line_bears_no_fee_a_second_time(tmp_path: Path) -> None:
    columns = {field: field for field in PLAIN if field != "region"} | {"quantity_left": "region"}
    own = parse_profile("[columns]\n" + "\n".join(f'{field} = "{name}"' for field, name in columns.items()))
    cells = {
        "quantity": "3",
        "region": "1",
        "unit_price": "10.00",
        "shipping_fee": "2.00",
        "tax": "",
        "discount": "",
    }
    for total in ("", "32.00"):
        order = read(tmp_path, csv_text(row(**cells, total=total)), profile=own).order("A-1")
        assert (order.lines[0].quantity, order.total) == (1, 1000)


def test_amazon_in_europe_has_no_tax_on_top(tmp_path: Path) -> None:
    """As docs/files.md says."""
    profile = parse_profile('base = "amazon"\n[constants]\ntax = "0"')
    content = AMAZON + amazon_row("111-1", "MUG", "3/3", "10.00", tax="0.80").replace(
        "2.00\t\t", "2.00\t0.40\t"
    )
    found = read(tmp_path, content, profile=profile).order("111-1")
    assert (found.tax, found.total) == (0, 1200)


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
        ("separater = ';'", "separater: is no key that a profile has"),
        ("id_replace = 'x'", "id_replace: must be '.', '_' or '-', or nothing"),
        ("[columns]\nskue = 'x'", "skue is no field of an order (did you mean sku?)"),
        ("[otherwise]\nstreet = []", "otherwise.street: names no column"),
        ("[meaning]\ntax = 'share of line'", "only a discount can be a share"),
        ("[meaning]\nunit_price = 'per line'", "unit_price cannot be"),
        ("[constants]\ncurrency = 'dollars'", "currency must be"),
        ("x = = 1", "is no TOML"),
        ("x = " + "[" * 3_000, "is no TOML: maximum recursion depth"),
        (
            'base = "amazon"\n[columns]\ntax = []',
            'columns.tax: names no column; if there is none of it, say tax = "0"',
        ),
    ],
)
def test_a_profile_that_cannot_be_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidUsage) as refused:
        parse_profile(text)
    assert told in str(refused.value)
