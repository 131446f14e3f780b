"""What files of real shops' kinds hold beside plain orders: rows of sums, orders that cost nothing,
prices that are rounded, and what needs no parcel."""

import re
from pathlib import Path

import pytest

from order_system.batches.files import load_profile, parse_mapping, parse_profile
from order_system.domain.order_file import ProblemKind
from tests.fixtures.documents.order_files import Reading, csv_line, csv_text, further_row, read, row
from tests.unit.batches.files.test_built_in_profiles import example

EBAY = (
    "Order Number", "Ship To Name", "Buyer Email", "Ship To Address 1", "Ship To City", "Ship To State",
    "Ship To Country", "Custom Label", "Item Title", "Quantity", "Sold For", "Shipping And Handling",
    "eBay Collected Tax", "Total Price", "Paid On Date", "Shipped On Date",
)  # fmt: skip
WHO = ("Ada", "a@example.com", "1 Oak", "Reno", "NV", "US")
NOBODY = ("",) * len(WHO)


def ebay(folder: Path, *rows: tuple[str, ...]) -> Reading:
    content = csv_line(EBAY) + "".join(map(csv_line, rows))
    return read(folder, content, profile=load_profile("ebay"), mapping=parse_mapping("currency==USD"))


def sums(price: str, *, shipped: str = "") -> tuple[str, ...]:
    return ("12-1", *WHO, "", "", "2", price, "$5.00", "$1.65", "$34.65", "Nov-20-26", shipped)


def item(sku: str, price: str, *, shipped: str = "") -> tuple[str, ...]:
    return ("12-1", *NOBODY, sku, "Thing", "1", price, "", "", "", "", shipped)


def test_an_ebay_order_of_several_items_begins_with_its_sums(tmp_path: Path) -> None:
    order = ebay(tmp_path, sums("$28.00"), item("CUP", "$20.00"), item("POT", "$8.00")).order("12-1")
    assert [(line.sku, line.quantity, line.unit_price) for line in order.lines] == [
        ("CUP", 1, 2000),
        ("POT", 1, 800),
    ]
    assert (order.shipping_fee, order.tax, order.total) == (500, 165, 3465)
    assert (order.payment_method, order.customer.name) == ("paid:12-1", "Ada")


def test_what_ebay_has_sold_for_is_of_each_piece(tmp_path: Path) -> None:
    one = ("12-1", *WHO, "CUP", "Thing", "3", "US $20.00", "US $5.00", "", "", "Nov-20-26", "")
    assert ebay(tmp_path, one).order("12-1").total == 6500


def test_sums_that_are_others_are_no_sums(tmp_path: Path) -> None:
    (reason,) = ebay(tmp_path, sums("$29.00"), item("CUP", "$20.00"), item("POT", "$8.00")).reasons
    assert reason.startswith(
        "line 2, Sold For: is not the sum of the lines below it, and the row names no item"
    )
    assert 'say unit_price = "line total" under [meaning]' in reason


def test_what_ebay_collects_may_be_beside_the_total(tmp_path: Path) -> None:
    one = ("12-1", *WHO, "CUP", "Thing", "2", "$20.00", "$5.00", "$1.65", "$45.00", "Nov-20-26", "")
    order = ebay(tmp_path, one).order("12-1")
    assert (order.tax, order.total) == (0, 4500)


@pytest.mark.parametrize(
    ("changes", "section", "cure"),
    [
        *(({"unit_price": text}, "", 'decimal = ","') for text in ("8,50", "1\u202f234,50", "1'234,50")),
        ({"quantity": "2", "unit_price": "17", "total": "17"}, "[meaning]\n", 'unit_price = "line total"'),
        ({"shipping_fee": "5.00", "total": "27.00"}, "[meaning]\n", 'shipping_fee = "per line"'),
        ({"tax": "1", "quantity": "1.0", "total": "19.00"}, "[meaning]\n", 'tax = "per line"'),
        (
            {"shipping_fee": "5.00", "tax": "1.00", "discount": "2.00", "total": "24.00"},
            "[meaning]\n",
            'shipping_fee = "per line" and discount = "per line"',
        ),
    ],
)
def test_a_reason_tells_the_cure(tmp_path: Path, changes: dict[str, str], section: str, cure: str) -> None:
    rows: list[dict[str, str]] = (
        [{"sku": "CUP"}, {"sku": "POT"}] if "shipping_fee" in changes or "tax" in changes else [{}]
    )
    content = csv_text(*(row(**{"unit_price": "8.50", **changes, **each}) for each in rows))
    (reason,) = read(tmp_path, content).reasons
    assert f"a profile says {cure}" in reason or f"a profile that says {cure}" in reason
    profile = parse_profile(section + cure.replace(" and ", "\n"))
    order = read(tmp_path, content, profile=profile).order("A-1")
    assert {line.unit_price for line in order.lines} == {123_450 if "234,50" in str(changes) else 850}


