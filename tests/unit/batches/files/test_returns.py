"""A list of sales, as Square's dashboard writes it: a return is a line of its own, and discounts have a
minus. What came back is not shipped."""

from pathlib import Path

import pytest

from order_system.batches.files import parse_profile
from tests.fixtures.documents.order_files import HEADER, csv_line, read, row

SALE = "No,SKU,Qty,Price,Off,Event,Paid\nS1,MUG,2,40.00,-6.00,Payment,2026-03-04\n"
PROFILE = """[columns]
order_id = "No"
sku = "SKU"
quantity = "Qty"
unit_price = "Price"
discount = "Off"
[constants]
currency = "USD"
customer_name = "Ada"
customer_email = "a@example.com"
street = "1 Oak"
city = "Reno"
country = "US"
[meaning]
unit_price = "line total"
discount = "per line"
[paid]
column = "Paid"
states = ["*"]
[[states]]
column = "Event"
of = "line"
run = ["payment"]
leave_out = ["refund", "coupon"]
"""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f"{SALE}S1,MUG,-1,-20.00,3.00,Refund,\n", "line 3, Qty: is negative; take returns out"),
        (f"{SALE}S1,MUG,1,-20.00,,Refund,\n", "line 3, Price: is negative; take returns out"),
        (f"{SALE}S1,CUP,1,5.00,6.00,Payment,\n", "line 3, Off: has another sign than line 2; take out which"),
        (
            SALE.replace("2026-03-04", "0000-00-00 00:00"),
            "line 2, Paid: does not say that it is paid (0000-00",
        ),
    ],
)
def test_what_takes_something_back_is_never_passed_over(tmp_path: Path, content: str, told: str) -> None:
    (reason,) = read(tmp_path, content, profile=parse_profile(PROFILE)).reasons
    assert reason.startswith(told)


@pytest.mark.parametrize(
    ("line", "total"), [("S1,TEN,1,-4.00,,Coupon,", 3400), ("S1,CUP,1,5.00,$0.00,Payment,", 3900)]
)
def test_a_coupon_and_a_discount_of_nothing_are_no_returns(tmp_path: Path, line: str, total: int) -> None:
    found = read(tmp_path, f"{SALE}{line}\n", profile=parse_profile(PROFILE)).order("S1")
    assert (found.total, found.payment_method) == (total, "paid:S1")


GONE = '[[states]]\ncolumn = "x"\nof = "line"\nleave_out = ["*"]'
PARTLY = """[paid]
[[states]]
column = "x"
partly = ["partly"]
[[states]]
column = "y"
of = "all lines"
run = ["yes"]
leave_out = ["no"]"""
LEFT = '[columns]\nquantity_left = "x"'
PAID = '[paid]\ncolumn = ["x", "y"]\nstates = ["*"]'


@pytest.mark.parametrize(
    ("profile", "cells", "told"),
    [
        (GONE, ["sent", ""], "line 3, city: differs from line 2; repeat it, or leave it blank"),
        (PARTLY, ["partly,yes", "partly,no"], "line 2, x: does not say which lines are still to be shipped"),
        (LEFT, ["1", ""], "line 3, x: is blank, and on another line of the order it is not"),
        ('[columns]\nline_discount = "x"', ["2.00"], "line 2, x: may be in the prices already, and no"),
        ('[paid]\nowed = "x"', [""], "line 2, x: is blank: nothing says that all of it is paid"),
        (PAID, ["NULL,ch_1"], "line 2, x: says no, but y is filled; make blank which of them is wrong"),
        (PAID, ["1969-12-31,ch_1"], "line 2, x: says no, but y is filled"),
        (PAID, ['"Jan 1, 1970",ch_1'], "line 2, x: says no, but y is filled"),
    ],
)
def test_what_is_left_and_what_is_paid_is_never_supposed(
    tmp_path: Path, profile: str, cells: list[str], told: str
) -> None:
    """Though the orders have a token that could be charged."""
    rows = [row(region="", postal_code=""), row(sku="BOWL", city="Reno", region="", postal_code="")]
    lines = [f"{csv_line(each).strip()},{more}\n" for each, more in zip(rows, cells, strict=False)]
    content = f"{HEADER},{'x,y' if ',' in cells[0] else 'x'}\n{''.join(lines)}"
    (reason,) = read(tmp_path, content, profile=parse_profile(profile)).reasons
    assert reason.startswith(told)
