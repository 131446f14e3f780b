"""One open submission an order: who may open one, and when."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from order_system.book import reading as book_reading
from order_system.book.order_book import SqlOrderBook
from order_system.domain import policy
from order_system.domain.book import Attempt, JournalEntry
from order_system.domain.errors import (
    Fenced,
    OrderConflict,
    PaymentDeclined,
)
from order_system.domain.messages import AlreadyFulfilled, Charged, OlderSubmissionOpen, Opening
from order_system.domain.order import CommitReceipt, DispatchReceipt, Order, PaymentReceipt
from order_system.domain.steps import Effect
from order_system.infra.database import Database
from tests.fixtures.shops.activity_calls import (
    a_submission,
    inventory_request,
    payment_request,
    run_activity,
    shipping_request,
    undo_request,
)
from tests.fixtures.shops.parts import Parts
from tests.fixtures.shops.shop import Accounts, an_order
from tests.fixtures.shops.stage import PATIENCE_SECONDS


async def test_a_second_submission_waits_until_the_first_is_settled(parts: Parts) -> None:
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order, "first"))
    answer = await run_activity(parts.payment.charge, payment_request(order, "second"))
    assert isinstance(answer, OlderSubmissionOpen)
    assert answer.older.submission == "first"
    for undo in (parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order, "first"))
    assert isinstance(await run_activity(parts.payment.charge, payment_request(order, "second")), Charged)
    accounts = Accounts(await parts.world.statement(), order)
    assert (2, order.total) == (accounts.charges, accounts.refunded)


async def test_a_fulfilled_order_answers_its_outcome_and_refuses_other_content(parts: Parts) -> None:
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.buy_label, shipping_request(order))
    await run_activity(parts.shipping.dispatch, shipping_request(order))
    answer = await run_activity(parts.payment.charge, payment_request(order, "second"))
    assert isinstance(answer, AlreadyFulfilled)
    assert answer.outcome.submission == "first"
    other = order.model_copy(update={"payment_method": "pm_other"})
    with pytest.raises(OrderConflict):
        await run_activity(parts.payment.charge, payment_request(other, "third"))
    assert Accounts(await parts.world.statement(), order).charges == 1


async def test_fifty_submissions_at_once_open_one(parts: Parts) -> None:
    order = an_order()
    answers = await asyncio.gather(
        *(run_activity(parts.payment.charge, payment_request(order, f"s{n}")) for n in range(50))
    )
    assert sum(isinstance(answer, Charged) for answer in answers) == 1
    assert len((await parts.world.statement()).charges) == 1


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Between the look of the next attempt to open, and its insert. On SQLite nothing can."""
    look, loop = book_reading.submissions_of, asyncio.get_running_loop()

    def look_away(*args: Any) -> Any:
        monkeypatch.setattr(book_reading, "submissions_of", look)
        seen = look(*args)
        asyncio.run_coroutine_threadsafe(happens(), loop).result(PATIENCE_SECONDS)
        return seen

    monkeypatch.setattr(book_reading, "submissions_of", look_away)


