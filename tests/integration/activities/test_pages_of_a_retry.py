"""What a retry starts: also what an earlier run of its batch was to start, and never did."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.batch import BatchActivities
from order_system.batches.files import OrderFiles
from order_system.book.batches import SqlBatchBook
from order_system.domain import policy
from order_system.domain.batch import Fate, FilePageRequest
from order_system.infra.database import Database
from tests.fixtures.shops.batch_shop import row, write_orders

BATCH = "batch-monday"


class NobodyAsked:
    async def fingerprint(self, order_id: str) -> str | None:
        raise AssertionError("a page asks the book alone")


async def test_it_starts_what_never_began_but_not_what_no_run_has_read(
    sqlite_database: Database, tmp_path: Path
) -> None:
    book, files = SqlBatchBook(sqlite_database), OrderFiles([str(tmp_path)])
    # An older version's retry has passed the lost order over; another batch has to do with neither.
    for batch, run, order_id, fate in [
        (BATCH, "run-1", "LOST", Fate.START),
        (BATCH, "run-2", "LOST", Fate.NOT_ASKED_FOR),
        ("batch-tuesday", "run-1", "UNREAD", Fate.START),
    ]:
        noted: Any = SimpleNamespace(order_id=order_id, first_line=2, last_line=2)
        await book.note_orders(batch, run, [noted])
        await book.note_fates(batch, run, {order_id: fate})
    file = write_orders(tmp_path / "orders.csv", [row("LOST"), row("UNREAD")])
    request = FilePageRequest(
        batch=BATCH,
        run="run-3",
        file=await files.inspect(str(file)),
        position=None,
        page_bytes=policy.BATCH_PAGE_BYTES,
        only_failed=True,
    )
    activities = BatchActivities(book, files, NobodyAsked())
    page = await ActivityEnvironment().run(activities.read_page, request)
    again = await ActivityEnvironment().run(activities.read_page, request)

    assert [order.order_id for order in page.start] == ["LOST"]
    assert page == again
    fates = await book.fates(BATCH, "run-3", ["LOST", "UNREAD"])
    assert {order_id: fate for order_id, (_, fate) in fates.items()} == {
        "LOST": Fate.START,
        "UNREAD": Fate.NOT_ASKED_FOR,
    }
