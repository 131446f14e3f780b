"""Files as they should not be: each is told in one line with its cure, and what is good in them goes on."""

import codecs
import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pytest

from order_system.batches.files import OrderFiles, parse_mapping, parse_profile
from order_system.batches.files.reader import read_page
from order_system.domain.order_file import FileChanged, FileRefused
from order_system.intake.bill import MAX_LINES
from tests.fixtures.documents.order_files import (
    HEADER,
    csv_text,
    further_row,
    inspect,
    read,
    read_whole,
    refusal,
    row,
    write,
)

GOOD = csv_text(row())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n\r\n\n", "is empty"),
        (HEADER.encode(), "has a header, and no orders below it"),
        (f"{HEADER}\n\n  \n {',' * 19}\n".encode(), "has a header, and no orders below it"),
        (csv_text(row(), header="a,b,c,d"), "the column order_id is missing"),
        (GOOD.replace("discount", "dicount"), "the column dicount is unknown (did you mean discount?)"),
        (GOOD.replace("region", "Tax "), "the column Tax stands there 2 times; rename all but one"),
        (f"Sales\nMay 2026; all shops\n\n{GOOD}", "line 1 is no header; it seems to be on line 4: take out"),
        (f"Sales{',' * 19}\n{GOOD}", "line 1 is no header; it seems to be on line 2: take out"),
        (GOOD.replace(",", ";"), "line 1: columns must be separated by commas"),
        (GOOD.replace(",", ";").replace("unit_price", "price, net", 1), "by semicolons: separator = "),
        (
            GOOD * 2 + GOOD.replace("shipping_fee,tax,discount", "discount,tax,shipping_fee"),
            "line 5 is another header than the first; what is below it must be a file of its own",
        ),
        (f"{GOOD}\ufeff{GOOD.replace('city,region', 'region,city')}", "line 3 is another header than"),
        ('"' + GOOD, "line 1, the header, has a quote that opens a cell and is never closed"),
        (GOOD.replace("region", "reg\0ion"), "line 1, the header, holds a NUL"),
        (
            csv_text(*[row()] * 3, header="\n" + HEADER).encode() + b"A-2,J\xe9r\xf4me\n",
            "line 6 is not UTF-8",
        ),
        (GOOD.encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (codecs.BOM_UTF16_BE + GOOD.encode("utf-16-be"), "is UTF-16; save it as UTF-8"),
        (GOOD.encode("utf-16-le"), "UTF-16 without a mark; save it as UTF-8"),
        (GOOD.encode("utf-8") + b"A-2,\xe2\x82", "line 3 is not UTF-8"),
        (b"PK\x03\x04" + bytes(30), "Excel workbook; save it as CSV UTF-8"),
        ("\n<html><table>\n", "is HTML or XML, even if it is named .xls"),
        ('[{"order_id": "A-1"}]', "is JSON, and needs no profile"),
    ],
)
def test_a_file_that_is_refused(tmp_path: Path, content: str | bytes, told: str) -> None:
    message = refusal(write(tmp_path, content))
    assert told in message
    assert "\n" not in message


def test_an_encoding_is_taken_by_its_name_and_others_are_refused(tmp_path: Path) -> None:
    content = csv_text(row(customer_name="Jérôme")).encode("latin-1")
    found = read(tmp_path, content, encoding="ISO-8859-1")
    assert found.order("A-1").customer.name == "Jérôme"
    file = write(tmp_path, content)
    assert "its encoding is: cp1252" in refusal(file)
    assert "in no other encoding" in refusal(file, encoding="utf-7")
    undefined = write(tmp_path, content + b"\x81")
    assert "line 3 is not cp1252 text" in refusal(undefined, encoding="cp1252")


def test_what_no_row_of_an_order_has_is_missed_on_its_first(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text(row(currency=""), further_row()))
    assert found.reasons == ["line 2, currency: is missing"]


def test_a_gzip_bomb_is_refused_by_its_first_bytes(tmp_path: Path) -> None:
    file = write(tmp_path, gzip.compress(bytes(50_000_000), 9), "orders.csv")
    tracemalloc.start()
    try:
        assert refusal(file).endswith("is compressed; gunzip it first")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("order_id", "end"),
    [
        ("#8801", '; a profile that says id_strip = "#" drops that'),
        ("8801/A", '; a profile that says id_replace = "-" puts that for each other sign'),
        ("97.0", "was taken for a number; export it again, this column as text"),
        ("8" * 65, "the first a letter or digit"),
        (".8801", "the first a letter or digit"),
    ],
)
def test_an_id_that_is_none_is_refused_with_what_cures_it(tmp_path: Path, order_id: str, end: str) -> None:
    (reason,) = read(tmp_path, csv_text(row(order_id))).reasons
    assert reason.endswith(end)
    if "number" in end:
        (reason,) = read(tmp_path, csv_text(row(order_id)), profile=parse_profile('id_prefix = "a"')).reasons
        assert reason.endswith(end), "a prefix hides no number"


