"""Money at risk, from the order book alone and with the server's word, on both kinds of database."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects import sqlite

from order_system.book.standing import SqlStanding, in_doubt_query, open_query
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.steps import Effect
from order_system.infra.database import Database
from tests.fixtures.databases.filled_book import BEGAN, SECOND, effect, fill, submission

OPEN, FAILED = SubmissionStatus.OPEN, SubmissionStatus.FAILED
DOUBT, UNDONE, NEVER = EffectState.IN_DOUBT, EffectState.UNDONE, EffectState.NEVER_HAPPENED
YEN = {"currency": "JPY", "total": 500}


def entry(order_id: str, name: Effect, **changes: Any) -> dict[str, Any]:
    """Rows that are written together have the same columns."""
    return effect(order_id, name, **{"fenced_at": None, "undo_ended_at": None, **changes})


async def test_what_was_taken_and_is_not_dispatched(database: Database) -> None:
    late, soon = BEGAN - 40 * SECOND, BEGAN - SECOND
    await fill(
        database,
        [
            *(
                submission(name, OPEN)
                for name in ("UNDER-WAY", "HELD", "STUCK", "UNDOING", "AUTHORISED", "GONE")
            ),
            *(submission(name, OPEN) for name in ("ASKED", "VOID-STUCK", "CAPTURED")),
            submission("YEN", OPEN, **YEN),
            submission("DOUBT", FAILED),
            submission("UNDONE", FAILED),
            submission("NEVER-OPENED", FAILED, total=None, currency=None),
            submission("DONE"),
        ],
        [
            *(
                entry(name, Effect.CHARGE, takes=1)
                for name in (
                    "UNDER-WAY",
                    "HELD",
                    "YEN",
                    "AUTHORISED",
                    "GONE",
                    "VOID-STUCK",
                    "CAPTURED",
                    "DONE",
                )
            ),
            entry("STUCK", Effect.CHARGE, takes=1, fenced_at=late),
            entry("UNDOING", Effect.CHARGE, takes=1, fenced_at=soon),
            entry("AUTHORISED", Effect.CAPTURE, takes=None),
            entry("CAPTURED", Effect.CAPTURE, takes=1),
            entry("GONE", Effect.DISPATCH, takes=1),
            entry("ASKED", Effect.CHARGE, takes=None),
            entry("VOID-STUCK", Effect.LABEL, takes=1, fenced_at=late),
            entry("DOUBT", Effect.CHARGE, takes=None, state=DOUBT, fenced_at=late, undo_ended_at=soon),
            entry("DOUBT", Effect.RESERVE, takes=None, state=DOUBT, fenced_at=late, undo_ended_at=soon),
            entry("UNDONE", Effect.CHARGE, takes=1, state=UNDONE, fenced_at=late, undo_ended_at=soon),
            entry("NEVER-OPENED", Effect.CHARGE, takes=None, state=NEVER, fenced_at=late, undo_ended_at=soon),
        ],
    )

    standing = await SqlStanding(database).standing(stuck_before=BEGAN - 30 * SECOND)

    assert {order.order_id: order.why for order in standing.charged} == {
        "UNDER-WAY": "charged",
        "HELD": "charged",
        "YEN": "charged",
        "UNDOING": "charged",
        "CAPTURED": "charged",
        "STUCK": "undo_stuck",
        "VOID-STUCK": "undo_stuck",
        "DOUBT": "in_doubt",
    }
    assert standing.open_orders == 10
    assert standing.in_doubt == {"charge": 1, "reserve": 1}
    usd = 105_997
    assert standing.at_risk({"HELD", "STUCK"}, BEGAN + timedelta(minutes=5)) == {
        ("charged", "USD", "10m"): (3, 3 * usd),
        ("charged", "JPY", "10m"): (1, 500),
        ("held", "USD", "10m"): (1, usd),
        ("undo_stuck", "USD", "10m"): (2, 2 * usd),
        ("in_doubt", "USD", "10m"): (1, usd),
    }
    aged = standing.at_risk((), BEGAN + timedelta(days=400))
    assert {age for _, _, age in aged} == {"more"}


async def test_the_pulse_of_a_time_counts_each_order_in_its_part(database: Database) -> None:
    await fill(
        database,
        [
            submission("BEFORE", after=-1),
            submission("FIRST"),
            submission("FAILED", FAILED, after=9, closed_at=BEGAN + 12 * SECOND),
            submission("NEXT", after=10, closed_at=BEGAN + 12 * SECOND),
            submission("OPEN", OPEN, after=19),
            submission("AFTER", after=30),
        ],
    )

    pulse = await SqlStanding(database).pulse(BEGAN, BEGAN + 30 * SECOND, parts=3)

    assert [(part.began, part.counts, part.durations_ms) for part in pulse] == [
        (BEGAN, {SubmissionStatus.FULFILLED: 1, FAILED: 1}, [1_000, 3_000]),
        (BEGAN + 10 * SECOND, {SubmissionStatus.FULFILLED: 1, OPEN: 1}, [2_000]),
        (BEGAN + 20 * SECOND, {}, []),
    ]


async def test_closed_orders_are_not_looked_through(sqlite_database: Database) -> None:
    def explained(tx: Connection, statement: str) -> list[str]:
        return [row.detail for row in tx.execute(text(f"EXPLAIN QUERY PLAN {statement}"))]

    for query, index in ((open_query(BEGAN), "book_by_status"), (in_doubt_query(), "book_in_doubt")):
        statement = str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
        plan = await sqlite_database.read(explained, statement)
        assert index in plan[0] or "book_one_live" in plan[0], plan
        assert [step for step in plan if step.startswith("SCAN book_") and "USING" not in step] == [], plan
