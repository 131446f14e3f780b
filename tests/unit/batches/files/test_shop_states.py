"""What stands in a shop's export is believed: what it has shipped, refunded, or been paid for."""

from pathlib import Path
from typing import Any

import pytest

from order_system.batches.files import load_profile, parse_mapping, parse_profile
from order_system.domain.order_file import ProblemKind
from tests.fixtures.documents.order_files import (
    Reading,
    csv_line,
    csv_text,
    read,
    row,
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
    ("state", "told", "cure"),
    [
        ("on_hold", "on_hold", "; add it there"),
        ("4111111111111111", "(a card number)", "; add it there"),
        # To run all of it would ship some of it twice.
        (
            "Partly sent",
            "Partly sent",
            "; add it to `partly` if the file says which lines are left, else to `leave_out`",
        ),
    ],
)
def test_a_state_that_nobody_knows_is_refused_and_named(
    tmp_path: Path, state: str, told: str, cure: str
) -> None:
    (problem,) = shopify(tmp_path, shopify_row(**{"Fulfillment Status": state})).problems
    assert problem.kind is ProblemKind.INVALID
    assert f"Fulfillment Status: {told} is a state that the profile does not know" in problem.reason
    assert problem.reason.endswith(cure)
    assert "4111" not in problem.reason


@pytest.mark.parametrize("shipped", [FIRST, FURTHER])
def test_of_a_partly_fulfilled_order_the_rest_is_run(tmp_path: Path, shipped: str) -> None:
    lines = {FIRST: {LINE: "pending"}, FURTHER: {LINE: "pending"}} | {shipped: {LINE: "fulfilled"}}
    found = shopify(tmp_path, *two_lines({"Fulfillment Status": "partial", **lines[FIRST]}, lines[FURTHER]))
    rest = {FIRST: [("BOWL", 1, 500)], FURTHER: [("MUG", 1, 1000)]}[shipped]
    assert lines_of(found, "1001") == rest
    order = found.order("1001")
    assert (order.total, order.customer.email) == (rest[0][2], "ada@example.com")
    assert order.payment_method == "paid:1001"


def test_a_line_that_is_gone_lends_its_item_to_no_other(tmp_path: Path) -> None:
    nameless = {"Lineitem sku": "", "Lineitem name": ""}
    (reason,) = shopify(tmp_path, *two_lines({"Lineitem quantity": "0", "Total": "7.00"}, nameless)).reasons
    assert "Lineitem sku: is missing" in reason


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
        ({LINE: "partial"}, "Lineitem fulfillment status: partial is a state that the profile does not know"),
        ({LINE: "partial"}, "the file cannot tell how many of the line are left"),
    ],
)
def test_a_rest_that_cannot_be_told_is_refused(tmp_path: Path, first: dict[str, str], told: str) -> None:
    (reason,) = shopify(tmp_path, *two_lines(first, {})).reasons
    assert told in reason


@pytest.mark.parametrize("of_rest", [{"Taxes": "0.50", "Total": "5.50"}, {"Taxes": "", "Total": "5.00"}])
def test_a_rest_that_cannot_be_told_is_run_when_it_is_mended_as_the_reason_says(
    tmp_path: Path, of_rest: dict[str, str]
) -> None:
    """Tax on top of the prices, of which the file does not say how much is on each line."""
    order = {"Fulfillment Status": "partial", "Taxes": "1.50", "Total": "18.50"}
    (reason,) = shopify(tmp_path, *two_lines({LINE: "fulfilled", **order}, {})).reasons
    assert "take the other lines out of the file, and let this and the total be of the rest" in reason
    mended = {**BOWL, "Fulfillment Status": "unfulfilled", "Shipping": "", "Subtotal": "", **of_rest}
    found = shopify(tmp_path, shopify_row(**mended)).order("1001")
    assert f"{found.total / 100:.2f}" == of_rest["Total"]


GIFT_CARD = {SHIPPING: "false"}


def test_of_a_paid_order_only_what_needs_shipping_is_shipped(tmp_path: Path) -> None:
    found = shopify(tmp_path, *two_lines(GIFT_CARD, {}))
    assert lines_of(found, "1001") == [("BOWL", 1, 500)]
    order = found.order("1001")
    assert (order.payment_method, order.shipping_fee) == ("paid:1001", 200)
    gone = GIFT_CARD | {LINE: "fulfilled", "Fulfillment Status": "partial"}  # by e-mail, with no parcel
    assert shopify(tmp_path, *two_lines(gone, {})).order("1001").shipping_fee == 200
    taxed = {"Taxes": "1.50", "Total": "18.50"}
    (reason,) = shopify(tmp_path, *two_lines(GIFT_CARD | taxed, {})).reasons
    assert "Taxes: is of the whole order" in reason, "what an undo would give back is not told"


