"""What a batch's activities decide, over a book of a few lines."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.batch import BatchActivities
from order_system.batches.files import OrderFiles
from order_system.batches.files.columns import parse_mapping
from order_system.batches.files.sources import CHUNK_BYTES
from order_system.domain import policy
from order_system.domain.batch import (
    BatchCounts,
    BatchOpening,
    BatchRequest,
    Fate,
    FilePageRequest,
    LookUpRequest,
)
from order_system.domain.book import SubmissionRecord, SubmissionStatus
from order_system.domain.order import SubmissionRef
from order_system.domain.order_file import ParsedOrder

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONSTANTS = (
    "currency==USD,customer_name==Ada,customer_email==ada@example.com,payment_method==pm_card_ok,"
    "street==Main St,city==Portland,region==OR,postal_code==97201,country==US"
)


class FewLines:
    """What opening a batch, reading a page and looking orders up ask of the book, and no more."""

    def __init__(self, *known: SubmissionRecord) -> None:
        self.known = {record.ref.order_id: record for record in known}
        self.started_at: datetime | None = None

    async def open_batch(self, batch: str, run: str, request: BatchRequest, at: datetime) -> None:
        self.started_at = at

    async def note_orders(self, batch: str, run: str, orders: Sequence[ParsedOrder]) -> dict[str, int]:
        return {order.order_id: order.first_line for order in orders}

    async def note_fates(self, batch: str, run: str, fates: Mapping[str, Fate]) -> None:
        pass

    async def find(self, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
        return {order_id: self.known[order_id] for order_id in order_ids if order_id in self.known}


class NothingKnown:
    async def fingerprint(self, order_id: str) -> str | None:
        return None


def a_record(order_id: str, status: SubmissionStatus) -> SubmissionRecord:
    ref = SubmissionRef(order_id=order_id, submission="this-one", fingerprint="f")
    return SubmissionRecord(ref, "default", status, None, None, None, None, NOON, None)


@pytest.mark.parametrize(
    ("asked_for", "status", "told"),
    [
        ("this-one", SubmissionStatus.FAILED, True),
        ("this-one", SubmissionStatus.OPEN, False),
        ("another", SubmissionStatus.FAILED, False),  # of an earlier day
        ("another", SubmissionStatus.FULFILLED, True),  # an order is fulfilled once
        (None, SubmissionStatus.FAILED, False),
        (None, SubmissionStatus.FULFILLED, True),
    ],
)
async def test_a_look_tells_the_end_of_the_submission_that_is_asked_for(
    asked_for: str | None, status: SubmissionStatus, told: bool, tmp_path: Path
) -> None:
    activities = BatchActivities(
        FewLines(a_record("A-1", status)), OrderFiles([str(tmp_path)]), NothingKnown()
    )
    answer = await activities.look_up(LookUpRequest(submissions={"A-1": asked_for, "A-2": None}))
    assert answer.statuses == ({"A-1": status} if told else {})


async def test_a_page_of_very_short_rows_is_cut_to_what_a_message_bears(tmp_path: Path) -> None:
    file = tmp_path / "short.csv"
    file.write_text("order_id,sku,quantity,unit_price\n" + "".join(f"A{n},B,1,1.00\n" for n in range(1_000)))
    files = OrderFiles([str(tmp_path)])
    ref = await files.inspect(str(file), mapping=parse_mapping(CONSTANTS))
    activities = BatchActivities(FewLines(), files, NothingKnown())
    position, counts, starts = None, BatchCounts(), []
    while True:
        request = FilePageRequest(
            batch="b",
            run="r",
            file=ref,
            position=position,
            page_bytes=policy.BATCH_PAGE_BYTES,
            only_failed=False,
        )
        page = await ActivityEnvironment().run(activities.read_page, request)
        assert 0 < len(page.start) <= policy.BATCH_PAGE_ORDERS
        assert len(page.model_dump_json()) < 1_000_000
        starts += [order.order_id for order in page.start]
        counts, position = counts.plus(page.counts), page.position
        if page.at_end:
            break
    assert starts == [f"A{n}" for n in range(1_000)]
    assert (counts.valid, counts.not_started, counts.bytes_read) == (1_000, 1_000, ref.size)


@pytest.mark.parametrize(("every", "told"), [(timedelta(0), 5), (timedelta(hours=1), 1)])
async def test_a_pass_over_a_file_beats_as_it_gets_on_but_not_too_often(
    every: timedelta, told: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "HEARTBEAT_EVERY", every)
    file = tmp_path / "orders.csv"
    file.write_text("order_id,sku,quantity,unit_price\n" + "A1,B,1,1.00\n" * (3 * CHUNK_BYTES // 12))
    files, beats = OrderFiles([str(tmp_path)]), list[object]()
    reference = await files.inspect(str(file), mapping=parse_mapping(CONSTANTS))
    opening = BatchOpening(batch="b", run="r", request=BatchRequest(name="b", file=reference))

    environment, book = ActivityEnvironment(), FewLines()
    environment.on_heartbeat = lambda *details: beats.append(details)
    environment.info = replace(environment.info, started_time=NOON)
    await environment.run(BatchActivities(book, files, NothingKnown()).open_batch, opening)

    assert book.started_at == NOON, "by the server's clock: else a worker whose clock is behind hides the run"
    assert len(beats) == told, "the file is of three pieces and a bit; at its end nothing is read"


async def test_reading_a_page_beats(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("order_id,sku,quantity,unit_price\nA1,B,1,1.00\n")
    files, beats = OrderFiles([str(tmp_path)]), list[object]()
    reference = await files.inspect(str(file), mapping=parse_mapping(CONSTANTS))
    request = FilePageRequest(
        batch="b", run="r", file=reference, position=None, page_bytes=100, only_failed=False
    )
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: beats.append(details)
    await environment.run(BatchActivities(FewLines(), files, NothingKnown()).read_page, request)
    assert len(beats) == 3, "once it was read, noted, looked up"