def test_a_sum_below_an_order_is_told_as_what_it_may_be(tmp_path: Path) -> None:
    cure = "if it is a footer or a sum, take it out of the file"
    for total in ("", "999.99"):
        (reason,) = read(tmp_path, csv_text(row(total=total), further_row("", sku=""))).reasons
        assert reason == f"line 3 names neither an order nor an item; {cure}"
    (reason,) = read(tmp_path, csv_text(row(), further_row(sku="Subtotal", quantity=""))).reasons
    assert reason == f"line 3, quantity: is missing; {cure}"


@pytest.mark.parametrize("shipped", [("x", "", ""), ("", "x", "x")])
def test_what_the_row_of_sums_says_of_the_order_is_of_each_item(
    tmp_path: Path, shipped: tuple[str, str, str]
) -> None:
    first, second, third = shipped
    rows = [sums("$28.00", shipped=first), item("CUP", "$20.00", shipped=second)]
    (problem,) = ebay(tmp_path, *rows, item("POT", "$8.00", shipped=third)).problems
    assert problem.reason == "not to be shipped: shipped already"


def test_the_last_lines_of_ebays_report_are_no_orders(tmp_path: Path) -> None:
    footer = [("3", "record(s) downloaded", "from Nov-20-26 00:00:00"), ("Seller ID :", "cardfan_shop")]
    found = ebay(tmp_path, sums("$28.00"), item("CUP", "$20.00"), item("POT", "$8.00"), *footer, ("x", "1"))
    assert (found.ids, found.rows) == (["12-1"], 6)
    assert [(each.kind, each.order_id, each.reason) for each in found.problems[:-1]] == [
        (ProblemKind.LEFT_OUT, None, "no order: a footer of the shop's file")
    ] * 2
    assert found.problems[-1].kind is ProblemKind.INVALID
    assert found.problems[-1].reason.endswith("is this a footer?")


# --- nothing to pay -------------------------------------------------------------------------------

FREE = "Total: must be more than zero: an order that costs nothing has no payment; ship it by hand"


@pytest.mark.parametrize(
    "changes", [{"Discount Amount": "5.00", "Total": "0.00"}, {"Lineitem price": "0", "Total": "0"}]
)
def test_an_order_that_costs_nothing_is_refused_and_the_cure_told(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    assert example(tmp_path, "shopify", changes).reasons == [f"line 2, {FREE}"]


def test_nobody_waits_for_the_money_of_an_order_that_costs_nothing(tmp_path: Path) -> None:
    changes = {"Paid Date": "", "Transaction ID": "", "Cart Discount Amount": "5", "Order Total Amount": "0"}
    (reason,) = example(tmp_path, "woocommerce", changes).reasons
    assert reason == f"line 2, {FREE.replace('Total', 'Order Total Amount')}"


# --- prices that are rounded ----------------------------------------------------------------------


def test_woocommerce_has_the_sum_of_each_line(tmp_path: Path) -> None:
    changes = {"Quantity (- Refund)": "3", "Item Cost": "8.3333", "Order Total Amount": "25.00"}
    assert (
        example(tmp_path, "woocommerce", changes | {"Order Line Subtotal": "25.00"}).order("A-1").total
        == 2500
    )
    (reason,) = example(tmp_path, "woocommerce", changes).reasons
    assert reason.endswith(
        "a profile that names the column of what the whole line costs, as line_total, helps"
    )


@pytest.mark.parametrize(
    ("tax", "total", "told"),
    [
        ("5.07", "29.20", None),
        ("5.0678", "29.20", None),
        ("5.07", "29.21", "Order Shipping Amount: must not be more precise than USD, which has 2 decimals"),
        ("0", "", "Order Shipping Amount: must not be more precise than USD, which has 2 decimals"),
    ],
)
def test_a_fee_that_is_reckoned_in_tenths_of_cents_is_rounded_if_the_total_tells(
    tmp_path: Path, tax: str, total: str, told: str | None
) -> None:
    changes = {"Item Cost": "20.0000", "Order Line Subtotal": "20", "Order Shipping Amount": "4.1322"}
    changes |= {"Order Total Tax Amount": tax, "Order Total Amount": total}
    found = example(tmp_path, "woocommerce", changes)
    if told:
        assert told in found.reasons[0]
    else:
        order = found.order("A-1")
        assert (order.shipping_fee, order.tax, order.total) == (413, 507, 2920)


# --- e-mail, digital goods, fees, rows apart ------------------------------------------------------


def test_the_cure_of_a_missing_email_cures_it(tmp_path: Path) -> None:
    content = csv_text(row(customer_email=""))
    (reason,) = read(tmp_path, content).reasons
    cure = re.search(r"says (.+) under (\[.+\])", reason)
    assert cure is not None
    profile = parse_profile(f"{cure[2]}\n{cure[1]}")
    assert read(tmp_path, content, profile=profile).order("A-1").customer.email == "none@example.com"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("etsy", {"Listings Type": "Digital"}),
        ("etsy", {"Listings Type": "download"}),
        ("tiendanube", {"Producto Fisico": "No"}),
    ],
)
def test_what_needs_no_parcel_is_left_out(tmp_path: Path, name: str, changes: dict[str, str]) -> None:
    (problem,) = example(tmp_path, name, changes).problems
    assert (problem.kind, problem.reason) == (
        ProblemKind.LEFT_OUT,
        "not to be shipped: nothing in it needs shipping",
    )


