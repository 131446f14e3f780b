"""The quick check and the strict reader: for any cells the same answer and the same order. IDs have a short
way, too, which gives the same as the long one."""

from collections.abc import Sequence
from itertools import islice
from unicodedata import normalize

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from order_system.batches.files import COLUMNS, checking, load_profile
from order_system.batches.files.blocks import Block
from order_system.batches.files.layouts import Layout, fitted_layout
from order_system.batches.files.made_names import tidied_id
from order_system.batches.files.quick_check import plain_order
from order_system.batches.files.rows import Row
from order_system.domain.order import Order
from order_system.domain.order_file import RowProblem
from order_system.domain.order_profile import Profile
from order_system.intake.formulas import undefused
from tests.fixtures.documents.order_files import further_row, row
from tests.fixtures.documents.shopify_files import SHOPIFY_HEADER, shopify_row

LAYOUT = fitted_layout(tuple(COLUMNS), Profile())

TEXTS = ["", " ", "x", "a@b.cd\n", "a@b.cd\nc@d.ef", "pm_ok\n", "Ada\n", "'=1", "'Ada", "Ada ", "\tAda",
         "=1+1", "Ærø", "٣", "\u200b", "\u200c",
         "4111 1111 1111 1111", "\uff14" + "\uff11" * 15,
         "a@b", "a@b..c", "x" * 100, "x" * 101, "x" * 201, "US", "us", "XK", "USD", "JPY", "KWD", "DEM",
         "\ud800", '"', "\\", "\0"]  # fmt: skip
NUMBERS = ["", "0", "1", "01", "1.", ".55", ".99", "0.55", "1.5", "1.55", "1.555", "-1", "+1", "1e3", "10000",
           "10001", "999.99", "1000.00", "1,000", " 1", "9999999999.99", "99999999999"]  # fmt: skip
AMOUNTS = ("quantity", "unit_price", "shipping_fee", "tax", "discount", "total")


def told(block: Block, layout: Layout = LAYOUT) -> Order | RowProblem:
    found = checking.checked(block, layout)
    if isinstance(found, RowProblem):
        return found
    order = found.order
    assert found.fingerprint == order.fingerprint()
    bill = (order.total, order.currency, order.payment_method)
    assert (found.total, found.currency, found.payment_method) == bill
    return order


def strictly_told(block: Block) -> Order | RowProblem:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "plain_order", lambda _: None)
        return told(block)


def block_of(rows: Sequence[Sequence[str]], layout: Layout) -> Block:
    block = Block("A-1", Row(2, 2, 0, 0, "", [], None))
    for line, cells in enumerate(rows, 2):
        block.add(Row(line, line, 0, 0, "", list(cells), None), layout.pick(list(cells), ",".join(cells)), "")
    return block


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
@settings(max_examples=150)
@example(rows=[row(unit_price="0.55", total=".55")])
@example(rows=[row(customer_email="a@b.cd\n")])
@example(rows=[row(customer_email="a@b.cd\nc@d.ef")])
@example(rows=[row(payment_method="pm_ok\n")])
@example(rows=[row(payment_method="paid:ch_1")])
@example(rows=[row(payment_method="paid:")])
@example(rows=[row(payment_method="Paid:ch_1")])
@example(rows=[row(payment_method="authorised:pi_1")])
@example(rows=[row(sku="A\nB")])
@example(rows=[row(sku="A\n1\n5.00\nB")])  # one cell that looks like a row and the next one's beginning
@example(rows=[row(customer_name="4111\u00d71111\u00d71111\u00d71111")])
@example(rows=[row(sku="A" * 64), further_row(order_id="")])
@example(rows=[row(), further_row(sku="LAPTOP-789")])
def test_any_cells(rows: list[list[str]]) -> None:
    block = block_of(rows, LAYOUT)
    assert told(block) == strictly_told(block)


@pytest.mark.parametrize(
    "rows",
    [
        [row()],
        [row(customer_name="Zoë Ångström", region="", postal_code="", shipping_fee="5.00", total="1004.99")],
        [row(tax="0.01", discount="1.00"), further_row(), further_row(sku="CASE-1")],
        [row(), row(sku="MOUSE-321")],
    ],
)
def test_plain_orders_do_pass(rows: list[list[str]]) -> None:
    block = block_of(rows, LAYOUT)
    assert plain_order(block.rows)
    assert told(block) == strictly_told(block)


def test_without_a_total_the_taxes_are_never_left_out() -> None:
    layout = fitted_layout(SHOPIFY_HEADER, load_profile("shopify"))
    problem = told(block_of([shopify_row(Total="", Taxes="x")], layout), layout)
    assert isinstance(problem, RowProblem)
    assert problem.column == "Taxes"


@given(
    cell=st.text("ORDer1209.,E+-_# '=@\"/\t\u00e9\u200b\uff11", max_size=9) | st.text("A1-", max_size=66),
    strip=st.text("ORD#-^]\\' 12.", max_size=4),
    replace=st.sampled_from(["", "-"]),
)
@example(cell="ORD", strip="ROD", replace="")
@example(cell="1.5E+3", strip="", replace="-")
@settings(max_examples=300)
def test_an_id_is_the_same_by_the_short_way(cell: str, strip: str, replace: str) -> None:
    profile = Profile(id_strip=strip, id_replace=replace, id_prefix="shop-")
    cleaned = undefused(normalize("NFC", cell.strip())).strip()

    assert fitted_layout(tuple(COLUMNS), profile).id_of(cell) == tidied_id(cleaned, profile)
