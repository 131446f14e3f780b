"""A newer version has written into the book, and an older one, this one, is started again."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, text, update

from order_system.book.listing import SqlOrderListing
from order_system.book.order_book import SqlOrderBook
from order_system.book.tables import effects, submissions
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import DatabaseUnready, NewerBook
from order_system.domain.messages import UndoResult
from order_system.domain.order import SubmissionRef
from order_system.infra.database import Database
from tests.fixtures.shops.activity_calls import (
    a_submission,
    inventory_request,
    payment_request,
    run_activity,
    undo_request,
)
from tests.fixtures.shops.parts import Parts
from tests.fixtures.shops.shop import an_order

A_FURTHER_MIGRATION = (
    "ALTER TABLE book_effects ADD COLUMN wrapped_by VARCHAR(16)",
    "CREATE TABLE book_gifts (order_id VARCHAR(64) PRIMARY KEY)",
    "UPDATE alembic_version SET version_num = '9999'",
)


async def migrated_further(database: Database, *and_then: str) -> None:
    for statement in (*A_FURTHER_MIGRATION, *and_then):
        await database.write(Connection.execute, text(statement))


async def write_unknown(database: Database, ref: SubmissionRef, what: str) -> None:
    """As a newer version would."""
    key = {"order_id": ref.order_id, "submission": ref.submission}
    statement: Any
    if what == "gift_wrap":
        statement = insert(effects).values(**key, effect="gift_wrap", state="done", attempts=1)
    elif what == "parked":
        statement = update(effects).filter_by(**key, effect="charge").values(state="parked")
    else:
        statement = update(submissions).filter_by(**key).values(status=what)
    await database.write(Connection.execute, statement)


async def test_tables_that_have_only_grown_are_worked_with(database: Database, parts: Parts) -> None:
    await migrated_further(database)
    await database.prepare()
    await database.migrate()
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    assert (await parts.book.find([order.order_id]))[order.order_id].status is SubmissionStatus.OPEN


async def test_tables_that_say_they_need_a_newer_program_are_refused(database: Database) -> None:
    await migrated_further(database, "UPDATE book_identity SET readable_from = '9999'")
    for use in (database.prepare, database.migrate):
        with pytest.raises(DatabaseUnready, match=r"newer version .* revision 9999 or later"):
            await use()


@pytest.mark.parametrize("what", ["gift_wrap", "parked", "frozen"])
async def test_what_is_not_known_is_refused_and_never_passed_over(
    database: Database, parts: Parts, what: str
) -> None:
    order = an_order()
    ref = a_submission(order)
    await run_activity(parts.payment.charge, payment_request(order))
    await write_unknown(database, ref, what)

    for attempt in (
        run_activity(parts.inventory.reserve, inventory_request(order)),
        run_activity(parts.shipping.void_shipment, undo_request(order)),
        parts.book.ledger(),
    ):
        with pytest.raises(NewerBook, match=f"'{what}'"):
            await attempt
    statement = await parts.world.statement()
    assert statement.reservations == ()
    assert [charge.refunded for charge in statement.charges] == [0]

    listing = SqlOrderListing(database)
    shown = listing.orders() if what == "frozen" else parts.book.journal(ref)
    with pytest.raises(NewerBook, match=f"'{what}'"):
        await shown


async def test_a_submission_is_not_closed_over_an_effect_that_may_hold_something(
    database: Database, parts: Parts
) -> None:
    """It came while the refund was under way."""
    order = an_order()
    ref, book = a_submission(order), SqlOrderBook(database)
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.shipping.void_shipment, undo_request(order))
    refunded = parts.stage.hold("after refund")
    refund = run_activity(parts.payment.refund, undo_request(order))

    async def wrap() -> None:
        await refunded.reached()
        await write_unknown(database, ref, "gift_wrap")
        refunded.let_go()

    with pytest.raises(NewerBook):
        await asyncio.gather(refund, wrap())
    await database.write(Connection.execute, delete(effects).where(effects.c.effect == "gift_wrap"))
    assert (await book.find([order.order_id]))[order.order_id].status is SubmissionStatus.OPEN
    again = await run_activity(parts.payment.refund, undo_request(order))
    assert again.result == UndoResult.UNDONE
    assert (await book.find([order.order_id]))[order.order_id].status is SubmissionStatus.FAILED
