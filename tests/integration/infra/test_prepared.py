"""What is prepared does what `Connection.execute` does, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError, InvalidRequestError, OperationalError

from order_system.book.tables import effects, submissions
from order_system.domain.book import EffectState
from order_system.domain.steps import Effect
from order_system.infra.database import Database, Prepared

NOON = datetime(2026, 11, 29, 12, 0, 0, 250, tzinfo=UTC)
IN_PARIS = NOON.astimezone(timezone(timedelta(hours=1)))
RECEIPT = {"charge_id": "ch_1", "amount": 1999, "note": "50 % of 'ü'"}
KEY = {"order_id": "A:1", "submission": "100%"}

NEW_SUBMISSION = Prepared(insert(submissions))
NEW_ENTRY = Prepared(insert(effects).returning(effects.c.effect, effects.c.attempts))
ENTRIES = select(effects).filter_by(order_id=bindparam("order_id")).order_by(effects.c.effect)
DONE = Prepared(
    update(effects)
    .where(effects.c.effect == bindparam("of_effect"), effects.c.state == EffectState.CLAIMED)
    .values(attempts=effects.c.attempts + 1)
)
OPENED: dict[str, Any] = KEY | {
    "fingerprint": "secret",
    "namespace": "n",
    "status": "open",
    "opened_at": IN_PARIS,
}


def open_it(tx: Connection) -> None:
    NEW_SUBMISSION.changes(tx, OPENED)


async def test_rows_values_and_counts_are_those_of_sqlalchemy(database: Database) -> None:
    def work(tx: Connection) -> tuple[list[Row[Any]], list[Row[Any]]]:
        open_it(tx)
        entry = KEY | {"effect": Effect.CHARGE, "state": EffectState.CLAIMED}
        assert NEW_ENTRY.rows(tx, entry) == [("charge", 0)]
        stamped = {"effect": Effect.RESERVE, "claimed_at": IN_PARIS, "receipt": RECEIPT, "attempts": 7}
        assert NEW_ENTRY.row(tx, entry | stamped) == ("reserve", 7)
        change = {"of_effect": Effect.CHARGE, "state": EffectState.DONE, "done_at": NOON, "receipt": RECEIPT}
        assert [DONE.changes(tx, change) for _ in range(2)] == [1, 0]
        assert DONE.changes(tx, {"of_effect": Effect.RESERVE, "receipt": None}) == 1
        assert Prepared(ENTRIES).row(tx, {"order_id": "none"}) is None
        with pytest.raises(InvalidRequestError, match="required"):
            Prepared(ENTRIES).rows(tx, {})
        return Prepared(ENTRIES).rows(tx, KEY), list(tx.execute(ENTRIES, KEY).all())

    ours, theirs = await database.write(work)
    assert ours == theirs
    charge, reserve = ours
    assert (charge.state, charge.attempts, charge.done_at, charge.receipt) == ("done", 1, NOON, RECEIPT)
    assert (reserve.claimed_at, reserve.claimed_at.tzinfo, reserve.receipt) == (NOON, UTC, None)
    assert (reserve.attempts, reserve.unanswered, reserve.round) == (8, 0, 0)


async def test_what_the_database_refuses_is_refused_as_by_sqlalchemy(database: Database) -> None:
    def twice(tx: Connection) -> None:
        open_it(tx)
        open_it(tx)

    with pytest.raises(IntegrityError) as refused:
        await database.write(twice)
    assert "[SQL: INSERT INTO book_submissions" in str(refused.value)
    assert "secret" not in str(refused.value)
    await database.write(open_it)  # nothing of it was left


async def test_a_lost_connection_is_not_used_again(postgresql_url: str) -> None:
    database = Database(postgresql_url)

    def lose_it(tx: Connection) -> None:
        ours = tx.scalar(text("SELECT pg_backend_pid()"))
        with psycopg.connect(postgresql_url.replace("+psycopg", "")) as somebody:
            somebody.execute("SELECT pg_terminate_backend(%s, 10000)", [ours])
        open_it(tx)

    with pytest.raises(OperationalError) as lost:
        await database.write(lose_it)
    assert lost.value.connection_invalidated
    await database.write(open_it)
    await database.dispose()