def test_an_id_of_signs_alone_is_none_of_the_order_above_it(tmp_path: Path) -> None:
    told = read(
        tmp_path,
        csv_text(*map(row, ("A-1", "\u6ce8\u6587", "/", "A-2"))),
        profile=parse_profile('id_strip = "#"\nid_replace = "-"'),
    )
    assert (told.ids, [reason[:25] for reason in told.reasons]) == (
        ["A-1", "A-2"],
        ["line 3, order_id: must be", "line 4, order_id: must be"],
    )


@pytest.mark.parametrize("max_bytes", [1, 1_000_000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("B-1,USD", "line 3 has 2 cells, and the header has 20"),
        (",".join([*row("B-1"), "more"]), "line 3 has 21 cells, and the header has 20"),
        ('B-1,USD,"Ada', "line 3 has a quote that opens a cell and is never closed"),
        ('B-1,"USD"x,Ada', "line 3 has text outside of a cell's quotes"),
        (",".join(row("B-1", city="Port\0land")), "line 3 holds a NUL character"),
        (",".join(row("B-1", city="x" * 200_000)), "line 3 is longer than 131,072 bytes"),
        (",".join(row("B-1", city="x" * 201)), "line 3, city: must be at most 200 characters"),
        (",".join(row("=cmd|calc")), "line 3, order_id: must be 1 to 64 ASCII letters"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_stops_no_other(
    tmp_path: Path, bad: str, told: str, end: str, max_bytes: int
) -> None:
    lines = [HEADER, ",".join(row("A-1")), bad, ",".join(row("C-1")), ""]
    found = read(tmp_path, end.join(lines), max_bytes)
    assert (found.ids, found.rows) == (["A-1", "C-1"], 3)
    (problem,) = found.problems
    assert (problem.first_line, problem.last_line, problem.rows) == (3, 3, 1)
    assert problem.reason.startswith(told)


@pytest.mark.parametrize(
    ("separator", "ids"), [(",", ["A-1", "C-1", "D-1", "E-1"]), ("\t", ["A-1", "B-1", "C-1", "D-1", "E-1"])]
)
def test_no_order_is_lost_between_two_stray_quotes(tmp_path: Path, separator: str, ids: list[str]) -> None:
    streets = {"A-1": "1 Main St", "B-1": '"The Mill', "C-1": "2 Main St", "D-1": '12"', "E-1": '5" Lane'}
    lines = [HEADER.split(","), *(row(order_id, street=street) for order_id, street in streets.items())]
    text = "\n".join(map(separator.join, lines))
    found = read(tmp_path, text, profile=parse_profile(f"separator = {json.dumps(separator)}"))
    assert found.ids == ids
    assert [problem.order_id for problem in found.problems] == [each for each in streets if each not in ids]
    assert all("is never closed" in reason for reason in found.reasons)
    assert found.order("D-1").shipping_address.street == streets["D-1"]


def test_a_text_of_several_lines_may_have_as_many_separators_as_a_row_on_each(tmp_path: Path) -> None:
    text = "id,street,sku,quantity,unit_price\n"
    text += 'A,"Hall 1, Gate 2, Yard 3, Dock\nNorth, left",MUG,2,5.00\nB,1 Main St,MUG,1,$5.00\n'
    constants = "customer_name==Ada,customer_email==a@example.com,payment_method==pm_x,city==Reno,country==US"
    found = read(tmp_path, text, mapping=parse_mapping(f"order_id=id,currency==USD,{constants}"))
    assert (found.ids, found.rows, found.reasons) == (["A", "B"], 2, [])
    assert found.order("A").shipping_address.street == "Hall 1, Gate 2, Yard 3, Dock, North, left"


def test_quotes_beside_a_stray_one_between_tabs_are_quotes(tmp_path: Path) -> None:
    cells = row(customer_name='"Lovelace ""Ada"""', street='"The Mill" 3', city='12" Lane')
    text = "\n".join(map("\t".join, [HEADER.split(","), cells]))
    order = read(tmp_path, text, profile=parse_profile('separator = "\\t"')).order("A-1")
    address = order.shipping_address
    found = (order.customer.name, address.street, address.city)
    assert found == ('Lovelace "Ada"', '"The Mill" 3', '12" Lane')


def test_a_file_that_is_cut_off_in_its_last_row(tmp_path: Path) -> None:
    whole = csv_text(row("A-1"), row("A-2"), further_row("A-2"))
    found = read(tmp_path, whole[:-30])
    assert found.ids == ["A-1"]
    (problem,) = found.problems
    assert (problem.order_id, problem.first_line, problem.rows) == ("A-2", 3, 2)
    assert problem.reason.endswith("is the file cut off here?")


@pytest.mark.parametrize("max_bytes", [1, 1_000_000])
def test_an_order_of_ten_thousand_lines_is_refused_as_one(tmp_path: Path, max_bytes: int) -> None:
    further = (further_row("B-1", sku=f"SKU-{number}") for number in range(9_999))
    found = read(tmp_path, csv_text(row("A-1"), row("B-1"), *further, row("C-1")), max_bytes)
    assert (found.ids, found.rows) == (["A-1", "C-1"], 10_002)
    (problem,) = found.problems
    assert (problem.first_line, problem.last_line, problem.rows) == (3, 10_002, 10_000)
    assert f"10,000 rows; an order may have at most {MAX_LINES}" in problem.reason


def test_as_many_lines_as_an_order_may_have(tmp_path: Path) -> None:
    further = [further_row(sku=f"SKU-{number}") for number in range(MAX_LINES)]
    assert len(read(tmp_path, csv_text(row(), *further[:-1])).order("A-1").lines) == MAX_LINES
    assert read(tmp_path, csv_text(row(), *further)).ids == []


# --- files that change ----------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["other bytes", "cut off", "longer", "replaced", "old times"])
async def test_a_file_that_changes_after_it_was_checked(tmp_path: Path, change: str) -> None:
    file = write(tmp_path, csv_text(row("A-1"), row("A-2")))
    files, before = OrderFiles([str(tmp_path)]), file.stat()
    ref = await files.inspect(str(file))
    page = await files.read_page(ref, max_bytes=1)
    content = file.read_bytes()
    other = content.replace(b"A-2", b"A-9")
    if change == "replaced":
        write(tmp_path, other, "new.csv").replace(file)
    else:
        file.write_bytes({"cut off": content[:-9], "longer": content + content}.get(change, other))
    if change == "old times":
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(FileChanged, match="has changed since it was checked"):
        await files.read_page(ref, page.next)
    with pytest.raises(FileChanged, match="Restore it, or run it as another batch"):
        await files.verify(ref)


def test_the_same_bytes_under_another_date_are_the_same_file(tmp_path: Path) -> None:
    file = write(tmp_path, csv_text(row("A-1"), row("A-2")))
    ref = inspect(file)
    write(tmp_path, file.read_bytes(), "copy.csv").replace(file)
    assert read_whole(ref).ids == ["A-1", "A-2"]


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    ref = inspect(file)
    file.unlink()
    with pytest.raises(FileRefused, match="there is no such file"):
        read_page(ref, ref.start, [str(tmp_path)])


def test_only_regular_files_below_the_roots_are_read(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    (inside / ".git").mkdir(parents=True)
    outside = write(tmp_path, GOOD, "outside.csv")
    write(inside, GOOD, ".hidden.csv")
    write(inside / ".git", GOOD)
    (inside / "link.csv").symlink_to(outside)
    (inside / "folder").symlink_to(tmp_path)
    (inside / "loop.csv").symlink_to(inside / "loop.csv")
    os.mkfifo(inside / "pipe.csv")
    told = {
        "../outside.csv": "is not under the folders",
        "link.csv": "is not under the folders",
        "folder/outside.csv": "is not under the folders",
        "loop.csv": "is not under the folders",
        ".hidden.csv": "hidden files",
        ".git/orders.csv": "hidden files",
        "pipe.csv": "is not a regular file",
        "missing.csv": "there is no such file",
        "": "is a folder",
    }
    for name, words in told.items():
        assert words in refusal(f"{inside}/{name}", roots=[str(inside)])
    for url in (
        f"file://{outside}",
        f"file://{inside}/%2e%2e/outside.csv",
        f"file://evil.example{inside}/a.csv",
    ):
        assert "is not under the folders" in refusal(url, roots=[str(inside)])