async def test_a_sibling_that_opens_between_look_and_insert_is_found_open(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not taken for one that has come and gone."""
    database = Database(postgresql_url)
    book, order, now = SqlOrderBook(database), an_order(), datetime.now(UTC)
    attempt = Attempt(started_at=now, deadline=now + policy.EFFECT_ATTEMPT, namespace="default")
    sibling, opening = a_submission(order, "sibling"), Opening(total=order.total, currency=order.currency)
    meanwhile(monkeypatch, lambda: book.open_and_claim(sibling, Effect.CHARGE, attempt, opening))
    answer = await book.open_and_claim(a_submission(order, "late"), Effect.CHARGE, attempt, opening)
    assert answer == OlderSubmissionOpen(older=sibling)
    await database.dispose()


async def test_a_zombie_that_has_looked_does_not_open_beside_a_fulfilled_successor(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its look came before its successor opened."""
    database = Database(postgresql_url)
    book, order, now = SqlOrderBook(database), an_order(), datetime.now(UTC)
    attempt = Attempt(started_at=now, deadline=now + policy.EFFECT_ATTEMPT, namespace="default")
    successor, opening = a_submission(order, "successor"), Opening(total=order.total, currency=order.currency)

    async def the_successor_is_fulfilled() -> None:
        await book.open_and_claim(successor, Effect.CHARGE, attempt, opening)
        paid = PaymentReceipt(charge_id="ch_1", amount=order.total, currency=order.currency)
        await book.record(successor, Effect.CHARGE, paid, now)
        await book.claim(successor, Effect.DISPATCH, attempt)
        parcel = DispatchReceipt(carrier="DHL", tracking_number="1")
        await book.fulfil(successor, dispatch=parcel, commit=CommitReceipt(reservation_id="r"), at=now)

    meanwhile(monkeypatch, the_successor_is_fulfilled)
    answer = await book.open_and_claim(a_submission(order, "zombie"), Effect.CHARGE, attempt, opening)
    assert isinstance(answer, AlreadyFulfilled)
    await database.dispose()


async def test_a_zombie_of_a_terminated_submission_does_not_open_after_its_successor(parts: Parts) -> None:
    order = an_order()
    stalled = parts.stage.hold("before open charge")
    # Its worker's attempt began on a clock that has been set back since.
    zombie = asyncio.create_task(
        run_activity(
            parts.payment.charge, payment_request(order, "first"), after=timedelta(hours=1), at_work="second"
        )
    )
    await stalled.reached()
    await came_and_went(parts, order, "second")
    stalled.let_go()
    with pytest.raises(Fenced):
        await asyncio.wait_for(zombie, PATIENCE_SECONDS)
    assert not Accounts(await parts.world.statement(), order).charges
    assert (await parts.audit()).clean


async def came_and_went(parts: Parts, order: Order, submission: str) -> None:
    parts.stage.fail("before charge", lambda: PaymentDeclined("no"), times=1)
    with pytest.raises(PaymentDeclined):
        await run_activity(parts.payment.charge, payment_request(order, submission))
    for undo in (parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order, submission))


async def test_a_submission_opens_though_the_clock_was_set_back_since_the_last_one(parts: Parts) -> None:
    order = an_order()
    await came_and_went(parts, order, "first")
    charge, again = parts.payment.charge, payment_request(order, "second")
    assert isinstance(await run_activity(charge, again, after=-timedelta(seconds=5)), Charged)


async def test_one_that_came_and_went_while_the_server_was_asked_is_asked_about_too(parts: Parts) -> None:
    order, now = an_order(), datetime.now(UTC)
    attempt = Attempt(started_at=now, deadline=now + policy.EFFECT_ATTEMPT, namespace="default")
    opening = Opening(total=order.total, currency=order.currency)
    late = a_submission(order, "late")
    await came_and_went(parts, order, "first")
    seen = await parts.book.open_and_claim(late, Effect.CHARGE, attempt, opening)
    assert seen == {"first"}
    await came_and_went(parts, order, "successor")
    answer = await parts.book.open_and_claim(
        late, Effect.CHARGE, attempt, opening, earlier=frozenset({"first"})
    )
    assert answer == {"first", "successor"}


async def test_two_steps_that_begin_at_once_open_one_submission(database: Database) -> None:
    book, now = SqlOrderBook(database), datetime.now(UTC)
    attempt = Attempt(started_at=now, deadline=now + policy.EFFECT_ATTEMPT, namespace="default")
    for _ in range(10):
        order = an_order()
        ref, opening = a_submission(order), Opening(total=order.total, currency=order.currency)
        effects = (Effect.CHARGE, Effect.RESERVE)
        claimed = await asyncio.gather(
            *(book.open_and_claim(ref, effect, attempt, opening) for effect in effects)
        )
        assert [each.effect for each in claimed if isinstance(each, JournalEntry)] == [*effects]
        assert set(await book.journal(ref)) == {*effects}
