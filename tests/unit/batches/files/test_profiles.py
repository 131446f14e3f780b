"""What a profile says is what is read: Shopify's, WooCommerce's and Amazon's exports, and people's own."""

from pathlib import Path
from typing import Any

import pytest

from order_system.batches.files import ProblemKind, load_profile, parse_mapping, parse_profile
from order_system.batches.files.profiles import built_in_profiles
from order_system.domain.order_file import FileFormat, FileRef, InvalidMapping
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

FIRST, FURTHER = "first", "further"
LINE = "Lineitem fulfillment status"
SHIPPING = "Lineitem requires shipping"
BOWL = {"Lineitem sku": "BOWL", "Lineitem price": "5.00", "Lineitem name": "Bowl"}


def shopify(folder: Path, *rows: list[str], **options: Any) -> Reading:
    content = csv_line(SHOPIFY_HEADER) + "".join(map(csv_line, rows))
    return read(folder, content, **{"profile": load_profile("shopify"), **options})


def two_lines(first: dict[str, str], second: dict[str, str]) -> list[list[str]]:
    """A mug at 10.00 and a bowl at 5.00, shipped for 2.00, paid."""
    order = {"Financial Status": "paid", "Total": "17.00", "Subtotal": "15.00", "Shipping": "2.00"}
    return [shopify_row(**{**order, **first}), shopify_row(further=True, **{**BOWL, **second})]


def lines_of(found: Reading, order_id: str) -> list[tuple[str, int, int]]:
    return [(line.sku, line.quantity, line.unit_price) for line in found.order(order_id).lines]


# --- what stands in the export is believed --------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Fulfillment Status": "fulfilled"}, "fulfilled in the shop"),
        (
            {"Fulfillment Status": "Fulfilled", "Fulfilled at": "2024-03-01 09:00:00 -0800"},
            "fulfilled in the shop on 2024-03-01",
        ),
        ({"Fulfillment Status": "partial", LINE: "fulfilled"}, "fulfilled in the shop"),
        ({"Financial Status": "refunded"}, "refunded in the shop"),
        ({"Financial Status": "voided"}, "voided in the shop"),
        ({"Financial Status": "expired", "Email": ""}, "expired in the shop"),
        ({"Cancelled at": "2024-03-01 09:00"}, "cancelled in the shop on 2024-03-01"),
        (
            {"Financial Status": "partially_refunded"},
            "partly refunded in the shop, and the file does not say which line",
        ),
        ({"Financial Status": "paid", SHIPPING: "false"}, "nothing in it needs shipping"),
    ],
)
def test_an_order_that_is_not_to_be_shipped_is_left_out(
    tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    found = shopify(tmp_path, shopify_row(**changes), shopify_row(Name="#1002"))
    assert found.ids == ["1002"]
    (problem,) = found.problems
    assert (problem.kind, problem.order_id, problem.rows) == (ProblemKind.LEFT_OUT, "1001", 1)
    assert problem.reason == f"not to be shipped: {reason}"


@pytest.mark.parametrize(
    "changes", [{"Fulfillment Status": "on_hold"}, {"Financial Status": "4111111111111111"}]
)
def test_a_state_that_nobody_knows_is_refused_and_not_repeated(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    (problem,) = shopify(tmp_path, shopify_row(**changes)).problems
    assert problem.kind is ProblemKind.INVALID
    assert f"{next(iter(changes))}: is a state that the profile does not know" in problem.reason
    assert not any(text in problem.reason for text in changes.values())


@pytest.mark.parametrize("shipped", [FIRST, FURTHER])
def test_of_a_partly_fulfilled_order_the_rest_is_run(tmp_path: Path, shipped: str) -> None:
    lines = {FIRST: {LINE: "pending"}, FURTHER: {LINE: "pending"}} | {shipped: {LINE: "fulfilled"}}
    found = shopify(tmp_path, *two_lines({"Fulfillment Status": "partial", **lines[FIRST]}, lines[FURTHER]))
    rest = {FIRST: [("BOWL", 1, 500)], FURTHER: [("MUG", 1, 1000)]}[shipped]
    assert lines_of(found, "1001") == rest
    order = found.order("1001")
    assert (order.total, order.customer.email) == (rest[0][2], "ada@example.com")
    assert order.payment_method == "paid:1001"


def test_the_tax_in_the_prices_goes_with_each_line(tmp_path: Path) -> None:
    found = shopify(tmp_path, *two_lines({"Taxes": "2.80", LINE: "fulfilled"}, {}))
    assert lines_of(found, "1001") == [("BOWL", 1, 500)]


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ({"Fulfillment Status": "partial"}, "Fulfillment Status: does not say which lines are still"),
        ({LINE: "fulfilled", "Taxes": "1.50", "Total": "18.50"}, "Taxes: is of the whole order"),
        (
            {LINE: "fulfilled", "Discount Amount": "3.00", "Total": "14.00"},
            "Discount Amount: is of the whole",
        ),
        ({LINE: "partial"}, "Lineitem fulfillment status: is a state that the profile does not know"),
    ],
)
def test_a_rest_that_cannot_be_told_is_refused(tmp_path: Path, first: dict[str, str], told: str) -> None:
    (reason,) = shopify(tmp_path, *two_lines(first, {})).reasons
    assert told in reason


