"""The reconciler's pages of the book, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import Connection

from order_system.book.reconciliation import SqlReconciliationBook
from order_system.book.tables import submissions
from order_system.domain import policy
from order_system.domain.book import Attempt, EffectState, Server
from order_system.domain.errors import AnswerLost
from order_system.domain.messages import Opening
from order_system.domain.order import Order
from order_system.domain.reconciliation import KeyInDoubt, OlderOnes
from order_system.domain.steps import Effect
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

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HERE = Server("default", "1a2b3c4d")


@pytest.fixture
def pages(database: Database) -> SqlReconciliationBook:
    return SqlReconciliationBook(database)


async def opened(parts: Parts, at: datetime, namespace: str = "default") -> Order:
    order = an_order()
    attempt = Attempt(started_at=at, deadline=at, namespace=namespace)
    opening = Opening(total=order.total, currency=order.currency)
    await parts.book.open_and_claim(a_submission(order), Effect.CHARGE, attempt, opening)
    return order


async def left_in_doubt(parts: Parts) -> Order:
    """Neither charge nor reservation was ever answered."""
    order = an_order()
    parts.stage.fail("before charge", lambda: AnswerLost("a time-out"))
    parts.stage.fail("before reserve", lambda: AnswerLost("a time-out"))
    for effect, request in (
        (parts.payment.charge, payment_request(order)),
        (parts.inventory.reserve, inventory_request(order)),
    ):
        with pytest.raises(AnswerLost):
            await run_activity(effect, request)
    for undo in (parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order), after=policy.EFFECT_ATTEMPT)
    return order


async def test_open_submissions_come_in_pages_by_namespace_and_age(
    parts: Parts, pages: SqlReconciliationBook
) -> None:
    old = [await opened(parts, NOW - timedelta(minutes=2)) for _ in range(3)]
    await opened(parts, NOW)
    await opened(parts, NOW - timedelta(minutes=2), namespace="elsewhere")

    async def page(after: str | None) -> list[str]:
        found = await pages.open_submissions(OlderOnes(HERE, NOW - timedelta(minutes=1), after, limit=2))
        return [ref.order_id for ref in found]

    first = await page(None)
    second = await page(first[-1])
    assert [*first, *second] == [order.order_id for order in old]
    assert len(first) == 2
    assert await page(second[-1]) == []


async def test_keys_in_doubt_come_in_pages(parts: Parts, pages: SqlReconciliationBook) -> None:
    orders = [await left_in_doubt(parts) for _ in range(2)]
    found: list[KeyInDoubt] = []
    while True:
        page = await pages.keys_in_doubt(HERE, after=found[-1] if found else None, limit=3)
        found += page
        if len(page) < 3:
            break
    assert [(key.submission.order_id, key.effect) for key in found] == [
        (order.order_id, effect) for order in orders for effect in (Effect.CHARGE, Effect.RESERVE)
    ]
    assert not any(key.has_receipt for key in found)
    assert await pages.keys_in_doubt(Server("elsewhere"), after=None, limit=3) == []


async def test_an_open_submissions_keys_are_left_to_its_workflow(
    parts: Parts, pages: SqlReconciliationBook
) -> None:
    order = an_order()
    parts.stage.fail("before charge", lambda: AnswerLost("a time-out"))
    with pytest.raises(AnswerLost):
        await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.void_shipment, undo_request(order))
    await run_activity(parts.payment.refund, undo_request(order), after=policy.EFFECT_ATTEMPT)
    journal = await parts.book.journal(a_submission(order))
    assert journal[Effect.CHARGE].state == EffectState.IN_DOUBT
    assert await pages.keys_in_doubt(HERE, after=None, limit=3) == []

    await run_activity(parts.inventory.release, undo_request(order))
    assert len(await pages.keys_in_doubt(HERE, after=None, limit=3)) == 1


@pytest.mark.parametrize(
    ("states", "final"),
    [
        ([EffectState.NEVER_HAPPENED, EffectState.UNDONE], EffectState.UNDONE),
        ([EffectState.UNDONE, EffectState.NEVER_HAPPENED], EffectState.UNDONE),
        ([EffectState.NEVER_HAPPENED], EffectState.NEVER_HAPPENED),
    ],
)
async def test_of_two_that_disagree_the_one_that_found_something_is_right(
    parts: Parts, pages: SqlReconciliationBook, states: list[EffectState], final: EffectState
) -> None:
    order = await left_in_doubt(parts)
    charge, _ = await pages.keys_in_doubt(HERE, after=None, limit=3)
    for state in states:
        await pages.end_doubt(charge, state, NOW)
    entry = (await parts.book.journal(a_submission(order)))[Effect.CHARGE]
    assert (entry.state, entry.undo_ended_at) == (final, NOW)
    assert len(await pages.keys_in_doubt(HERE, after=None, limit=3)) == 1


async def test_keys_in_doubt_and_owed_notices_are_adopted_with_the_open_ones(
    parts: Parts, pages: SqlReconciliationBook
) -> None:
    doubtful, owed = await left_in_doubt(parts), await opened(parts, NOW)
    await opened(parts, NOW)
    closed = submissions.update().filter_by(order_id=owed.order_id)
    values = {"status": "fulfilled", "closed_at": NOW, "notice": "owed"}
    await parts.book.database.write(Connection.execute, closed.values(**values))
    new = Server("default", "5eed")
    gone = submissions.update().values(namespace_id="gone", batch="batch-may")
    await parts.book.database.write(Connection.execute, gone)

    [left] = await pages.stranded(new, opened_before=NOW)
    assert (left.server, left.submissions, left.batches) == ("gone", 1, ("may",))
    assert await pages.keys_in_doubt(new, after=None, limit=9) == []

    assert await pages.adopt("gone", new, who="ada@desk-1", note="", at=NOW) == 1

    assert await pages.adopt("gone", new, who="ada@desk-1", note="", at=NOW) is None
    assert await pages.stranded(new, opened_before=NOW) == []
    found = {key.submission.order_id for key in await pages.keys_in_doubt(new, after=None, limit=9)}
    assert found == {doubtful.order_id}
    notices = await pages.owed_notices(OlderOnes(new, NOW, None))
    assert owed.order_id in {notice.submission.order_id for notice in notices}
