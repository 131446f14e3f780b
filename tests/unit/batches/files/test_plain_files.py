"""Files as most people send them; the many ways in which they may be wrong are in test_csv_*.py."""

from pathlib import Path

import pytest

from order_system.intake.formulas import defuse, undefused
from tests.fixtures.documents.order_files import csv_text, further_row, read, row


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("max_bytes", [1, 1_000_000])
def test_line_ends_and_byte_order_marks(
    tmp_path: Path, end: str, mark: str, last: bool, max_bytes: int
) -> None:
    text = mark + csv_text(row("A-1"), further_row("A-1"), row("A-2"), end=end)
    found = read(tmp_path, text if last else text.removesuffix(end), max_bytes)
    assert [each[:4] for each in found.orders] == [("A-1", 2, 3, 2), ("A-2", 4, 4, 1)]
    assert not found.problems


@pytest.mark.parametrize(
    "column", ["order_id", "payment_method", "customer_name", "street", "sku", "quantity"]
)
def test_a_card_number_is_refused_and_never_told(tmp_path: Path, column: str) -> None:
    found = read(tmp_path, csv_text(row("A-1"), row(**{"order_id": "B-1", column: "4111111111111111"})))
    assert found.ids == ["A-1"]
    assert len(found.problems) == 1
    assert "4111" not in repr(found.problems)


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "\uff1d1"])
def test_formula_cells_are_defused_and_come_back(cell: str) -> None:
    assert defuse(cell) == f"'{cell}"
    assert undefused(defuse(cell)) == cell


@pytest.mark.parametrize("cell", ['="01067"', '\'="01067"', "'01067"])
def test_digits_that_were_kept_from_a_spreadsheet_are_read_without_its_signs(
    tmp_path: Path, cell: str
) -> None:
    order = read(tmp_path, csv_text(row(postal_code=cell, sku=cell))).order("A-1")
    assert (order.shipping_address.postal_code, order.lines[0].sku) == ("01067", "01067")


def test_what_a_database_writes_for_nothing_is_on_no_parcel_and_charged_by_no_gateway(tmp_path: Path) -> None:
    text = csv_text(row("A", region="NULL", tax="\\N"), row("NULL-1", payment_method="NULL"))
    found = read(tmp_path, text)
    order = found.order("A")
    assert (found.ids, order.shipping_address.region, order.tax) == (["A"], "", 0)
    assert found.reasons == ["line 3, payment_method: is missing"]


@pytest.mark.parametrize("cell", ["", "'", "O'Hara", "'Ada'", "a=1", "1-2", "'=1"])
def test_other_cells_are_left_alone(cell: str) -> None:
    assert defuse(cell) == cell
