"""Why the server refused a batch's order: what runs there counts, not what the book had there before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.engine import Connection

from activities.batch import BatchActivities
from order_system.batches.files import OrderFiles
from order_system.book.batches import SqlBatchBook
from order_system.book.tables import submissions
from order_system.domain.batch import Fate, RefusedStart
from order_system.domain.book import SubmissionStatus
from order_system.infra.database import Database

BATCH, RUN, ORDER = "batch-monday", "run-1", "ORDER-1"
OURS, OTHER = "ours", "other"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class OnServer:
    def __init__(self, fingerprint: str | None) -> None:
        self._fingerprint = fingerprint

    async def fingerprint(self, _order_id: str) -> str | None:
        return self._fingerprint


@pytest.mark.parametrize(
    ("in_book", "on_server", "fate"),
    [
        # An earlier submission had other content, and what runs now has not opened in the book yet.
        ([(OTHER, SubmissionStatus.FAILED)], OURS, Fate.SKIP_RUNNING),
        ([(OTHER, SubmissionStatus.OPEN)], OURS, Fate.SKIP_RUNNING),
        # The reverse: our content has failed before, or was terminated, and other content runs now.
        ([(OURS, SubmissionStatus.FAILED)], OTHER, Fate.CONFLICT),
        ([(OURS, SubmissionStatus.OPEN)], OTHER, Fate.CONFLICT),
        ([], OURS, Fate.SKIP_RUNNING),
        ([], OTHER, Fate.CONFLICT),
        ([], "", Fate.CONFLICT),
        # It ended while we looked, as fulfilled or not at all as our own.
        ([(OURS, SubmissionStatus.FULFILLED)], OURS, Fate.SKIP_FULFILLED),
        ([(OURS, SubmissionStatus.FULFILLED), (OTHER, SubmissionStatus.FAILED)], None, Fate.SKIP_FULFILLED),
        ([(OTHER, SubmissionStatus.FULFILLED)], OURS, Fate.CONFLICT),
        ([(OTHER, SubmissionStatus.FAILED)], None, Fate.SKIP_RUNNING),
    ],
)
async def test_what_runs_under_the_id_decides(
    sqlite_database: Database,
    tmp_path: Path,
    in_book: list[tuple[str, SubmissionStatus]],
    on_server: str | None,
    fate: Fate,
) -> None:
    book = SqlBatchBook(sqlite_database)
    noted: Any = SimpleNamespace(order_id=ORDER, first_line=2, last_line=2)
    await book.note_orders(BATCH, RUN, [noted])
    for at, (fingerprint, status) in enumerate(in_book):
        row = {
            "order_id": ORDER,
            "submission": f"submission-{at}",
            "fingerprint": fingerprint,
            "namespace": "default",
            "status": status,
            "opened_at": NOW + timedelta(seconds=at),
        }
        await sqlite_database.write(Connection.execute, insert(submissions).values(row))
    activities = BatchActivities(book, OrderFiles([str(tmp_path)]), OnServer(on_server))

    decided = await activities.decide_refused(
        RefusedStart(batch=BATCH, run=RUN, order_id=ORDER, fingerprint=OURS)
    )

    assert decided.fate is fate
    assert (await book.fates(BATCH, RUN, [ORDER]))[ORDER][1] is fate
