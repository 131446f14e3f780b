"""The file of refused rows: safe to open in a spreadsheet, refused again as it is, and right once mended."""

import csv
import io
from pathlib import Path

import pytest

from order_system.batches.outcome_files import OutcomeFile, rejects_from
from order_system.batches.reports import LineOutcome
from order_system.domain.order_file import FileRef
from order_system.domain.order_profile import Profile
from tests.fixtures.documents.order_files import (
    Reading,
    csv_line,
    csv_text,
    further_row,
    inspect,
    read_whole,
    row,
    write,
)

SIGNS = ("=", "+", "-", "@", "\t", "\r")


def outcome_of(problem_lines: tuple[int, int], rows: int, order_id: str | None, reason: str) -> LineOutcome:
    return LineOutcome(*problem_lines, rows, order_id, None, "rejected", None, reason, None)


def rejects_of(ref: FileRef, found: Reading) -> str:
    text = io.StringIO(newline="")
    with rejects_from(ref, [str(Path(ref.url).parent)], text) as file:
        for each in found.problems:
            file.add(outcome_of((each.first_line, each.last_line), each.rows, each.order_id, each.reason))
    return text.getvalue()


def rejected(folder: Path, content: str) -> str:
    ref = inspect(write(folder, content))
    return rejects_of(ref, read_whole(ref))


def test_formulas_are_defused_and_mean_the_same_when_they_are_mended(tmp_path: Path) -> None:
    formulas = {"customer_name": "=cmd|' /C calc'!A0", "street": " @SUM(1)", "city": "-Bo", "sku": "+1"}
    content = csv_text(row(quantity="0", **formulas))
    text = rejected(tmp_path, content)
    (cells,) = list(csv.DictReader(io.StringIO(text)))
    assert not any(cell.lstrip(" ").startswith(SIGNS) for cell in cells.values())

    mended = write(tmp_path, text.replace(",0,", ",1,", 1), "mended.csv")
    right = write(tmp_path, content.replace(",0,", ",1,", 1), "right.csv")
    order = read_whole(inspect(mended)).order("A-1")
    assert order == read_whole(inspect(right)).order("A-1")
    assert (order.customer.name, order.lines[0].sku) == ("=cmd|' /C calc'!A0", "+1")


@pytest.mark.parametrize(
    "broken",
    [
        'A-1,USD,"=cmd|calc!A0,x\n',
        '=cmd|calc!A0,"USD"x\n',
        'A-1,"USD"x, =cmd|calc!A0\n',
        "A-1,=cmd|calc!A0\n",
        'A-1,"=cmd|calc!A0"\n',
        "A-1,=cmd|calc!A0,\0\n",
    ],
)
def test_formulas_in_broken_rows_are_defused_too(tmp_path: Path, broken: str) -> None:
    text = rejected(tmp_path, csv_text() + broken)
    before, formula, _ = text.partition("=cmd|calc!A0")
    assert formula
    assert before.rstrip(" ").endswith("'")


def test_a_header_that_looks_like_a_formula_is_defused_and_still_found(tmp_path: Path) -> None:
    header = csv_text().strip().replace("tax", "=vat")
    mapping = Profile(columns={"tax": "=vat"})
    ref = inspect(write(tmp_path, csv_text(row(quantity="0", tax="1.00"), header=header)), mapping=mapping)
    text = rejects_of(ref, read_whole(ref))
    assert "'=vat" in text.splitlines()[0]
    mended = inspect(write(tmp_path, text.replace(",0,", ",1,", 1)), mapping=mapping)
    assert read_whole(mended).order("A-1").tax == 100


