"""Not every row of an order is an item: one has its sums, one its payment. Each tells its own state, and what
they say of the order may be spelled differently."""

from pathlib import Path

import pytest

from order_system.batches.files import parse_profile
from tests.fixtures.documents.order_files import read

PROFILE = """sums_first = true
[columns]
order_id = "No"
sku = "SKU"
quantity = "Qty"
unit_price = "Price"
[constants]
currency = "USD"
customer_name = "Ada"
customer_email = "a@example.com"
street = "1 Oak"
city = "Reno"
country = "US"
payment_method = "pm_visa"
[[states]]
column = "Kind"
of = "line"
run = ["sale", "line"]
leave_out = ["payment", "sent"]
"""


@pytest.mark.parametrize(
    ("rows", "skus"),
    [
        ("S1,,,,Sale\nS1,MUG,2,20.00,Line\nS1,CUP,1,5.00,Line\nS1,,,,Payment\n", ["MUG", "CUP"]),
        ("S1,,,,Sale\nS1,MUG,2,20.00,\nS1,CUP,1,5.00,Sent\n", ["MUG"]),
        ("S1,,,,Sale\nS1,MUG,2,20.00,Sent\nS1,CUP,1,5.00,\n", ["CUP"]),
    ],
)
def test_a_line_has_the_state_of_the_sums_only_if_it_has_none_of_its_own(
    tmp_path: Path, rows: str, skus: list[str]
) -> None:
    """What was sent is not sent again because the row of sums is of a sale."""
    order = read(tmp_path, f"No,SKU,Qty,Price,Kind\n{rows}", profile=parse_profile(PROFILE)).order("S1")
    assert [line.sku for line in order.lines] == skus


def test_what_the_rows_say_of_the_order_may_be_spelled_differently(tmp_path: Path) -> None:
    paid = "[paid]\ncolumn = 'State'\nstates = ['paid']\nowed = 'Due'\n"
    content = "No,SKU,Qty,Price,Kind,State,Due\nS1,MUG,1,20.00,,Paid,0.00\nS1,CUP,1,5.00,,paid,0\n"
    profile = parse_profile(PROFILE.replace("[[states]]", f"{paid}[[states]]"))
    assert read(tmp_path, content, profile=profile).order("S1").payment_method == "paid:S1"
    (reason,) = read(
        tmp_path, content.replace("0.00\n", "9.50\n").replace("d,0\n", "d,9.6\n"), profile=profile
    ).reasons
    assert reason == "line 3, Due: differs from line 2; repeat it, or leave it blank"


def test_a_databases_null_tells_of_no_date_but_may_be_a_state(tmp_path: Path) -> None:
    content = (
        "No,SKU,Qty,Price,Kind,Sent\nS1,MUG,1,20.00,,NULL\nS2,MUG,1,20.00,,2026-11-02\nS3,MUG,1,20.00,NULL,\n"
    )
    sent = "[[states]]\ncolumn = 'Sent'\nleave_out = ['*']\n"
    found = read(tmp_path, content, profile=parse_profile(PROFILE + sent))
    assert found.ids == ["S1"]
    gone, unknown = found.reasons
    assert gone == "not to be shipped: Sent is 2026-11-02"
    assert unknown.startswith("line 4, Kind: NULL is a state that the profile does not know")