def test_a_digital_line_beside_others_stays(tmp_path: Path) -> None:
    assert len(lines_of(shopify(tmp_path, *two_lines({SHIPPING: "false"}, {})), "1001")) == 2


# --- paid orders ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({}, "pm_shopify"),
        ({"Financial Status": "paid"}, "paid:1001"),
        ({"Financial Status": "paid", "Id": "58123"}, "paid:58123"),
        ({"Financial Status": "Paid", "Id": "5", "Payment Reference": "c1.1", "Outstanding Balance": "0.00"},
         "paid:c1.1"),
    ],
)  # fmt: skip
def test_a_paid_order_is_marked_so(tmp_path: Path, changes: dict[str, str], method: str) -> None:
    assert shopify(tmp_path, shopify_row(**changes)).order("1001").payment_method == method


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"Financial Status": "authorized"}, "Financial Status: it is not paid in the shop (authorized)"),
        (
            {"Financial Status": "pending", "Outstanding Balance": "10.00"},
            "Financial Status: 10.00 USD are still to be paid in the shop (pending)",
        ),
        (
            {"Financial Status": "paid", "Outstanding Balance": "4.00"},
            "Outstanding Balance: 4.00 USD are still to be paid in the shop",
        ),
        ({"Financial Status": "paid", "Outstanding Balance": "x"}, "Outstanding Balance: must be an amount"),
    ],
)
def test_what_is_not_paid_is_refused(tmp_path: Path, changes: dict[str, str], told: str) -> None:
    (problem,) = shopify(tmp_path, shopify_row(**changes)).problems
    assert problem.kind is ProblemKind.INVALID
    assert told in problem.reason


def test_who_says_how_they_are_charged_may_run_unpaid_orders_and_never_charges_paid_ones(
    tmp_path: Path,
) -> None:
    rows = [
        shopify_row(**{"Financial Status": "pending", "Outstanding Balance": "10.00"}),
        shopify_row(Name="#1002", **{"Financial Status": "paid"}),
    ]
    found = shopify(tmp_path, *rows, mapping=parse_mapping("payment_method==pm_invoice"))
    assert [found.order(order_id).payment_method for order_id in found.ids] == ["pm_invoice", "paid:1002"]


# --- reasons are true -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"Email": "", "Taxes": "1.60"}, ["line 2, Email: is missing"]),
        ({"Duties": "4.00", "Total": "14.00"}, []),
        # A discount of 3.00 on the goods, and 2.00 on the shipping, of which 1.00 is left.
        ({"Discount Amount": "5.00", "Subtotal": "7.00", "Shipping": "1.00", "Total": "8.00"}, []),
    ],
)
def test_only_what_is_wrong_is_told(tmp_path: Path, changes: dict[str, str], reasons: list[str]) -> None:
    assert shopify(tmp_path, shopify_row(**changes)).reasons == reasons


