"""Pages: cut anywhere, they hold the same orders, problems and line numbers as the file read at once."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from order_system.batches.files import COLUMNS, checking
from order_system.batches.files.reader import rows_of
from order_system.domain.order_file import FileRef, FileRefused
from tests.fixtures.documents.order_files import (
    HEADER,
    Reading,
    csv_line,
    csv_text,
    further_row,
    inspect,
    read,
    read_whole,
    row,
    write,
)

IDS = st.sampled_from(["A-1", "A-2", "B", "B", "C", "", " D ", "bad id", "1"])
CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "x", "0", "1", "29.99", "USD", "US", "ada@example.com", "1 Main St", "=1+1", "'=1", "é",
         "a,b", 'say "hi"', "two\nlines", "4242424242424242", "Ærø", "٣", "\u200b"]
    ),
    st.text(max_size=12),
)  # fmt: skip


@st.composite
def rows(draw: st.DrawFn) -> list[str]:
    order_id = draw(IDS)
    cells = dict(zip(COLUMNS, draw(st.sampled_from([row, further_row]))(order_id), strict=True))
    cells["sku"] = draw(st.sampled_from(["SKU-1", "SKU-2", "SKU-3", "sku 4"]))
    for column in draw(st.lists(st.sampled_from(list(COLUMNS)), max_size=2)):
        cells[column] = draw(CELLS)
    return list(cells.values())


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Mostly proper rows, with torn ones between them."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = draw(st.sampled_from(["", "\ufeff"])) + HEADER + end
    torn = st.one_of(
        st.sampled_from(["", "A-1,x", '"', '"A-1"x,1', 'A-2,"', "B" + ",x" * 20, "A-1,\0", ",,,", "   "]),
        st.text(alphabet='A1",\n\r x', max_size=30),
    )
    for part in draw(st.lists(st.one_of(rows(), rows(), rows(), torn), min_size=1, max_size=25)):
        text += part + end if isinstance(part, str) else csv_text(part, header="", end=end)[len(end) :]
    if draw(st.booleans()):
        text = text.removesuffix(end)
    return text.encode("utf-8", "replace")


def reader_of(folder: Path, content: bytes) -> Callable[[int], Reading]:
    try:
        ref = inspect(write(folder, content))
    except FileRefused:  # for want of rows
        reject()
    return lambda max_bytes: read_whole(ref, max_bytes)


def assert_each_row_is_told_once(ref: FileRef, content: bytes, found: Reading) -> None:
    spans = [(first, last, count) for _, first, last, count, _ in found.orders]
    spans = sorted([*spans, *((each.first_line, each.last_line, each.rows) for each in found.problems)])
    assert all(one[1] < other[0] for one, other in pairwise(spans))
    rows = list(rows_of(ref, ref.start, [content[ref.start.offset :]]))
    for first, last, count in spans:
        assert sum(first <= row.line and row.last_line <= last for row in rows) == count
    assert sum(count for *_, count in spans) == len(rows) == found.rows


@pytest.mark.parametrize("blank", ["\n", "\n\n\n", "   \n", '""\n', ",,\n"])
@pytest.mark.parametrize("max_bytes", [1, 7, 400])
def test_blank_lines_before_and_between_the_rows_of_an_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str, max_bytes: int
) -> None:
    parts = [csv_line(each) for each in (row(), further_row(), row("A-2"), further_row("A-2"))]
    content = csv_text() + blank + blank.join(parts) + blank
    whole = read(tmp_path, content)
    assert (whole.ids, whole.reasons, whole.rows) == (["A-1", "A-2"], [], 4)
    monkeypatch.setattr("order_system.batches.files.reader.CHUNK_BYTES", 20)
    assert read(tmp_path, content, max_bytes) == whole


@given(content=files(), max_bytes=st.integers(1, 600), chunk=st.integers(20, 300), batch=st.integers(1, 8))
@settings(max_examples=35, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_reading_by_pages_is_reading_at_once(
    tmp_path: Path, content: bytes, max_bytes: int, chunk: int, batch: int
) -> None:
    reader = reader_of(tmp_path, content)
    whole = reader(1_000_000)
    assert_each_row_is_told_once(inspect(tmp_path / "orders.csv"), content, whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("order_system.batches.files.reader.CHUNK_BYTES", chunk)
        patch.setattr("order_system.batches.files.rows.BATCH", batch)
        assert reader(max_bytes) == whole


@given(content=files())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_quick_check_finds_what_the_strict_reader_finds(tmp_path: Path, content: bytes) -> None:
    reader = reader_of(tmp_path, content)
    quick = reader(1_000_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "plain_order", lambda _: None)
        assert reader(1_000_000) == quick
