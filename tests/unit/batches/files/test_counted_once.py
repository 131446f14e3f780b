"""An amount that stands on several rows of an order counts once, and a plan says so: was it meant so?"""

from pathlib import Path

import pytest

from order_system.batches.files.inspection import inspect_file
from order_system.batches.files.reader import PAGE_BYTES, read_page
from order_system.batches.reports import Plan
from order_system.domain.order_profile import Profile
from tests.fixtures.documents.order_files import csv_text, further_row, row


@pytest.mark.parametrize(
    ("second", "meaning", "told"),
    [
        ({"shipping_fee": "5.00"}, {}, True),
        ({"tax": "5.00", "shipping_fee": "5.00"}, {}, True),
        ({"shipping_fee": "0.00"}, {}, False),
        ({}, {}, False),
        ({"shipping_fee": "5.00"}, {"shipping_fee": "per line"}, False),
        ({"shipping_fee": "5.00"}, {"shipping_fee": "per order"}, False),
        ({"shipping_fee": "5.00", "total": "1064.97"}, {}, False),
    ],
)
def test_a_fee_on_several_rows_is_told(
    tmp_path: Path, second: dict[str, str], meaning: dict[str, str], told: bool
) -> None:
    first = {name: amount for name, amount in second.items() if amount} | {"sku": "CUP"}
    file = tmp_path / "orders.csv"
    file.write_text(csv_text(row(**first), further_row(**second)))
    ref = inspect_file(str(file), [str(tmp_path)], profile=Profile.model_validate({"meaning": meaning}))
    page = read_page(ref, ref.start, [str(tmp_path)], PAGE_BYTES)
    assert [order.counted_once for order in page.orders] == [told]
    plan = Plan(ref, counted_once=sum(order.counted_once for order in page.orders))
    assert bool(plan.warnings()) is told


def test_a_fee_that_is_a_row_of_its_own_is_not_counted_once(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(csv_text(row(), further_row(sku="FEE"), further_row(sku="FEE")))
    profile = Profile.model_validate({"not_goods": {"column": "sku", "shipping_fee": ["fee"]}})
    ref = inspect_file(str(file), [str(tmp_path)], profile=profile)
    (order,) = read_page(ref, ref.start, [str(tmp_path)], PAGE_BYTES).orders
    assert (order.order.shipping_fee, order.counted_once) == (4 * 2999, False)