def test_what_a_total_has_more_than_its_parts_is_told(tmp_path: Path) -> None:
    (reason,) = shopify(tmp_path, shopify_row(Total="12.50")).reasons
    assert reason.endswith("2.50 USD more is not explained")


# --- IDs and SKUs ---------------------------------------------------------------------------------


def test_two_shops_are_told_apart_by_a_prefix(tmp_path: Path) -> None:
    profile = parse_profile('base = "shopify"\nid_prefix = "shopA-"')
    names = ["#1001", "EU#1001", "#1001-DE", "# 1003", "##1004", "#1002/A"]
    found = shopify(tmp_path, *(shopify_row(Name=name) for name in names), profile=profile)
    assert found.ids == [f"shopA-{end}" for end in ("1001", "EU-1001", "1001-DE", "1003", "1004", "1002-A")]


def test_neighbours_whose_ids_become_one_are_no_order(tmp_path: Path) -> None:
    found = shopify(tmp_path, shopify_row(Name="#1002/A"), shopify_row(further=True, Name="#1002-A"))
    assert found.reasons == ["line 3, Name: is not the ID of line 2, and becomes the same one"]


@pytest.mark.parametrize("other", ["Galaxy S10+ Case", "Galaxy/S10 Case"])
def test_two_names_never_become_one_sku(tmp_path: Path, other: str) -> None:
    first = {"Lineitem sku": "", "Lineitem name": "Galaxy S10 Case"}
    second = {"Lineitem sku": "", "Lineitem name": other}
    (one, two) = lines_of(shopify(tmp_path, *two_lines(first, second)), "1001")
    assert (one[0], two[0][:16]) == ("GALAXY-S10-CASE", "GALAXY-S10-CASE-")


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
    "Quantity (- Refund),Item Cost,Currency\n"
)
BILLED = "Ada,Byron,1 Main St,Portland,OR,97201,US,ada@example.com"


def test_woocommerce(tmp_path: Path) -> None:
    shipped = "Bo,Lind,2 Oak St,Salem,OR,97301,US"
    content = WOO + (
        f"501,Processing,{BILLED},{shipped},2.00,25.00,5.00,0.00,30.00,2.00,MUG,1,Mug,2,10.00,EUR\n"
        f"501,Processing,{BILLED},{shipped},2.00,25.00,5.00,0.00,30.00,2.00,,2,Big bowl,1,5.00,EUR\n"
        f"502,Processing,{BILLED},,,,,,,,0,10.00,0,0,10.00,0,MUG,1,Mug,1,10.00,EUR\n"
        f"503,Completed,{BILLED},{shipped},0,10.00,0,0,10.00,0,MUG,1,Mug,1,10.00,EUR\n"
        f"504,On hold,{BILLED},{shipped},0,10.00,0,0,10.00,0,MUG,1,Mug,1,10.00,EUR\n"
        f"505,Processing,{BILLED},{shipped},0,20.00,0,-10.00,20.00,0,MUG,1,Mug,1,10.00,EUR\n"
    )
    found = read(tmp_path, content, profile=load_profile("woocommerce"))
    assert found.ids == ["501", "502"]
    assert lines_of(found, "501") == [("MUG", 2, 1000), ("BIG-BOWL", 1, 500)]
    first, second = found.order("501"), found.order("502")
    assert (first.customer.name, first.total, first.payment_method) == ("Bo Lind", 3000, "paid:501")
    assert (first.shipping_fee, first.tax, first.discount) == (500, 200, 200)
    assert (second.customer.name, second.shipping_address.street) == ("Ada Byron", "1 Main St")
    kinds = [problem.kind for problem in found.problems]
    assert kinds == [ProblemKind.LEFT_OUT, ProblemKind.INVALID, ProblemKind.LEFT_OUT]


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


def test_every_built_in_profile_can_be_stored() -> None:
    for name in built_in_profiles():
        profile = load_profile(name)
        assert type(profile).model_validate_json(profile.model_dump_json()) == profile
