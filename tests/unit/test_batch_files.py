"""Files as people send them: each bad one gets a line and a cure, and no good order is lost."""

from pathlib import Path

import pytest

from order_system.batch_files import FileChanged, FileRefused
from order_system.csv_orders import OrderFiles, Page, defuse
from tests.fixtures.batch_shop import HEADER, row

HEAD = ",".join(HEADER)


def line(order_id: str, **changes: str) -> str:
    return ",".join(row(order_id, **changes))


class Read:
    def __init__(self, pages: list[Page]) -> None:
        self.orders = [
            (order.order_id, order.first_line, order.last_line) for page in pages for order in page.orders
        ]
        self.problems = [problem for page in pages for problem in page.problems]
        self.rows = sum(page.rows for page in pages)
        self.bytes = sum(page.bytes_read for page in pages)


async def read(
    folder: Path, content: bytes | str, *, name: str = "orders.csv", max_bytes: int = 1_000_000
) -> Read:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    files = OrderFiles([str(folder)])
    ref = await files.inspect(str(file))
    page = await files.read_page(ref, max_bytes=max_bytes)
    pages = [page]
    while not page.at_end:
        page = await files.read_page(ref, page.next, max_bytes)
        pages.append(page)
    return Read(pages)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
async def test_line_ends_and_byte_order_marks(tmp_path: Path, end: str, mark: str, last: bool) -> None:
    text = mark + end.join([HEAD, line("A-1"), line("A-2")]) + (end if last else "")
    found = await read(tmp_path, text)
    assert found.orders == [("A-1", 2, 2), ("A-2", 3, 3)]
    assert not found.problems


async def test_adjacent_rows_are_one_order_and_page_sizes_change_nothing(tmp_path: Path) -> None:
    lines = [HEAD]
    for number in range(30):
        lines += [line(f"A-{number}"), line(f"A-{number}", sku="LAPTOP-789")]
        if number % 7 == 0:
            lines.append(line(f"BAD-{number}", quantity="0"))
    text = "\n".join(lines) + "\n"
    whole = await read(tmp_path, text)
    assert len(whole.orders) == 30
    assert [problem.column for problem in whole.problems] == ["quantity"] * 5
    for max_bytes in (1, 97, 500, 3_000):
        paged = await read(tmp_path, text, max_bytes=max_bytes)
        assert (paged.orders, paged.problems, paged.rows) == (whole.orders, whole.problems, whole.rows)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (line("B-1", quantity="0"), "quantity"),
        (line("B-1", quantity="x"), "quantity"),
        (line("bad id"), "order_id"),
        (line("B-1") + ",more,cells", "line 3"),
        ("B-1,USD", "line 3"),
        (line("B-1", sku="a\0b"), "line 3"),
        (line("B-1", sku="S" * 200_000), "line 3"),
    ],
)
async def test_one_bad_row_is_told_and_stops_no_other(tmp_path: Path, bad: str, told: str) -> None:
    found = await read(tmp_path, "\n".join([HEAD, line("A-1"), bad, line("C-1")]) + "\n")
    assert [order[0] for order in found.orders] == ["A-1", "C-1"]
    assert len(found.problems) == 1
    assert found.problems[0].first_line == 3
    assert told in found.problems[0].reason
    assert found.rows == 3


async def test_a_card_number_is_refused_and_never_told(tmp_path: Path) -> None:
    found = await read(tmp_path, "\n".join([HEAD, line("A-1", card="4111111111111111")]) + "\n")
    assert not found.orders
    assert "4111" not in repr(found.problems)


async def test_an_unclosed_quote_is_told_and_what_stands_before_it_goes_on(tmp_path: Path) -> None:
    found = await read(tmp_path, "\n".join([HEAD, line("A-1"), 'B-1,USD,"Ada', line("C-1")]) + "\n")
    assert found.orders[0][0] == "A-1"
    assert "quote" in found.problems[0].reason
    assert found.problems[0].first_line == 3


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEAD + "\n",
        HEAD.replace("sku", "order_id") + "\n",
        HEAD.replace(",sku", "") + "\n" + line("A-1") + "\n",
        b"\xff\xfe" + HEAD.encode("utf-16-le")[:-1],
        HEAD.encode() + b"\nA-1,USD,J\xe9r\xf4me\n",
    ],
    ids=["empty", "header alone", "repeated column", "missing column", "broken UTF-16", "Latin-1"],
)
async def test_a_file_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, content: bytes | str
) -> None:
    with pytest.raises(FileRefused) as refused:
        await read(tmp_path, content)
    assert "\n" not in str(refused.value)


async def test_only_files_below_the_roots_are_opened(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside.csv"
    inside.mkdir()
    outside.write_text(HEAD + "\n" + line("A-1") + "\n")
    (inside / "link.csv").symlink_to(outside)
    files = OrderFiles([str(inside)])
    for url in (
        str(outside),
        str(inside / ".." / "outside.csv"),
        str(inside / "link.csv"),
        f"file://{outside}",
        "http://169.254.169.254/orders.csv",
        "/etc/passwd",
        str(inside),
    ):
        with pytest.raises(FileRefused):
            await files.inspect(url)


async def test_a_file_that_is_written_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("\n".join([HEAD, line("A-1"), line("A-2")]) + "\n")
    files = OrderFiles([str(tmp_path)])
    ref = await files.inspect(str(file))
    page = await files.read_page(ref, max_bytes=1)
    file.write_text("\n".join([HEAD, line("A-1"), line("A-9")]) + "\n")
    with pytest.raises(FileChanged):
        await files.read_page(ref, page.next)
    with pytest.raises(FileChanged):
        await files.verify(ref)


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_formula_cells_are_defused(cell: str) -> None:
    assert not defuse(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
