"""An order whose rows stand apart in its file is refused as a whole; and looking for such rows finds exactly
those that reading page by page would have taken for two orders."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from order_system.batches.files import OrderFiles, inspection
from order_system.batches.files.blocks import blocks
from order_system.batches.files.inspection import _checksum_of_text as checksum_of_text
from order_system.batches.files.layouts import layout_of
from order_system.batches.files.reader import rows_of
from order_system.batches.files.sources import Source
from order_system.batches.reports import BatchReports, Plan
from order_system.book.batches import SqlBatchBook
from order_system.domain import policy
from order_system.domain.book import SubmissionRecord
from order_system.domain.card_numbers import identifier_holds_card_number
from order_system.domain.ids import is_order_id
from order_system.domain.order_file import FileFormat, FileRef, FileRefused
from order_system.intake.reader import order_document
from tests.fixtures.documents.order_files import (
    HEADER,
    csv_line,
    csv_text,
    further_row,
    inspect,
    read,
    read_whole,
    refusal,
    row,
    write,
)
from tests.fixtures.documents.shopify_files import SHOPIFY_HEADER, shopify_row
from tests.fixtures.shops.shop import an_order
from tests.unit.batches.files.test_pages import files

CURE = "sort the file by order ID, or put them together; if the order is there twice, take one of them out"


def apart_in(folder: Path, content: str | bytes, **options: FileFormat) -> list[str]:
    return list(inspect(write(folder, content), **options).apart or ())


def test_an_order_whose_rows_stand_apart_is_refused_whole(tmp_path: Path) -> None:
    content = csv_text(row("A-1"), row("A-2"), further_row("A-1"), further_row("A-1", sku="BOWL"))
    found = read(tmp_path, content)

    assert found.ids == ["A-2"]
    reason = f"order_id: the rows of this order stand apart, on lines 2 and 4; {CURE}"
    assert found.reasons == [f"line 2, {reason}", f"line 4, {reason}"]
    assert [(each.order_id, each.first_line, each.last_line, each.rows) for each in found.problems] == [
        ("A-1", 2, 2, 1),
        ("A-1", 4, 5, 2),
    ]
    assert read(tmp_path, content, max_bytes=1) == found, "whatever page a row is on"


def test_the_same_rows_a_second_time_are_apart_too(tmp_path: Path) -> None:
    order = csv_line(row("A-1")) + csv_line(further_row("A-1"))
    assert read(tmp_path, csv_text() + order + csv_line(row("A-2")) + order).ids == ["A-2"]


def test_an_order_at_the_end_of_one_file_and_at_the_beginning_of_the_next_is_there_twice(
    tmp_path: Path,
) -> None:
    found = read(
        tmp_path, csv_text(row("A-1"), row("A-2", total="")) + csv_text(row("A-2", total=""), row("A-3"))
    )
    assert found.ids == ["A-1", "A-3"]
    assert (
        found.reasons[0] == f"line 3, order_id: the rows of this order stand apart, on lines 3 and 5; {CURE}"
    )


def test_only_the_first_of_many_lines_are_told(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text(*[row(order_id) for order_id in ["A", "B"] * 1_002]))
    assert found.ids == []
    assert {reason.partition(": ")[2] for reason in found.reasons} == {
        f"the rows of this order stand apart, on lines 2, 4, 6 and 999 more; {CURE}",
        f"the rows of this order stand apart, on lines 3, 5, 7 and 999 more; {CURE}",
    }


def test_a_file_with_too_many_such_orders_is_refused(tmp_path: Path) -> None:
    limit = policy.BATCH_ORDERS_APART
    longest = [f"{number:0>64}" for number in range(limit + 1)]

    ref = inspect(write(tmp_path, csv_text(*map(row, longest[:limit] * 4))))
    apart = ref.apart or {}
    assert list(apart) == longest[:limit]
    assert apart[longest[0]] == f"lines 2, {limit + 2}, {2 * limit + 2} and 1 more"
    assert len(ref.model_dump_json()) < 25_000, "it is sent with each request for a page"

    file = write(tmp_path, csv_text(*map(row, ["B", *longest, "C", *longest, "C"])))
    assert refusal(file) == (
        f"{file}: the rows of {limit + 2:,} orders stand apart ("
        f"{longest[0]} on lines 3 and {limit + 5}; "
        f"{longest[1]} on lines 4 and {limit + 6}; "
        f"{longest[2]} on lines 5 and {limit + 7}; ...); {CURE}"
    )


@pytest.mark.parametrize(
    ("again", "is_apart"),
    [
        (" A-1 ", True),
        ('"A-1"', True),
        ("'A-1", False),  # no formula: the apostrophe is part of what stands there
        ("a-1", False),
    ],
)
def test_ids_are_told_apart_as_they_are_read(tmp_path: Path, again: str, is_apart: bool) -> None:
    content = csv_text(row("A-1"), row("B")) + again + csv_line(further_row(""))
    assert apart_in(tmp_path, content) == (["A-1"] if is_apart else [])


def test_the_id_of_a_shopify_export_is_the_same_without_its_sign(tmp_path: Path) -> None:
    orders = [shopify_row(Name="#1001"), shopify_row(Name="#1002")]
    export = csv_text(*orders, header=",".join(SHOPIFY_HEADER))
    assert apart_in(tmp_path, export, file_format=FileFormat.SHOPIFY) == []
    export += csv_line(shopify_row(Name="1001"))
    assert apart_in(tmp_path, export, file_format=FileFormat.SHOPIFY) == ["1001"]


@pytest.mark.parametrize("place", [1, 5, 17])
def test_the_id_may_stand_in_any_column(tmp_path: Path, place: int) -> None:
    def moved(cells: list[str]) -> list[str]:
        order_id, *others = cells
        return [*others[:place], order_id, *others[place:]]

    header = ",".join(moved(HEADER.split(",")))
    in_order = [row("A"), row("A", sku="BOWL"), row("B"), row("C")]
    assert apart_in(tmp_path, csv_text(*map(moved, in_order), header=header)) == []
    again = csv_text(*map(moved, [*in_order, row("A")]), header=header)
    assert apart_in(tmp_path, again) == apart_in(tmp_path, again.removesuffix("\n")) == ["A"]


def test_a_line_of_a_quoted_cell_is_no_row(tmp_path: Path) -> None:
    torn = csv_line(row("B", street="1 Main St\nA-1,USD\nA-1"))
    content = csv_text(row("A-1")) + torn + csv_text(row("C"), header="")[1:]
    assert apart_in(tmp_path, content) == []
    assert apart_in(tmp_path, content + csv_line(further_row("A-1"))) == ["A-1"]


def test_the_header_of_a_second_file_is_no_row(tmp_path: Path) -> None:
    content = csv_text(row("A-1")) + csv_text(row("B"))
    assert inspect(write(tmp_path, content)).orders == 2
    content += csv_text(row("C"))
    found = read(tmp_path, content)
    assert (found.ids, found.problems) == (["A-1", "B", "C"], [])


def test_a_cell_too_many_before_its_id_takes_no_row_from_an_order(tmp_path: Path) -> None:
    """An item such as `Mug, blue` without quotes, above and below a line of the same order."""
    plain = (HEADER.split(","), row("A"), row("B"), row("C"))
    header, *orders = (cells[10:13] + cells[:10] + cells[13:] for cells in plain)
    lines = [",".join(cells) for each in orders for cells in (each, [each[0], "XL", *each[1:]])]
    lines[2:4] = reversed(lines[2:4])
    found = read(tmp_path, "\n".join([",".join(header), *lines, ""]))
    assert [(each.order_id, each.rows) for each in found.problems] == [("A", 2), ("B", 2), ("C", 2)]
    assert found.ids == []


def test_a_row_without_an_id_is_put_to_the_order_around_it(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text(row("A-1"), further_row(""), further_row("A-1", sku="BOWL")))
    (reason,) = found.reasons
    assert reason.startswith("line 3, order_id: is missing; repeat it, or name the column of the total")


async def test_where_nobody_has_looked_the_first_order_is_run_and_the_second_told(tmp_path: Path) -> None:
    documents = [json.dumps(order_document(an_order(order_id))) for order_id in ("A-1", "B", "A-1")]
    of_json = inspect(write(tmp_path, "\n".join(documents), "orders.jsonl"))
    ref = inspect(write(tmp_path, csv_text(row("A-1"), row("B"), row("A-1"))))
    of_earlier_version = FileRef.model_validate(ref.model_dump(exclude={"apart"}))

    for file, first_line in ((of_json, 1), (of_earlier_version, 2)):
        plan = await planned(file)
        assert file.apart is None
        assert (plan.orders, plan.duplicates, plan.problems, plan.rows) == (2, 1, 0, 3)
        (told,) = plan.examples
        assert (told.first_line, told.order_id) == (first_line + 2, "A-1")
        assert f"is also the ID of line {first_line};" in told.reason

    plan = await planned(ref)
    assert (plan.orders, plan.duplicates, plan.problems, plan.rows) == (1, 0, 1, 3)


class EmptyBook:
    async def find(self, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
        del order_ids
        return {}


async def planned(file: FileRef) -> Plan:
    reports = BatchReports(cast("SqlBatchBook", EmptyBook()), OrderFiles([str(Path(file.url).parent)]))
    return [plan async for _, plan in reports.plan(file)][-1]


def test_a_file_that_is_no_text_any_more_when_it_is_looked_through_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, csv_text(row("A-1"), row("A-2")))

    def look(source: Source, size: int, encoding: str) -> str:
        digest = checksum_of_text(source, size, encoding)
        file.write_bytes(file.read_bytes().replace(b"A-2", b"A-\xff"))
        return digest

    monkeypatch.setattr(inspection, "_checksum_of_text", look)
    assert refusal(file).endswith("is being written to; try again when it is complete")


@given(content=files(), chunk=st.integers(20, 300), batch=st.integers(1, 8))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_is_found_apart_is_what_pages_would_tear(
    tmp_path: Path, content: bytes, chunk: int, batch: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("order_system.batches.files.sources.CHUNK_BYTES", chunk)
        patch.setattr("order_system.batches.files.rows.BATCH", batch)
        try:
            ref = inspect(write(tmp_path, content))
        except FileRefused:  # for want of rows
            reject()
    rows = rows_of(ref, ref.start, [content[ref.start.offset :]])
    lines: dict[str, list[int]] = {}
    for block, _ in blocks(rows, layout_of(ref)):
        lines.setdefault(block.order_id, []).append(block.first_line)
    proper = {each for each in lines if is_order_id(each) and not identifier_holds_card_number(each)}
    torn = {each: numbers for each, numbers in lines.items() if len(numbers) > 1 and each in proper}
    told = ref.apart or {}
    assert told.keys() == torn.keys()
    for order_id, numbers in torn.items():
        assert f"lines {numbers[0]}" in told[order_id]
        assert (f"and {len(numbers) - 3} more" in told[order_id]) == (len(numbers) > 3)
    ids = read_whole(ref).ids
    assert len(set(ids)) == len(ids)
    assert torn.keys().isdisjoint(ids)
