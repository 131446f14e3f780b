"""Whoever needs several rows of the book takes them in one order, however PostgreSQL finds them."""

import asyncio
from datetime import UTC, datetime

import psycopg
from sqlalchemy import insert
from sqlalchemy.engine import Connection

from order_system.book.reading import submissions_of
from order_system.book.tables import submissions
from order_system.infra.database import Database
from tests.fixtures.shops.stage import PATIENCE_SECONDS
from tests.fixtures.steering.waiting import eventually

BY_INDEX = "?options=-c%20enable_bitmapscan%3Doff%20-c%20enable_seqscan%3Doff"
AS_THEY_LIE = "?options=-c%20enable_indexscan%3Doff%20-c%20enable_seqscan%3Doff"


async def test_two_that_look_at_all_submissions_of_an_order_do_not_wait_for_each_other(
    postgresql_url: str,
) -> None:
    """Both are after the second of three rows: each would have the one that the other needs next."""
    by_index, as_they_lie = Database(postgresql_url + BY_INDEX), Database(postgresql_url + AS_THEY_LIE)
    of_order = {"order_id": "ORDER-001", "fingerprint": "f", "namespace": "default", "status": "failed"}
    rows = [{**of_order, "submission": name, "opened_at": datetime.now(UTC)} for name in ("c", "b", "a")]
    await by_index.write(Connection.execute, insert(submissions), rows)
    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as somebody:
        somebody.execute("SELECT FROM book_submissions WHERE submission = 'b' FOR UPDATE")
        looks = [
            asyncio.create_task(database.write(submissions_of, "ORDER-001"))
            for database in (by_index, as_they_lie)
        ]

        async def both_wait() -> bool:
            waiting = await by_index.read(
                Connection.exec_driver_sql, "SELECT FROM pg_locks WHERE NOT granted"
            )
            return waiting.rowcount == len(looks)

        await eventually(both_wait, PATIENCE_SECONDS, "both to wait for a row")
        somebody.rollback()
        found = await asyncio.wait_for(asyncio.gather(*looks), PATIENCE_SECONDS)
    assert [sorted(each) for each in found] == [["a", "b", "c"]] * 2
    for database in (by_index, as_they_lie):
        await database.dispose()
