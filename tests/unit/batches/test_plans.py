"""What a plan says that a run would charge: only for what it starts, and not for what is paid already."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from order_system.batches.files import OrderFiles
from order_system.batches.reports import BatchReports, Plan
from order_system.batches.sample import sample_of
from order_system.book.batches import SqlBatchBook
from order_system.domain.book import SubmissionRecord, SubmissionStatus
from order_system.domain.order import SubmissionRef
from tests.fixtures.documents.order_files import csv_text, further_row, inspect, read_whole, row, write

NOW = datetime(2026, 11, 28, tzinfo=UTC)


class KnownOrders:
    def __init__(self, known: Mapping[str, SubmissionRecord]) -> None:
        self._known = known

    async def find(self, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
        return {order_id: self._known[order_id] for order_id in order_ids if order_id in self._known}


def plan_of(folder: Path, content: str, **known: str) -> Plan:
    """`known` by order ID: its status, or `conflict`."""
    ref = inspect(write(folder, content))
    read = read_whole(ref)
    records: dict[str, SubmissionRecord] = {}
    for order_id, status in known.items():
        conflict = status == "conflict"
        of = SubmissionRef(
            order_id=order_id,
            submission="s",
            fingerprint="0" * 64 if conflict else read.order(order_id).fingerprint(),
        )
        now = SubmissionStatus.FULFILLED if conflict else SubmissionStatus(status)
        records[order_id] = SubmissionRecord(of, "default", now, None, None, None, None, NOW, NOW)

    async def last() -> Plan:
        reports = BatchReports(cast("SqlBatchBook", KnownOrders(records)), OrderFiles([str(folder)]))
        return [plan async for _, plan in reports.plan(ref)][-1]

    return asyncio.run(last())


def test_only_what_a_run_starts_is_added_up_and_what_is_paid_stands_apart(tmp_path: Path) -> None:
    content = csv_text(
        row("A", unit_price="1000.00", shipping_fee="5.00", tax="1.50", discount="0.50"),
        further_row("A"),
        row("B", unit_price="1000.00", customer_name="Ada \N{SNOWMAN}"),  # the strict reader's
        row("C", currency="JPY", unit_price="2400"),
        row("D", payment_method="paid:ch_1", unit_price="1200.00"),
        row("E", unit_price="0.01"),
        *(row(order_id, unit_price="7000.00") for order_id in ("F", "G", "H")),
        row("I", quantity="0"),
    )
    plan = plan_of(tmp_path, content, E="failed", F="fulfilled", G="conflict", H="open")

    assert plan.document()["sums"] == [
        {"currency": "JPY", "paid_already": False, "orders": 1, "total": "2400"},
        {"currency": "USD", "paid_already": False, "orders": 3, "total": "2065.99"},
        {"currency": "USD", "paid_already": True, "orders": 1, "total": "1200.00"},
    ]
    assert plan.in_money() == (
        "a run charges 1 order, 2,400 JPY and 3 orders, 2,065.99 USD; paid already: 1 order, 1,200.00 USD; "
        "open orders are not counted"
    )


def test_the_first_order_says_how_it_is_paid(tmp_path: Path) -> None:
    ref = inspect(write(tmp_path, csv_text(row("A", payment_method="paid:ch_1", tax="0.01"))))
    sample = asyncio.run(sample_of(OrderFiles([str(tmp_path)]), ref))
    assert sample[0] == "A: Ada, ada@example.com, is paid already by ch_1"
    assert sample[-1] == "total 1,000.00 USD"


@pytest.mark.parametrize("more", [[row("C", discount="1.00")], [row("C"), further_row("C")]])
def test_an_order_of_another_shape_is_shown_beside_the_first(tmp_path: Path, more: list[list[str]]) -> None:
    ref = inspect(write(tmp_path, csv_text(row("A"), row("B"), *more)))
    sample = asyncio.run(sample_of(OrderFiles([str(tmp_path)]), ref))
    at = sample.index("and one with several lines, or a discount:")
    assert (sample[0][:2], sample[at + 1][:2]) == ("A:", "C:")
    assert not any(line.startswith("B:") for line in sample)


def test_a_file_that_is_done_charges_nothing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, csv_text(row("A")), A="fulfilled")
    assert (plan.in_money(), plan.document()["sums"]) == ("a run charges nothing", [])


def test_an_order_whose_rows_stand_apart_is_one_order(tmp_path: Path) -> None:
    content = csv_text(row("A"), row("B"), row("A"), row("C"), row("A"), row("D", quantity="0"))
    plan = plan_of(tmp_path, content)
    assert (plan.rows, plan.numbers()) == (6, {"new": 2, "invalid": 2})
    assert [problem.order_id for problem in plan.examples] == ["A", "D"]
    assert "on lines 2, 4 and 6" in plan.examples[0].reason
