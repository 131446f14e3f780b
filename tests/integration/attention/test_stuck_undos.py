"""A stuck undo is tried again at once, or handled by a person."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RetryPolicy

from order_system.book.tables import effects
from order_system.domain import policy
from order_system.domain.answers import (
    AnsweredAs,
    AnswerResult,
    ParcelFate,
    Remedy,
)
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.errors import NewerBook, ShippingRefused
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.progress import UndoState
from order_system.domain.steps import Effect, Step
from order_system.infra.database import Database
from tests.fixtures.shops.shop import Handle, Shop, an_order
from tests.fixtures.shops.stuck import (
    UNDOS,
    WAIT_SECONDS,
    an_order_stuck_at,
    answers,
    ended,
    journal,
    resolution,
    resolve,
    status_in_book,
    stuck,
)
from tests.fixtures.steering.resets import reset
from tests.fixtures.steering.retries import retry_effects
from tests.fixtures.steering.waiting import eventually

pytestmark = pytest.mark.usefixtures("calls_may_be_held")


@pytest.mark.parametrize("step", [Step.SHIPPING, Step.PAYMENT])
async def test_a_retry_does_not_wait_for_the_pause_between_attempts(shop: Shop, step: Step) -> None:
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, step)
        shop.stage.mend()
        assert (await resolve(handle, resolution(step, Remedy.RETRY))).result == AnswerResult.RETRIED
        await ended(shop, handle)
        assert (await shop.progress(order)).status == OrderStatus.FAILED

    (await shop.accounts(order)).assert_undone()
    assert await answers(shop, order) == [
        (AnsweredAs.RETRY_UNDO, "ada@desk-1", "refunded by hand, ticket 123")
    ]
    await shop.assert_clean()


async def test_a_retry_that_fails_is_stuck_again_and_while_it_runs_a_person_may_say_that_it_was_handled(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not retry it once more; and a reset order finds what was handled."""
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, Step.PAYMENT)
        await resolve(handle, resolution(Step.PAYMENT, Remedy.RETRY))
        await stuck(shop, order, Step.PAYMENT)
        monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(hours=1))
        await resolve(handle, resolution(Step.PAYMENT, Remedy.RETRY))
        await eventually(lambda: tried(shop, "refund", 3), WAIT_SECONDS, "the retry")
        [undo] = [each for each in (await shop.progress(order)).undos if each.step is Step.PAYMENT]
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await resolve(handle, resolution(Step.PAYMENT, Remedy.RETRY))
        receipt = await resolve(handle, resolution(Step.PAYMENT))
        await ended(shop, handle)
        await reset(shop, order, task=0)
        await ended(shop, shop.handle(order))
        found = {each.step: each.status for each in (await shop.progress(order)).undos}

    assert (undo.status, undo.may_be_handled) == (UndoState.PENDING, True)
    assert "is being tried again" in str(refused.value.cause)
    assert (receipt.result, found[Step.PAYMENT]) == (AnswerResult.HANDLED, UndoState.HANDLED)
    assert shop.stage.calls["before refund"] == 3
    told = [answer for answer, _, _ in await answers(shop, order)]
    assert told == [AnsweredAs.RETRY_UNDO, AnsweredAs.RETRY_UNDO, AnsweredAs.HANDLED]
    await shop.assert_clean()


async def tried(shop: Shop, call: str, times: int) -> bool:
    return shop.stage.calls[f"before {call}"] == times


@pytest.mark.parametrize(
    ("step", "effect", "cached_workflows"),
    [(Step.PAYMENT, Effect.CHARGE, 1_000), (Step.INVENTORY, Effect.RESERVE, 0)],
)
async def test_what_was_handled_is_not_tried_again(
    shop: Shop, step: Step, effect: Effect, cached_workflows: int
) -> None:
    shop.worker_options |= {"max_cached_workflows": cached_workflows}
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, step)
        receipt = await resolve(handle, resolution(step))
        assert (receipt.result, receipt.step) == (AnswerResult.HANDLED, step)
        await ended(shop, handle)
        progress = await shop.progress(order)

    assert progress.status == OrderStatus.FAILED
    undo = next(each for each in progress.undos if each.step is step)
    assert (undo.status, undo.reason) == (UndoState.HANDLED, "by ada@desk-1: refunded by hand, ticket 123")
    assert shop.stage.calls[f"before {UNDOS[step]}"] == 1
    entry = (await journal(shop, order))[effect]
    assert (entry.state, entry.handled_by) == (EffectState.HANDLED, "ada@desk-1")
    assert entry.handled_note == "refunded by hand, ticket 123"
    assert entry.undo_ended_at is not None
    assert await status_in_book(shop, order) == SubmissionStatus.FAILED
    assert [answer for answer, _, _ in await answers(shop, order)] == [AnsweredAs.HANDLED]
    await shop.assert_clean()
    assert [each.effect for each in (await shop.audit()).handled] == [effect]


