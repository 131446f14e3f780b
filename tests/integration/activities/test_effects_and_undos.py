"""Effects and undos, attempt by attempt: the races that a server cannot be made to play."""

import asyncio
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock

import pytest
from temporalio.exceptions import ApplicationError

from activities.attempts import retried_always
from order_system.domain import policy
from order_system.domain.book import Attempt, EffectState, Server, SubmissionStatus
from order_system.domain.errors import (
    AnswerLost,
    BookTooLate,
    Fenced,
    NotYetVoided,
    PaymentDeclined,
)
from order_system.domain.messages import Charged, UndoResult
from order_system.domain.steps import Effect
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

A_LATER_MOMENT = policy.EFFECT_ATTEMPT + timedelta(seconds=1)


async def test_a_charge_asked_for_twice_is_made_once(parts: Parts) -> None:
    order = an_order()
    first = await run_activity(parts.payment.charge, payment_request(order))
    second = await run_activity(parts.payment.charge, payment_request(order))
    assert isinstance(first, Charged)
    assert first == second
    assert parts.stage.calls["before charge"] == 1, "a recorded effect is never asked for again"


async def test_two_attempts_at_once_charge_once(parts: Parts) -> None:
    order = an_order()
    answers = await asyncio.gather(
        *(run_activity(parts.payment.charge, payment_request(order)) for _ in range(5))
    )
    assert len({answer.receipt.charge_id for answer in answers}) == 1
    assert len((await parts.world.statement()).charges) == 1


async def test_a_charge_that_claims_after_the_fence_is_refused(parts: Parts) -> None:
    """The zombie: stalled before its claim until everything has been undone."""
    order = an_order()
    stalled = parts.stage.hold("before open charge")
    charge = asyncio.create_task(run_activity(parts.payment.charge, payment_request(order)))
    await stalled.reached()
    for undo in (parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order))
    stalled.let_go()
    with pytest.raises(Fenced):
        await asyncio.wait_for(charge, PATIENCE_SECONDS)
    assert Accounts(await parts.world.statement(), order).charges == 0
    assert (await parts.audit()).clean


async def test_nothing_found_is_not_final_while_an_attempt_is_unanswered(parts: Parts) -> None:
    """The charge is at the gateway when the undo looks for it, and lands afterwards."""
    order = an_order()
    on_its_way = parts.stage.hold("before charge")
    charge = asyncio.create_task(run_activity(parts.payment.charge, payment_request(order)))
    await on_its_way.reached()
    await run_activity(parts.shipping.void_shipment, undo_request(order))
    await run_activity(parts.inventory.release, undo_request(order))
    with pytest.raises(ApplicationError, match="may still land") as too_early:
        await run_activity(parts.payment.refund, undo_request(order))
    assert too_early.value.next_retry_delay is not None
    assert timedelta(0) < too_early.value.next_retry_delay <= policy.EFFECT_ATTEMPT

    on_its_way.let_go()
    with pytest.raises(Fenced):
        await asyncio.wait_for(charge, PATIENCE_SECONDS)
    answer = await run_activity(parts.payment.refund, undo_request(order))
    assert answer.result == UndoResult.UNDONE
    assert order.total == Accounts(await parts.world.statement(), order).refunded
    assert (await parts.audit()).clean


async def test_after_its_deadline_an_unanswered_attempt_stays_in_doubt(parts: Parts) -> None:
    order = an_order()
    parts.stage.fail("before charge", lambda: AnswerLost("a time-out"))
    with pytest.raises(AnswerLost):
        await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.shipping.void_shipment, undo_request(order))
    await run_activity(parts.inventory.release, undo_request(order))
    answer = await run_activity(parts.payment.refund, undo_request(order), after=A_LATER_MOMENT)
    assert answer.result == UndoResult.NOTHING_TO_UNDO
    journal = await parts.book.journal(a_submission(order))
    assert journal[Effect.CHARGE].state == EffectState.IN_DOUBT
    record = (await parts.book.find([order.order_id]))[order.order_id]
    assert record.status == SubmissionStatus.FAILED
    report = await parts.audit()
    assert report.clean
    assert report.in_doubt, "what is in doubt is listed"


async def test_a_definite_no_is_not_stored_and_leaves_no_doubt(parts: Parts) -> None:
    order = an_order()
    parts.stage.fail("before charge", lambda: PaymentDeclined("no"), times=1)
    with pytest.raises(PaymentDeclined):
        await run_activity(parts.payment.charge, payment_request(order))
    assert (await parts.book.journal(a_submission(order)))[Effect.CHARGE].unanswered == 0
    assert isinstance(await run_activity(parts.payment.charge, payment_request(order)), Charged)


@pytest.mark.parametrize("undo", ["refund", "release"])
async def test_stock_and_money_are_refused_before_shippings_answer(parts: Parts, undo: str) -> None:
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    activity = parts.payment.refund if undo == "refund" else parts.inventory.release
    with pytest.raises(NotYetVoided):
        await run_activity(activity, undo_request(order))
    accounts = Accounts(await parts.world.statement(), order)
    assert (accounts.refunded, accounts.reservations) == (0, ["reserved"])


async def test_an_undo_begins_when_it_fences_not_when_its_attempt_was_started(parts: Parts) -> None:
    """An attempt that waits for the database while shipping answers did not overtake the cause."""
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    waiting = parts.stage.hold("before fence")
    refund = asyncio.create_task(run_activity(parts.payment.refund, undo_request(order)))
    await waiting.reached()
    for undo in (parts.shipping.void_shipment, parts.inventory.release):
        await run_activity(undo, undo_request(order))
    waiting.let_go()
    await asyncio.wait_for(refund, PATIENCE_SECONDS)
    assert (await parts.audit()).clean


