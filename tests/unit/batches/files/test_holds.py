"""`hold_on_failure` from files of every kind to the order, and never into its fingerprint."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from order_system.batches.files.inspection import inspect_file
from order_system.batches.files.reader import read_page
from order_system.domain.errors import InvalidOrder
from order_system.domain.order import Order
from order_system.domain.wording import duration_text, parse_duration
from order_system.intake.reader import order_document, order_schema
from tests.fixtures.documents.documents import order_from_document
from tests.fixtures.documents.order_files import csv_text, row
from tests.fixtures.shops.shop import an_order

TWO_HOURS = timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "span", "said_again"),
    [
        ("90s", timedelta(seconds=90), "90s"),
        ("15m", timedelta(minutes=15), "15m"),
        ("60m", timedelta(hours=1), "1h"),
        ("30d", timedelta(days=30), "30d"),
    ],
)
def test_what_is_read_is_said_again(text: str, span: timedelta, said_again: str) -> None:
    assert (parse_duration(text), duration_text(span)) == (span, said_again)


def test_an_order_document_has_it_when_it_is_set() -> None:
    document = order_document(an_order(hold_on_failure=TWO_HOURS))
    assert document["hold_on_failure"] == "2h"
    assert order_from_document(document).hold_on_failure == TWO_HOURS
    assert "hold_on_failure" not in order_document(an_order())
    assert "hold_on_failure" in str(order_schema())


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("2 hours", "must be a whole number and one of s, m, h, d, such as 15m or 2h"),
        ("0s", "must be a whole number"),
        ("31d", "must be at most 30d"),
        ("9999999d", "must be at most 30d"),
        ("-2h", "must be a whole number"),
        (7200, "must be text in quotes"),
    ],
)
def test_what_is_no_such_span_is_refused(value: object, why: str) -> None:
    with pytest.raises(InvalidOrder) as refused:
        order_from_document(order_document(an_order()) | {"hold_on_failure": value})
    assert f"hold_on_failure: {why}" in str(refused.value)


def test_it_is_no_part_of_the_content() -> None:
    assert an_order("A-1", hold_on_failure=TWO_HOURS).fingerprint() == an_order("A-1").fingerprint()


def test_it_travels() -> None:
    order = an_order(hold_on_failure=TWO_HOURS)
    assert Order.model_validate_json(order.model_dump_json()) == order


def test_a_column_of_a_csv_file(tmp_path: Path) -> None:
    text = csv_text(row("A-1", hold_on_failure="2h"), row("A-2"), row("A-3", hold_on_failure="soon"))
    orders, [problem] = holds(tmp_path / "orders.csv", text)
    assert orders == {"A-1": TWO_HOURS, "A-2": None}
    assert "line 4, hold_on_failure: must be a whole number" in problem


def test_a_line_of_json(tmp_path: Path) -> None:
    documents = (order_document(an_order("A-1", hold_on_failure=TWO_HOURS)), order_document(an_order("A-2")))
    orders, problems = holds(tmp_path / "orders.jsonl", "\n".join(map(json.dumps, documents)))
    assert (orders, problems) == ({"A-1": TWO_HOURS, "A-2": None}, [])


def holds(file: Path, text: str) -> tuple[dict[str, timedelta | None], list[str]]:
    file.write_text(text)
    ref = inspect_file(str(file), [str(file.parent)])
    page = read_page(ref, ref.start, [str(file.parent)])
    return (
        {each.order_id: each.order.hold_on_failure for each in page.orders},
        [each.reason for each in page.problems],
    )