async def test_an_undo_that_succeeds_at_that_moment_wins(shop: Shop) -> None:
    async with shop.open():
        order, handle, hold = await an_order_whose_refund_is_running(shop)
        answer = asyncio.create_task(resolve(handle, resolution(Step.PAYMENT)))
        await the_undo_was_told_to_stop(handle)
        hold.let_go()
        receipt = await answer
        await ended(shop, handle)

    assert receipt.result == AnswerResult.OVERTAKEN
    assert "refunded 1,059.97 USD" in receipt.detail
    assert (await journal(shop, order))[Effect.CHARGE].state == EffectState.UNDONE
    assert await answers(shop, order) == []
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_an_undo_that_fails_at_that_moment_is_not_tried_again(shop: Shop) -> None:
    shop.stage.unreachable("refund")
    async with shop.open():
        order, handle, hold = await an_order_whose_refund_is_running(shop)
        answer = asyncio.create_task(resolve(handle, resolution(Step.PAYMENT)))
        await the_undo_was_told_to_stop(handle)
        hold.let_go()
        assert (await answer).result == AnswerResult.HANDLED
        await ended(shop, handle)

    assert shop.stage.calls["before refund"] == 1
    assert (await journal(shop, order))[Effect.CHARGE].state == EffectState.HANDLED
    await shop.assert_clean()


async def an_order_whose_refund_is_running(shop: Shop) -> tuple[Order, Handle, Any]:
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    hold = shop.stage.hold("before refund")
    handle = await shop.start(order)
    await hold.reached()
    await stuck(shop, order, Step.PAYMENT)
    return order, handle, hold


async def the_undo_was_told_to_stop(handle: Handle) -> None:
    async def told() -> bool:
        events = (await handle.fetch_history()).events
        return any(event.HasField("activity_task_cancel_requested_event_attributes") for event in events)

    await eventually(told, WAIT_SECONDS, "the cancel of the undo")


async def test_a_parcel_that_is_gone_and_whose_commit_never_works_is_ended_by_a_person(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer settles the commit: no workflow completes over an open book."""
    retry_effects(monkeypatch, RetryPolicy(maximum_attempts=1))
    monkeypatch.setattr(policy, "RETRIED_AGAIN_AND_AGAIN", 1)
    order = an_order()
    shop.stage.unreachable("commit")
    async with shop.open():
        handle = await shop.start(order)
        await stuck(shop, order, Step.SHIPPING)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await resolve(handle, resolution(Step.SHIPPING, parcel=ParcelFate.VOIDED))
        assert "answer dispatched" in str(refused.value.cause)
        receipt = await resolve(handle, resolution(Step.SHIPPING, parcel=ParcelFate.DISPATCHED))
        assert receipt.result == AnswerResult.HANDLED
        assert "has not confirmed that its stock is booked out" in receipt.detail
        await ended(shop, handle)
        assert (await shop.progress(order)).status == OrderStatus.FULFILLED

    assert await status_in_book(shop, order) is SubmissionStatus.FULFILLED
    assert (await journal(shop, order))[Effect.COMMIT].state is EffectState.HANDLED
    assert await answers(shop, order) == [
        (AnsweredAs.DISPATCHED, "ada@desk-1", "refunded by hand, ticket 123")
    ]
    await shop.assert_clean()


async def test_an_undo_that_meets_what_only_a_newer_version_knows_is_tried_again_and_told(
    shop: Shop, sqlite_database: Database
) -> None:
    """And not skipped: nothing is said to be given back before that version has seen to it."""
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    held = shop.stage.hold("before dispatch")
    async with shop.open():
        handle = await shop.start(order)
        await held.reached()
        submission = (await shop.book.find([order.order_id]))[order.order_id].ref.submission
        parked = {"order_id": order.order_id, "submission": submission, "effect": "gift_wrap"}
        await sqlite_database.write(
            Connection.execute, insert(effects).values(**parked, state="done", attempts=1)
        )
        held.let_go()
        await stuck(shop, order, Step.SHIPPING)

        async def told_why() -> bool:
            found = [each async for each in shop.attention.attention() if each.order_id == order.order_id]
            return any("'gift_wrap', which only a newer version" in each.reason for each in found)

        await eventually(told_why, WAIT_SECONDS, "attention to tell why")
        with pytest.raises(NewerBook):
            await shop.client.status(order.order_id)
        assert (await shop.accounts(order)).refunded == 0

        await sqlite_database.write(
            Connection.execute, delete(effects).where(effects.c.effect == "gift_wrap")
        )
        await resolve(handle, resolution(Step.SHIPPING, Remedy.RETRY))
        await ended(shop, handle)
    assert await status_in_book(shop, order) is SubmissionStatus.FAILED
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()