def test_unmended_rows_are_refused_again_however_often(tmp_path: Path) -> None:
    """Also a row that lacks one cell: its old reason must not fill the gap."""
    lacks_one = row("B-1", quantity="1")[:-1]
    parts = [
        csv_text(row("A-1", quantity="0"), lacks_one, row("C-1")[:5], [*row("D-1"), "more"]),
        'E-1,USD,"Ada\n',
        csv_line(row("F-1")) + csv_line(further_row("F-1")[:4]),
    ]
    text = "".join(parts)
    for generation in range(4):
        ref = inspect(write(tmp_path, text, f"rejects-{generation}.csv"))
        found = read_whole(ref)
        assert found.ids == []
        assert found.rows == 7
        text = rejects_of(ref, found)


def test_the_outcome_runs_no_formula() -> None:
    text = io.StringIO(newline="")
    table = OutcomeFile(text)
    for sign in SIGNS:
        table.add(outcome_of((2, 2), 1, f"{sign}cmd", f"{sign}1+1"))
    lines = list(csv.DictReader(io.StringIO(text.getvalue(), newline="")))
    assert len(lines) == len(SIGNS)
    assert not any(cell.startswith(SIGNS) for line in lines for cell in line.values())


def test_rejects_are_separated_as_their_file_is(tmp_path: Path) -> None:
    content = "sep=;\n" + csv_text(row("A-1", quantity="0"), row("A-2", city="Port;land", sku="")).replace(
        ",", ";"
    )
    text = rejected(tmp_path, content.replace("Port;land", '"Port;land"'))
    assert text.startswith("sep=;\r\norder_id;currency;")
    found = read_whole(inspect(write(tmp_path, text.replace(";0;", ";1;", 1), "mended.csv")))
    assert (found.ids, len(found.problems)) == (["A-1"], 1)


CARD = "4242 4242 4242 4242"
HIDES = "\u2022 stands for each digit of what may be a card number"


@pytest.mark.parametrize(
    ("content", "last"),
    [
        (csv_text(row(payment_method="4242424242424242")), "4242"),
        (csv_text(row(street=f"call me, {CARD}")), "4242"),
        (csv_text(row(street="4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2")), "4 2"),
        (csv_text(row(quantity="0", hold_on_failure="4242-4242-4242-4242")), "4242"),
        (csv_text() + f"A-1,USD,{CARD}\n", "4242"),
        (csv_text() + f'A-1,"{CARD}\n', "4242"),
    ],
)
def test_no_card_number_goes_on_to_the_rejects_and_what_is_hidden_is_refused_again(
    tmp_path: Path, content: str, last: str
) -> None:
    text = rejected(tmp_path, content)
    assert last not in text
    assert HIDES in text
    again = read_whole(inspect(write(tmp_path, text, "again.csv")))
    assert again.orders == []
    assert len(again.problems) == 1


@pytest.mark.parametrize(
    "value", ['"4242424242424242"', "4242424242424242", '"x 4242-4242-4242-4242"', r'"\u0034242424242424242"']
)
def test_nor_to_the_rejects_of_json_lines(tmp_path: Path, value: str) -> None:
    document = f'{{"order_id": "A-1", "payment_method": {value}}}\n'
    ref = inspect(write(tmp_path, document, "orders.jsonl"))
    text = rejects_of(ref, read_whole(ref))
    assert "4242" not in text
    again = read_whole(inspect(write(tmp_path, text, "again.jsonl")))
    assert [each.rows for each in again.problems] == [1]


def test_what_no_card_is_stays_as_it_was(tmp_path: Path) -> None:
    """An order ID, a barcode, a phone number: as Amazon, shops and people write them."""
    order_id, barcode = "114-3941689-8772237", "4006381333931"  # both pass the check of a card's digits
    text = rejected(tmp_path, csv_text(row(order_id, sku=barcode, quantity="0", region="+1 555 010 0100")))
    assert all(each in text for each in (order_id, barcode, "+1 555 010 0100"))
    assert HIDES not in text


def test_a_row_whose_hidden_sku_was_not_mended_is_not_run(tmp_path: Path) -> None:
    text = rejected(tmp_path, csv_text(row(sku=CARD)))
    (reason,) = read_whole(inspect(write(tmp_path, text, "again.csv"))).reasons
    assert reason.startswith("line 2, sku: holds a card number")