@pytest.mark.parametrize("status", ["pending", ""])
def test_nobody_is_charged_for_half_of_an_order(tmp_path: Path, status: str) -> None:
    rows = two_lines({"Financial Status": status}, GIFT_CARD)
    (reason,) = shopify(tmp_path, *rows, mapping=parse_mapping("payment_method==pm_invoice")).reasons
    assert reason.startswith("line 3, Lineitem requires shipping: needs no shipping, and is not paid")


# --- paid orders ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({}, "paid:1001"),
        ({"Financial Status": "paid", "Id": "58123"}, "paid:58123"),
        ({"Financial Status": "paid", "Id": "5.8123E+12"}, "paid:1001"),
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
        ({"Lineitem name": "", "Lineitem sku": "", "Taxes": "1.60"}, ["line 2, Lineitem sku: is missing"]),
        ({"Currency": "", "Lineitem price": "$10.00", "Total": "$9"}, ["line 2, Currency: is missing"]),
        ({"Duties": "4.00", "Total": "14.00"}, []),
        # A discount of 3.00 on the goods, and 2.00 on the shipping, of which 1.00 is left.
        ({"Discount Amount": "5.00", "Subtotal": "7.00", "Shipping": "1.00", "Total": "8.00"}, []),
    ],
)
def test_only_what_is_wrong_is_told(tmp_path: Path, changes: dict[str, str], reasons: list[str]) -> None:
    assert shopify(tmp_path, shopify_row(**changes)).reasons == reasons


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Name": "#"}, "line 2, Name: is missing"),
        ({"Name": "#1.0E+12"}, "line 2, Name: was taken for a number; export it again, this column as text"),
        ({"Payment Reference": "4242 4242 4242 4242"}, "line 2, Payment Reference: holds a card number"),
    ],
)
def test_what_is_wrong_is_told_once_by_the_name_that_the_file_has(
    tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    """The ID stands for a payment that has no reference. No column of the file is called payment_method."""
    (told,) = shopify(tmp_path, shopify_row(**{"Financial Status": "paid"} | changes)).reasons
    assert told.startswith(reason)
    assert "; line" not in told


def test_what_a_total_has_more_than_its_parts_is_told(tmp_path: Path) -> None:
    (reason,) = shopify(tmp_path, shopify_row(Total="12.50", Duties="1.00")).reasons
    assert reason.endswith("1.50 USD more is not explained; shipping_fee is with Duties")


def test_an_order_that_is_in_the_file_twice_is_no_order_of_twice_as_much(tmp_path: Path) -> None:
    once = shopify_row(**{"Financial Status": "paid", "Discount Amount": "0.00"})
    (reason,) = shopify(tmp_path, once, once).reasons
    assert reason.endswith(
        "10.00 USD less is not explained; rows of it are the same: is it in the file twice?"
    )


# --- IDs and SKUs ---------------------------------------------------------------------------------


def test_two_shops_are_told_apart_by_a_prefix(tmp_path: Path) -> None:
    profile = parse_profile('base = "shopify"\nid_prefix = "shopA-"')
    names = ["#1001", "EU#1001", "#1001-DE", "# 1003", "##1004", "#1002/A"]
    found = shopify(tmp_path, *(shopify_row(Name=name) for name in names), profile=profile)
    assert found.ids == [f"shopA-{end}" for end in ("1001", "EU-1001", "1001-DE", "1003", "1004", "1002-A")]


def test_neighbours_whose_ids_become_one_are_no_order(tmp_path: Path) -> None:
    found = shopify(tmp_path, shopify_row(Name="#1002/A"), shopify_row(further=True, Name="#1002-A"))
    assert found.reasons == ["line 3, Name: is not the ID of line 2, and becomes the same one"]
    found = read(tmp_path, csv_text(row("#1"), row("1")), profile=parse_profile('id_strip = "#"'))
    assert found.reasons == ["line 3, order_id: is not the ID of line 2, and becomes the same one"]


@pytest.mark.parametrize("other", ["Galaxy S10+ Case", "Galaxy/S10 Case"])
def test_two_names_never_become_one_sku(tmp_path: Path, other: str) -> None:
    first = {"Lineitem sku": "", "Lineitem name": "Galaxy S10 Case"}
    second = {"Lineitem sku": "", "Lineitem name": other}
    (one, two) = lines_of(shopify(tmp_path, *two_lines(first, second)), "1001")
    assert (one[0], two[0][:16]) == ("GALAXY-S10-CASE", "GALAXY-S10-CASE-")


def test_a_sku_that_is_made_is_never_another_products(tmp_path: Path) -> None:
    first = {"Lineitem sku": "", "Lineitem name": "Galaxy S10 Case"}
    second = {"Lineitem sku": "GALAXY-S10-CASE", "Lineitem name": "Case, black"}
    (one, two) = lines_of(shopify(tmp_path, *two_lines(first, second)), "1001")
    assert (one[0][:16], two[0]) == ("GALAXY-S10-CASE-", "GALAXY-S10-CASE")