@pytest.mark.parametrize("second", ["3.00", "5.00"])
def test_a_fee_on_each_line_counts_on_each_if_the_profile_says_so(tmp_path: Path, second: str) -> None:
    content = csv_text(row(shipping_fee="5.00"), further_row(shipping_fee=second))
    profile = parse_profile('[meaning]\nshipping_fee = "per line"')
    fee = read(tmp_path, content, profile=profile).order("A-1").shipping_fee
    assert fee == 500 + int(second.replace(".", ""))


@pytest.mark.parametrize(
    ("total", "told"),
    [
        ("23.00", []),
        ("23.01", ["line 2, total: must be 23.00 USD: lines 23.00 USD"]),
        ("", ["line 3, order_id: is missing; repeat it, or name the column of the total"]),
    ],
)
def test_an_order_that_is_named_on_its_first_row_alone_is_whole_if_its_total_tells(
    tmp_path: Path, total: str, told: list[str]
) -> None:
    rows = [row("A-1", unit_price="5.00", total=total), further_row("", quantity="1", unit_price="18.00")]
    found = read(tmp_path, csv_text(*rows, row("B-1")))
    assert [reason[: len(start)] for reason, start in zip(found.reasons, told, strict=True)] == told
    assert found.ids == (["B-1"] if told else ["A-1", "B-1"])
    assert told or [line.sku for line in found.order("A-1").lines] == ["LAPTOP-789", "MOUSE-321"]


@pytest.mark.parametrize(("fees", "fee"), [("5.00 0.00 0", 500), ("0 5.0 ", 500), ("5.00 0.00 5.00", None)])
def test_a_fee_on_one_row_is_the_orders_whatever_zeros_the_others_have(
    tmp_path: Path, fees: str, fee: int | None
) -> None:
    first, *more = fees.split(" ")
    further = [further_row(shipping_fee=each, sku=f"S{at}") for at, each in enumerate(more)]
    found = read(tmp_path, csv_text(row(shipping_fee=first), *further))
    assert [found.order(each).shipping_fee for each in found.ids] == ([fee] if fee else [])
    assert all("differs from line 2" in reason for reason in found.reasons)


def test_a_fee_that_differs_is_of_each_line_or_wrong_and_refused(tmp_path: Path) -> None:
    (reason,) = read(tmp_path, csv_text(row(shipping_fee="5.00"), further_row(shipping_fee="3.00"))).reasons
    assert reason.startswith("line 3, shipping_fee: differs from line 2; repeat it, or leave it blank; ")
    assert 'say shipping_fee = "per line" under [meaning]' in reason


# --- paid, by an amount ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("999.99", "paid:A-1"),
        ("1000.00", "paid:A-1"),
        ("900.00", "line 2, total_paid: 99.99 USD are still to be paid in the shop"),
        ("", "line 2, total_paid: 999.99 USD are still to be paid in the shop"),
        ("x", "line 2, total_paid: must be an amount, such as 29.99"),
    ],
)
def test_paid_is_what_has_been_paid_in_full(tmp_path: Path, amount: str, told: str) -> None:
    profile = parse_profile('[paid]\namount = "total_paid"')
    content = csv_text(header=f"{csv_text().strip()},total_paid") + csv_line([*row(total="999.99"), amount])
    found = read(tmp_path, content, profile=profile)
    assert found.reasons + [found.order(each).payment_method for each in found.ids] == [told]


def test_the_same_amount_pays_one_order_and_a_part_of_another(tmp_path: Path) -> None:
    profile = parse_profile('[paid]\namount = "total_paid"')
    rows = [
        [*row(order_id, unit_price=total, total=total), "5.00"]
        for order_id, total in zip("ABC", ("5.00", "9.00", "5.00"), strict=True)
    ]
    found = read(
        tmp_path,
        csv_text(header=f"{csv_text().strip()},total_paid") + "".join(map(csv_line, rows)),
        profile=profile,
    )
    assert found.ids == ["A", "C"]
    assert found.reasons == ["line 3, total_paid: 4.00 USD are still to be paid in the shop"]
