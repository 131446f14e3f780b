"""Which ends of orders the receiver of webhooks is still to be told of, on both kinds of database."""

import asyncio

from order_system.book.order_book import SqlOrderBook
from order_system.domain.book import SubmissionStatus
from order_system.domain.order import SubmissionRef
from order_system.infra.database import Database
from tests.fixtures.databases.filled_book import fill, submission

OPEN, FAILED = SubmissionStatus.OPEN, SubmissionStatus.FAILED


async def test_what_may_end_is_announced_once_it_has_and_each_submission_by_itself(
    database: Database,
) -> None:
    book = SqlOrderBook(database)
    again = submission("A", number=2, after=5)
    rows = [submission("A", FAILED), again, submission("B", OPEN), submission("C"), submission("QUIET")]
    await fill(database, rows)
    noted = [*rows[:4], {"order_id": "D", "submission": "never opened"}]
    refs = [
        SubmissionRef(order_id=row["order_id"], submission=row["submission"], fingerprint="") for row in noted
    ]
    await asyncio.gather(*(book.may_end(ref) for ref in refs * 3))  # as of undos side by side

    async def left(order_id: str | None = None) -> list[str]:
        return sorted(each.submission for each in await book.to_announce(order_id))

    assert await left() == ["A-run-1", "A-run-2", "C-run-1"]
    assert await left("A") == ["A-run-1", "A-run-2"]
    [told] = await book.to_announce("C")
    await book.announced(told)
    assert (await left("C"), await left()) == ([], ["A-run-1", "A-run-2"])

    await book.end_forgetting("A", ["A-run-1"])
    assert await left() == ["A-run-2"]
