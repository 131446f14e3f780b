"""Lists over the order book, on both kinds of database: what they hold, page by page, and by which index."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from order_system.book.order_book import SqlOrderBook
from order_system.book.pages import cursor_of
from order_system.domain.batch import Fate
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import InvalidUsage, UnknownBatch
from order_system.domain.listing import (
    EVERY_ORDER,
    BatchFilter,
    LineStatus,
    OrderFilter,
    OrderSummary,
    Page,
    Sort,
)
from order_system.domain.steps import Step
from order_system.infra.database import Database
from tests.fixtures.databases.filled_book import BEGAN, SECOND, fill, fill_batch, submission
from tests.fixtures.databases.postgresql import PostgresServer

OPEN, FULFILLED, FAILED = SubmissionStatus.OPEN, SubmissionStatus.FULFILLED, SubmissionStatus.FAILED
CANCELLED, TERMINATED = SubmissionStatus.CANCELLED, SubmissionStatus.TERMINATED
INJECTIONS = ["x' OR WorkflowId!='", "' OR 1=1 --", '"; DROP TABLE book_submissions; --', "%", "_", "\\"]


@pytest.fixture
def listing(database: Database) -> SqlOrderBook:
    return SqlOrderBook(database)


async def all_pages(read: Callable[[str | None], Awaitable[Page[Any]]]) -> list[Any]:
    rows: list[Any] = []
    cursor: str | None = None
    while True:
        page = await read(cursor)
        rows += page.rows
        cursor = page.next
        if cursor is None:
            return rows


def ids(rows: list[OrderSummary] | tuple[OrderSummary, ...]) -> list[str]:
    return [row.order_id for row in rows]


# --- orders ---------------------------------------------------------------------------------------


async def test_the_newest_come_first_and_pages_neither_repeat_nor_lose_a_row(
    database: Database, listing: SqlOrderBook
) -> None:
    # In threes opened at the same moment, so that the ID has to tell them apart.
    await fill(database, [submission(f"O-{n:02}", after=n // 3) for n in range(20)])

    pages = await all_pages(lambda cursor: listing.orders(cursor=cursor, limit=4))

    whole = await listing.orders(limit=200)
    assert ids(pages) == ids(whole.rows) == [f"O-{n:02}" for n in reversed(range(20))]
    assert whole.next is None
    exact = await listing.orders(limit=20)
    assert (len(exact.rows), exact.next) == (20, None)


async def test_pages_lose_no_row_where_a_language_orders_texts(postgres_server: PostgresServer) -> None:
    """Where "c" comes before "D", and to Python does not."""
    with postgres_server.connect() as admin:
        admin.execute("CREATE DATABASE english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'")
    database = Database(postgres_server.url("english"))
    await database.migrate()
    book, names = SqlOrderBook(database), ["a", "B", "c", "D", "O-1", "O1", "O.2", "o2"]
    await fill(database, [submission(name) for name in names[:-2]])
    for only_accepted in names[-2:]:
        await book.accept(only_accepted, "run", BEGAN)

    for wanted, there in (
        (EVERY_ORDER, names),
        (OrderFilter(sort=Sort.OLDEST), names),
        (OrderFilter(sort=Sort.AMOUNT), names[:-2]),
    ):
        pages = await all_pages(lambda cursor, wanted=wanted: book.orders(wanted, cursor=cursor, limit=2))
        assert sorted(ids(pages)) == sorted(there)

    await database.dispose()
    postgres_server.drop("english")


async def test_what_comes_meanwhile_does_not_shift_the_pages(
    database: Database, listing: SqlOrderBook
) -> None:
    await fill(database, [submission(f"O-{n}", after=n) for n in range(4)])
    first = await listing.orders(limit=2)
    await fill(database, [submission("NEW", after=100)])

    second = await listing.orders(cursor=first.next, limit=2)

    assert ids(first.rows + second.rows) == ["O-3", "O-2", "O-1", "O-0"]


async def test_of_each_order_the_submission_that_counts(database: Database, listing: SqlOrderBook) -> None:
    await fill(
        database,
        [
            submission("AGAIN", FAILED, after=0, number=1),
            submission("AGAIN", CANCELLED, after=5, number=2),
            submission("LIVE", TERMINATED, after=9, number=1),  # opened later by a clock that was wrong
            submission("LIVE", OPEN, after=3, number=2),
            submission("DONE", FAILED, after=1, number=1),
            submission("DONE", FULFILLED, after=2, number=2),
            submission("TIE", FAILED, after=4, number=1),
            submission("TIE", CANCELLED, after=4, number=2),
        ],
    )

    rows = (await listing.orders()).rows

    assert [(row.order_id, row.status.value) for row in rows] == [
        ("AGAIN", "cancelled"),
        ("TIE", "cancelled"),
        ("LIVE", "running"),
        ("DONE", "fulfilled"),
    ]
    assert await listing.order_counts() == {OPEN: 1, FULFILLED: 1, CANCELLED: 2, FAILED: 0, TERMINATED: 0}
    assert ids((await listing.orders(OrderFilter(status=FAILED))).rows) == []


async def test_filters(database: Database, listing: SqlOrderBook) -> None:
    await fill(
        database,
        [
            submission("A", FULFILLED, after=0, batch="monday"),
            submission("B", FAILED, after=10, batch="monday"),
            submission("C", FAILED, after=20, batch="tuesday"),
            submission("D", OPEN, after=30, total=None, currency=None),
        ],
    )

    async def found(**wanted: Any) -> list[str]:
        return ids((await listing.orders(OrderFilter(**wanted))).rows)

    assert await found() == ["D", "C", "B", "A"]
    assert await found(status=FAILED) == ["C", "B"]
    assert await found(batch="monday") == ["B", "A"]
    assert await found(batch="monday", status=FAILED) == ["B"]
    assert await found(opened_since=BEGAN + 10 * SECOND, opened_before=BEGAN + 30 * SECOND) == ["C", "B"]
    assert await found(order_ids=["A", "D", "NONE"]) == ["D", "A"]
    assert await found(order_ids=[]) == []
    assert await found(step=Step.PAYMENT) == ["C", "B"]
    assert await found(step=Step.SHIPPING) == []
    assert await found(reason="DECLINED: n") == ["C", "B"]
    assert await found(reason="%") == await found(reason="no\0") == []
    assert await found(currency="USD", batch="monday") == ["B", "A"]
    assert await found(currency="EUR") == []
    for pattern in ("%", "_", "B%", "' OR ''='", "B\0", "\ud800", "x" * 300):
        assert await found(text=pattern) == []
    (failed,) = (await listing.orders(OrderFilter(status=FAILED, batch="monday"))).rows
    assert (failed.batch, failed.total, failed.currency) == ("monday", "1059.97", "USD")
    assert (failed.failed_step, failed.reason) == (Step.PAYMENT, "PaymentDeclined: no")


@pytest.mark.parametrize("sort", Sort)
async def test_every_sorting_is_read_a_page_at_a_time(
    database: Database, listing: SqlOrderBook, sort: Sort
) -> None:
    rows = [submission(f"O-{n:02}", after=n // 3, total=n * 7 % 5, charge_id="same") for n in range(20)]
    await fill(database, rows)
    key: Any = {
        Sort.NEWEST: lambda row: (row["opened_at"], row["order_id"]),
        Sort.OLDEST: lambda row: (row["opened_at"], row["order_id"]),
        Sort.AMOUNT: lambda row: (row["total"], row["opened_at"], row["order_id"]),
    }[sort]
    expected = [row["order_id"] for row in sorted(rows, key=key, reverse=sort is not Sort.OLDEST)]

    for text in (None, "o-", "same"):
        wanted = OrderFilter(text=text, sort=sort)
        pages = await all_pages(lambda cursor, wanted=wanted: listing.orders(wanted, cursor=cursor, limit=4))
        assert ids(pages) == expected
    first = await listing.orders(OrderFilter(sort=sort), limit=4)
    other = Sort.NEWEST if sort is Sort.AMOUNT else Sort.AMOUNT
    with pytest.raises(InvalidUsage):
        await listing.orders(OrderFilter(sort=other), cursor=first.next)


async def test_what_people_write_is_data(database: Database, listing: SqlOrderBook) -> None:
    await fill(database, [submission("A", batch="monday")])

    for given in INJECTIONS:
        assert (await listing.orders(OrderFilter(batch=given))).rows == (), given
        assert (await listing.orders(OrderFilter(order_ids=[given]))).rows == (), given
        assert len((await listing.orders(cursor=cursor_of(BEGAN + SECOND, given))).rows) == 1, given
        with pytest.raises(UnknownBatch):
            await listing.batch_orders(given)
        assert len((await listing.orders()).rows) == 1, given


async def test_what_is_no_cursor_is_told(listing: SqlOrderBook) -> None:
    written = ("x", "!", "e30", "bnVsbA", "W10", "WyIxIl0", "W1tbW1tb" * 60)
    for cursor in (*written, cursor_of("A"), cursor_of("A\0")):
        with pytest.raises(InvalidUsage, match="leave it out to begin at the start"):
            await listing.orders(cursor=cursor)


# --- batches --------------------------------------------------------------------------------------


async def test_a_batch_is_listed_once_by_its_newest_run(database: Database, listing: SqlOrderBook) -> None:
    await fill_batch(database, "monday", [], run="run-1", after=0)
    await fill_batch(database, "monday", [], run="run-2", after=20)
    await fill_batch(database, "tuesday", [], after=10)

    pages = await all_pages(lambda cursor: listing.batches(cursor=cursor, limit=1))

    assert [(batch.name, batch.started_at - BEGAN) for batch in pages] == [
        ("monday", timedelta(seconds=20)),
        ("tuesday", timedelta(seconds=10)),
    ]
    assert pages[0].file == "monday.csv"
    for wanted, name in (
        (BatchFilter(name="MON"), "monday"),
        (BatchFilter(started_since=BEGAN + 15 * SECOND), "monday"),
        (BatchFilter(started_before=BEGAN + 15 * SECOND), "tuesday"),
    ):
        assert [batch.name for batch in (await listing.batches(wanted)).rows] == [name]
    assert (await listing.batches(BatchFilter(name="batch-"))).rows == ()


async def test_a_batchs_orders_stand_as_they_stand_now(database: Database, listing: SqlOrderBook) -> None:
    await fill(
        database,
        [
            submission("A", FULFILLED),
            submission("B", FAILED, number=1),
            submission("B", FULFILLED, number=2, after=5),
            submission("C", OPEN),
            submission("E", FULFILLED),
            submission("F", FAILED),
        ],
    )
    fates = [
        ("A", Fate.SKIP_FULFILLED),
        ("B", Fate.START),
        ("C", Fate.START),
        ("D", None),
        ("E", Fate.CONFLICT),
    ]
    await fill_batch(database, "monday", [("OLD", None)], run="run-0", after=-1)
    await fill_batch(database, "monday", [*fates, ("F", Fate.START)])

    rows = await all_pages(lambda cursor: listing.batch_orders("monday", cursor=cursor, limit=2))

    assert [(row.order_id, row.status.value, row.first_line) for row in rows] == [
        ("A", "fulfilled", 2),
        ("B", "fulfilled", 3),
        ("C", "running", 4),
        ("D", "not_started", 5),
        ("E", "conflict", 6),
        ("F", "failed", 7),
    ]
    for status in LineStatus:
        found = (await listing.batch_orders("monday", status)).rows
        expected = LineStatus.RUNNING if status is LineStatus.NEEDS_ATTENTION else status
        assert [row for row in found if row.status is not expected] == []
    told = {status: len((await listing.batch_orders("monday", status)).rows) for status in LineStatus}
    assert told[LineStatus.FULFILLED] == 2
    assert told[LineStatus.CONFLICT] == told[LineStatus.NOT_STARTED] == told[LineStatus.FAILED] == 1
    few = (await listing.batch_orders("monday", LineStatus.RUNNING, among=["A", "B"])).rows
    assert few == ()

    counted = await listing.batch_counts("batch-monday", "run-1", waiting=["C", "A"])
    assert counted == told | {LineStatus.RUNNING: 0, LineStatus.NEEDS_ATTENTION: 1}