async def test_the_last_undo_closes_the_submission_whichever_it_is(parts: Parts) -> None:
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.void_shipment, undo_request(order))

    async def status() -> SubmissionStatus:
        return (await parts.book.find([order.order_id]))[order.order_id].status

    await run_activity(parts.payment.refund, undo_request(order))
    assert await status() == SubmissionStatus.OPEN
    await run_activity(parts.inventory.release, undo_request(order))
    assert await status() == SubmissionStatus.FAILED
    assert (await parts.audit()).clean


@pytest.mark.parametrize("lost", ["dispatch", "commit", "fulfil"])
async def test_the_undo_of_a_dispatched_parcel_finishes_the_order(parts: Parts, lost: str) -> None:
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.buy_label, shipping_request(order))
    parts.stage.answer_lost(lost, times=1)
    with pytest.raises(AnswerLost):
        await run_activity(parts.shipping.dispatch, shipping_request(order))

    answer = await run_activity(parts.shipping.void_shipment, undo_request(order))
    assert answer.result == UndoResult.ALREADY_DISPATCHED
    assert order.total == answer.payment.amount
    Accounts(await parts.world.statement(), order).assert_fulfilled(order)
    assert (await parts.book.outcome(order.order_id)) is not None
    assert (await parts.audit()).clean


async def test_a_void_that_overtakes_the_label_binds_it(parts: Parts) -> None:
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    on_its_way = parts.stage.hold("before buy_label")
    label = asyncio.create_task(run_activity(parts.shipping.buy_label, shipping_request(order)))
    await on_its_way.reached()
    for undo in (parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order))
    on_its_way.let_go()
    with pytest.raises(Exception, match=r"void|undone"):
        await asyncio.wait_for(label, PATIENCE_SECONDS)
    assert set(Accounts(await parts.world.statement(), order).shipments) <= {"voided"}
    assert (await parts.audit()).clean


@pytest.mark.parametrize("undo", ["void_shipment", "release", "refund"])
async def test_an_undo_done_twice_gives_the_same_result(parts: Parts, undo: str) -> None:
    order = an_order()
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.buy_label, shipping_request(order))
    activities = [parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund]
    first = [await run_activity(activity, undo_request(order)) for activity in activities]
    again = await run_activity(next(a for a in activities if a.__name__ == undo), undo_request(order))
    assert again.result == {"void_shipment": first[0], "release": first[1], "refund": first[2]}[undo].result
    assert order.total == Accounts(await parts.world.statement(), order).refunded


async def test_a_call_is_not_begun_after_its_attempt_has_run_out(parts: Parts) -> None:
    """The claim was granted late, by a locked database: an undo may already have found nothing."""
    order = an_order()
    with pytest.raises(BookTooLate):
        await run_activity(parts.payment.charge, payment_request(order), limit=timedelta(microseconds=1))
    assert not parts.stage.calls["before charge"]
    charge = (await parts.book.journal(a_submission(order)))[Effect.CHARGE]
    assert (charge.unanswered, charge.claims_in_run) == (0, 0), "held against the gateway"


async def test_nor_is_an_undos_which_is_not_even_made() -> None:
    """One that is made, and never awaited, Python tells of on the terminal."""
    call, now = AsyncMock(), datetime.now(UTC)
    with pytest.raises(BookTooLate):
        await retried_always(call, Attempt(started_at=now, deadline=now, namespace="default"))
    call.assert_not_called()


async def test_a_server_whose_clock_is_set_back_before_stock_and_money_come_back(parts: Parts) -> None:
    order, back = an_order(), -timedelta(minutes=5)
    await run_activity(parts.payment.charge, payment_request(order))
    await run_activity(parts.inventory.reserve, inventory_request(order))
    await run_activity(parts.shipping.void_shipment, undo_request(order))
    for undo in (parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order), after=back, limit=timedelta(hours=1))
    assert (await parts.audit()).clean


@pytest.mark.parametrize("lands_first", [False, True])
async def test_what_lands_when_it_is_written_off_is_given_back_all_the_same(
    parts: Parts, lands_first: bool
) -> None:
    """Its worker stood still for longer than anybody asked about its key."""

    async def lands() -> None:
        stalled.let_go()
        await asyncio.wait([charge], timeout=PATIENCE_SECONDS)
        assert isinstance(charge.exception(), Fenced)

    order, here = an_order(), Server("default")
    stalled = parts.stage.hold("before charge")
    charge = asyncio.create_task(run_activity(parts.payment.charge, payment_request(order)))
    await stalled.reached()
    for undo in (parts.shipping.void_shipment, parts.inventory.release, parts.payment.refund):
        await run_activity(undo, undo_request(order), after=A_LATER_MOMENT)
    [key] = await parts.book.keys_in_doubt(here, after=None, limit=2)
    if lands_first:
        await lands()
    await parts.book.end_doubt(key, EffectState.NEVER_HAPPENED, datetime.now(UTC))
    if not lands_first:
        assert await parts.book.keys_in_doubt(here, after=None, limit=2) == []
        await lands()
    [late] = await parts.book.keys_in_doubt(here, after=None, limit=2)
    assert late.has_receipt
    assert (late.submission.order_id, late.effect) == (order.order_id, Effect.CHARGE)
