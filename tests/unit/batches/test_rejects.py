"""A file of rejects is run by the profile of the file that it came from."""

import io
from pathlib import Path

from order_system.batches.files import inspect_file, parse_profile
from order_system.batches.outcome_files import rejects_from
from order_system.batches.reports import LineOutcome
from tests.fixtures.documents.order_files import csv_text, read_whole, row


def test_rejects_of_another_encoding_say_that_they_are_utf_8(tmp_path: Path) -> None:
    profile = parse_profile('encoding = "cp1252"')
    file = tmp_path / "orders.csv"
    file.write_bytes(csv_text(row(city="Köln", quantity="0")).encode("cp1252"))
    ref = inspect_file(str(file), [str(tmp_path)], profile=profile)
    (problem,) = read_whole(ref).problems
    rejects = io.StringIO(newline="")
    with rejects_from(ref, [str(tmp_path)], rejects) as mending:
        lines = problem.first_line, problem.last_line, 1
        mending.add(LineOutcome(*lines, "A-1", None, "rejected", reason=problem.reason))
    mended = tmp_path / "mended.csv"
    mended.write_text(rejects.getvalue().replace(",0,", ",1,"), encoding="utf-8", newline="")
    order = read_whole(inspect_file(str(mended), [str(tmp_path)], profile=profile)).order("A-1")
    assert order.shipping_address.city == "Köln"
