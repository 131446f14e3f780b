"""What a whole line costs is held against its pieces: a price may be rounded, or be of a hundred pieces."""

from pathlib import Path

import pytest

from order_system.batches.files import parse_profile
from tests.fixtures.documents.order_files import csv_line, csv_text, further_row, read, row
from tests.unit.batches.files.test_built_in_profiles import example


@pytest.mark.parametrize(
    ("price", "whole_line", "lines"),
    [
        ("16.67", "50.00", [(1, 1666), (2, 1667)]),
        ("16.6667", "50.00", [(1, 1666), (2, 1667)]),
        ("10.00", "30.00", [(3, 1000)]),
        ("10.00", "", [(3, 1000)]),
    ],
)
def test_the_sum_of_a_line_tells_what_is_rounded(
    tmp_path: Path, price: str, whole_line: str, lines: list[tuple[int, int]]
) -> None:
    profile = parse_profile('[columns]\nline_total = "whole line"')
    content = csv_line([*row(quantity="3", unit_price=price), whole_line])
    order = read(tmp_path, csv_text(header=f"{csv_text().strip()},whole line") + content, profile=profile)
    assert [(each.quantity, each.unit_price) for each in order.order("A-1").lines] == lines


def test_without_a_total_a_tax_may_be_in_the_prices(tmp_path: Path) -> None:
    (reason,) = example(tmp_path, "shopify", {"Taxes": "1.60", "Total": ""}).reasons
    assert reason == (
        "line 2, Taxes: may be in the prices already, and no total tells whether it is; "
        "if it is not, take tax out of what the profile says is included"
    )


WHOLE_LINE = '[columns]\nline_total = "whole line"\ntotal = "total"\ntax = "tax"\ndiscount = "discount"\n'
PER_LINE = '[meaning]\ndiscount = "per line"\ntax = "per line"\n'


def told(folder: Path, profile: str, **changes: str) -> int | str:
    """The order's total, or why it is refused."""
    whole_line = changes.pop("whole_line")
    header = f"{csv_text().strip()},whole line"
    content = csv_line([*row(**changes), whole_line]) + csv_line([*further_row(), "59.98"])
    found = read(folder, csv_text(header=header) + content, profile=parse_profile(profile))
    return found.order("A-1").total if found.orders else found.reasons[0]


@pytest.mark.parametrize(
    ("changes", "whole_line"),
    [
        ({"quantity": "200", "unit_price": "250.00"}, "500.00"),  # SAP: 250.00 are the price of 100
        ({"quantity": "2", "unit_price": "1000.80"}, "1801.44"),  # Business Central: less ten per cent
        ({"quantity": "100", "unit_price": "2.50"}, "-250.00"),  # a return
        ({"quantity": "100", "unit_price": "2.50"}, "250.00-"),
    ],
)
def test_a_line_that_costs_something_else_is_refused_without_a_total(
    tmp_path: Path, changes: dict[str, str], whole_line: str
) -> None:
    reason = told(tmp_path, WHOLE_LINE, whole_line=whole_line, **changes)
    assert isinstance(reason, str)
    assert reason.startswith("line 2, whole line: is not the price of all pieces, and no total tells why")


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        ({"discount": "2.00", "whole_line": "18.00"}, 7798),
        ({"tax": "1.65", "whole_line": "21.65"}, 8163),
        ({"discount": "2.00", "tax": "1.49", "whole_line": "19.49"}, 7947),
        ({"discount": "2.00", "tax": "1.49", "whole_line": "20.00"}, 7947),
        ({"whole_line": ""}, 7998),
        ({"whole_line": "on request"}, 7998),
        ({"whole_line": "9.00", "total": "79.98"}, 7998),  # the total tells that it is nothing to pay
    ],
)
def test_a_line_s_own_discount_and_tax_explain_what_it_costs(
    tmp_path: Path, changes: dict[str, str], total: int
) -> None:
    assert told(tmp_path, WHOLE_LINE + PER_LINE, quantity="2", unit_price="10.00", **changes) == total


@pytest.mark.parametrize(
    ("whole_line", "discount", "total"), [("10.00", "0", 1000), ("8.00", "2.00", 800), ("5.00", "0", None)]
)
def test_etsy_tells_by_the_whole_line_whether_a_price_is_of_each_piece(
    tmp_path: Path, whole_line: str, discount: str, total: int | None
) -> None:
    changes = {"Quantity": "2", "Item Total": whole_line, "Discount Amount": discount}
    found = example(tmp_path, "etsy", changes)
    if total is None:
        assert found.reasons[0].startswith("line 2, Item Total: is not the price of all pieces")
    else:
        assert found.order("A-1").total == total
