"""By which index each list is read."""

from typing import Any

import pytest
from sqlalchemy import Connection, Select, text
from sqlalchemy.dialects import postgresql, sqlite

from order_system.book.batches import batch_orders_query
from order_system.book.listing import orders_queries
from order_system.domain.book import SubmissionStatus
from order_system.domain.listing import (
    EVERY_ORDER,
    LineStatus,
    OrderFilter,
    Sort,
)
from order_system.domain.search import Kind, Meaning
from order_system.infra.database import Database
from tests.fixtures.databases.filled_book import BEGAN

FAILED = SubmissionStatus.FAILED
AFTER = (BEGAN, "A")
PART = Meaning(Kind.PART_OF_ID, "a")
AMOUNT = Meaning(Kind.AMOUNT, amount=5, currencies=frozenset({"EUR", "USD"}))


def of_orders(
    wanted: OrderFilter, meaning: Meaning | None = None, *, after: Any = None, accepted: bool = False
) -> Select[Any]:
    opened, only_accepted = orders_queries(wanted, meaning and [meaning], after=after, limit=50)
    return only_accepted if accepted else opened


QUERIES: dict[str, tuple[Select[Any], str]] = {
    "all orders": (of_orders(EVERY_ORDER), "book_by_time"),
    "accepted ones": (of_orders(EVERY_ORDER, accepted=True), "book_accepted_by_time"),
    "a later page": (of_orders(EVERY_ORDER, after=AFTER), "book_by_time"),
    "the oldest first": (of_orders(OrderFilter(sort=Sort.OLDEST), after=AFTER), "book_by_time"),
    "the largest first": (of_orders(OrderFilter(sort=Sort.AMOUNT), after=(5, *AFTER)), "book_by_amount"),
    "of one status": (of_orders(OrderFilter(status=FAILED), after=AFTER), "book_by_status"),
    "of one batch": (of_orders(OrderFilter(batch="monday"), after=AFTER), "book_by_batch"),
    "of a currency": (of_orders(OrderFilter(currency="CHF"), after=AFTER), "book_by_currency"),
    "of a time": (of_orders(OrderFilter(opened_since=BEGAN)), "book_by_time"),
    "a part of an ID": (of_orders(EVERY_ORDER, PART), "book_by_time"),
    "an amount": (of_orders(EVERY_ORDER, AMOUNT, after=AFTER), "book_by_amount"),
    "an e-mail": (of_orders(EVERY_ORDER, Meaning(Kind.EMAIL, "h"), after=AFTER), "book_by_email"),
    "a batch's orders": (
        batch_orders_query("batch-monday", "run", None, after="A", limit=50),
        "sqlite_autoindex_book_batch_orders_1",
    ),
    "of these one status": (
        batch_orders_query("batch-monday", "run", LineStatus.FAILED, after="", limit=50),
        "sqlite_autoindex_book_batch_orders_1",
    ),
    "of these not started": (
        batch_orders_query("batch-monday", "run", LineStatus.NOT_STARTED, after="", limit=50),
        "sqlite_autoindex_book_batch_orders_1",
    ),
}


async def plan_of(database: Database, query: Select[Any]) -> list[str]:
    statement = str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))

    def explained(tx: Connection) -> list[str]:
        return [row.detail for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]

    return await database.read(explained)


@pytest.mark.parametrize("name", QUERIES)
async def test_every_list_walks_an_index_and_sorts_nothing(sqlite_database: Database, name: str) -> None:
    query, index = QUERIES[name]
    plan = await plan_of(sqlite_database, query)

    assert any(index in step for step in plan), plan
    assert [step for step in plan if step.startswith("SCAN book_") and "USING" not in step] == [], plan
    assert [step for step in plan if "TEMP B-TREE" in step] == [], plan


@pytest.mark.parametrize("status", [LineStatus.NOT_STARTED, LineStatus.CANCELLED])
async def test_the_few_of_a_large_batch_are_found_by_an_anti_join(
    postgresql_url: str, status: LineStatus
) -> None:
    """Of 200,000 orders, too. With a look for the submission that counts, at each, it took seconds."""
    query = batch_orders_query("batch-monday", "run", status, after="", limit=50)
    statement = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    database = Database(postgresql_url)

    def explained(tx: Connection) -> list[str]:
        return [row[0] for row in tx.execute(text(f"EXPLAIN {statement}"))]

    plan = await database.read(explained)
    await database.dispose()
    assert any("Anti Join" in step for step in plan), plan
    assert not any("SubPlan" in step for step in plan), plan


@pytest.mark.parametrize(
    ("kind", "index"), [(Kind.CHARGE_ID, "book_by_charge"), (Kind.TRACKING_NUMBER, "book_by_tracking")]
)
async def test_what_gateways_say_is_looked_up(sqlite_database: Database, kind: Kind, index: str) -> None:
    plan = await plan_of(sqlite_database, of_orders(EVERY_ORDER, Meaning(kind, "x")))
    assert f"SEARCH book_submissions USING INDEX {index} ({kind}=?)" in plan
