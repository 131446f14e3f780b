"""The quick check and the door: for any cells the same verdict and the same order."""

from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from order_system.batches.files import COLUMNS, checking
from order_system.batches.files.blocks import Block, Complete
from order_system.batches.files.layouts import Layout, fitted_layout
from order_system.domain.order_file import ColumnMapping, FileFormat
from tests.fixtures.documents.order_files import further_row, row
from tests.fixtures.documents.shopify_files import SHOPIFY_HEADER, shopify_row

PLAIN_LAYOUT = fitted_layout(tuple(COLUMNS), FileFormat.CSV, ColumnMapping())
SHOPIFY_LAYOUT = fitted_layout(SHOPIFY_HEADER, FileFormat.SHOPIFY, ColumnMapping())

TEXTS = ["", " ", "x", "a@b.cd\n", "a@b.cd\nc@d.ef", "pm_ok\n", "Ada\n", "'=1", "'Ada", "Ada ", "\tAda",
         "=1+1", "Ærø", "٣", "\u200b", "\u200c",
         "4111 1111 1111 1111", "\uff14" + "\uff11" * 15,
         "a@b", "a@b..c", "x" * 100, "x" * 101, "x" * 201, "US", "us", "XK", "USD", "JPY", "KWD", "DEM",
         "\ud800", '"', "\\", "\0"]  # fmt: skip
NUMBERS = ["", "0", "1", "01", "1.", ".55", ".99", "0.55", "1.5", "1.55", "1.555", "-1", "+1", "1e3", "10000",
           "10001", "999.99", "1000.00", "1,000", " 1", "9999999999.99", "99999999999"]  # fmt: skip
AMOUNTS = ("quantity", "unit_price", "shipping_fee", "tax", "discount", "total")


def verdict(rows: Sequence[Sequence[str]], layout: Layout, *, quickly: bool) -> object:
    fields = [layout.pick(list(each)) for each in rows]
    block = Block.of_row(2, fields[0])
    block.order_id, block.rows = fields[0][0].strip(), list(enumerate(fields, 2))
    block.count, block.last_line = len(rows), 1 + len(rows)
    complete = Complete(lone_rows=[(2, fields[0])]) if len(rows) == 1 and not layout.is_shopify else None
    with pytest.MonkeyPatch.context() as patch:
        if not quickly:
            patch.setattr(checking, "are_plain", lambda rows: [False] * len(rows))
            patch.setattr(checking, "canonical_texts", lambda orders: [None] * len(orders))
        (found,) = checking.checked(complete or Complete(blocks=[block]), layout)
    if isinstance(found, checking.ParsedOrder):
        return found.order_id, found.first_line, found.last_line, found.rows, found.content
    return found


@st.composite
def orders(draw: st.DrawFn) -> list[list[str]]:
    rows = [
        row(),
        *islice((further_row(sku=f"SKU-{number}") for number in range(3)), draw(st.integers(0, 2))),
    ]
    for column in draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=3)):
        cells = draw(st.sampled_from(rows))
        known = st.sampled_from(NUMBERS if column in AMOUNTS else TEXTS)
        cells[list(COLUMNS).index(column)] = draw(st.one_of(known, known, st.text(max_size=8)))
    return rows


@given(rows=orders())
@settings(max_examples=150, deadline=None)
@example(rows=[row(unit_price="0.55", total=".55")])
@example(rows=[row(customer_email="a@b.cd\n")])
@example(rows=[row(customer_email="a@b.cd\nc@d.ef")])
@example(rows=[row(payment_method="pm_ok\n")])
@example(rows=[row(sku="A\nB")])
def test_any_cells(rows: list[list[str]]) -> None:
    assert verdict(rows, PLAIN_LAYOUT, quickly=True) == verdict(rows, PLAIN_LAYOUT, quickly=False)


_SHOP_CELLS = {
    "Email": ["", "ada@example.com", "eve@example.com"],
    "Total": ["", "10.00", "13.00", "15.00", " 15.00", "7.00"],
    "Taxes": ["", "0.00", "3.00", " 3.00", "x"],
    "Shipping": ["", "2.00", " 2.00"],
    "Discount Amount": ["", "3.00", " 3.00 "],
    "Subtotal": ["10.00", "7.00", ""],
    "Lineitem sku": ["MUG", "", " MUG"],
    "Lineitem price": ["10.00", " 10.00", "5.00"],
    "Lineitem quantity": ["1", "2", " 1", "0"],
    "Shipping Zip": ["'97201", "", "'=1"],
    "Cancelled at": ["", "2026-03-03 10:02:00 -0800"],
}


@st.composite
def shop_orders(draw: st.DrawFn) -> list[list[str]]:
    rows: list[list[str]] = []
    for number in range(draw(st.integers(1, 2))):
        columns = draw(st.lists(st.sampled_from(list(_SHOP_CELLS)), max_size=5))
        changes = {column: draw(st.sampled_from(_SHOP_CELLS[column])) for column in columns}
        rows.append(shopify_row(further=number > 0, **changes))
    return rows


@given(rows=shop_orders())
@settings(max_examples=150, deadline=None)
@example(rows=[shopify_row(Total="", Taxes=" 3.00")])
@example(rows=[shopify_row(Total=""), shopify_row(further=True, Total="7.00")])
@example(rows=[shopify_row(), shopify_row(further=True, Email="eve@example.com")])
def test_any_shopify_order(rows: list[list[str]]) -> None:
    assert verdict(rows, SHOPIFY_LAYOUT, quickly=True) == verdict(rows, SHOPIFY_LAYOUT, quickly=False)


def test_without_a_total_the_taxes_are_never_left_out() -> None:
    told = verdict([shopify_row(Total="", Taxes="x")], SHOPIFY_LAYOUT, quickly=True)
    assert isinstance(told, checking.RowProblem)
    assert told.column == "Taxes"
