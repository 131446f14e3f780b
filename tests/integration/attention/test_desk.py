"""A person at the desk, on the real server: stuck undos that are tried again or were handled by hand."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import RetryPolicy

from order_system.domain import policy
from order_system.domain.answers import (
    AnsweredAs,
    AnswerReceipt,
    AnswerResult,
    ParcelFate,
    Remedy,
    Resolution,
    StepRetry,
)
from order_system.domain.book import EffectState, JournalEntry, SubmissionStatus
from order_system.domain.errors import OutOfStock, PaymentDeclined, ShippingRefused
from order_system.domain.ids import Effect, Step
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.progress import OrderProgress, UndoState
from order_system.infra.database import Database
from tests.fixtures.shops.shop import Handle, Shop, an_order
from tests.fixtures.steering.resets import reset
from tests.fixtures.steering.waiting import eventually
from workflows.order import OrderFulfillmentWorkflow

WAIT_SECONDS = 20
AN_HOUR_BETWEEN_ATTEMPTS = RetryPolicy(initial_interval=timedelta(hours=1))
UNDOS = {Step.SHIPPING: "void", Step.INVENTORY: "release", Step.PAYMENT: "refund"}


@pytest.fixture(autouse=True)
def stuck_soon_and_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens within the test happens because a person wants it."""
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=300))
    monkeypatch.setattr(policy, "UNDO_RETRY", AN_HOUR_BETWEEN_ATTEMPTS)


@pytest.fixture
def shop(client: Client, sqlite_database: Database) -> Shop:
    return Shop(sqlite_database, client)


def resolution(step: Step, remedy: Remedy = Remedy.HANDLED, **changes: Any) -> Resolution:
    answer = Resolution(who="ada@desk-1", note="refunded by hand, ticket 123", step=step, remedy=remedy)
    return answer.model_copy(update=changes)


async def resolve(handle: Handle, answer: Resolution, **options: Any) -> AnswerReceipt:
    async with asyncio.timeout(WAIT_SECONDS):
        return await handle.execute_update(OrderFulfillmentWorkflow.resolve, answer, **options)


async def ended(shop: Shop, handle: Handle) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        await shop.ended(handle)


async def stuck(shop: Shop, order: Order, step: Step) -> OrderProgress:
    progress = await shop.progress(order)

    async def is_stuck() -> bool:
        nonlocal progress
        progress = await shop.progress(order)
        return any(undo.step is step and undo.status is UndoState.STUCK for undo in progress.compensations)

    await eventually(is_stuck, WAIT_SECONDS, f"the undo of {step} to be stuck")
    return progress


async def an_order_stuck_at(shop: Shop, step: Step) -> tuple[Order, Handle]:
    """The parcel is refused, and one of the undos does not work."""
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable(UNDOS[step])
    handle = await shop.start(order)
    assert (await stuck(shop, order, step)).status == OrderStatus.NEEDS_ATTENTION
    return order, handle


async def journal(shop: Shop, order: Order) -> dict[Effect, JournalEntry]:
    return await shop.book.journal((await shop.book.find([order.order_id]))[order.order_id].ref)


async def answers(shop: Shop, order: Order) -> list[tuple[AnsweredAs, str, str]]:
    submission = (await shop.book.find([order.order_id]))[order.order_id].ref
    return [(each.answer, each.who, each.note) for each in await shop.book.answers(submission)]


async def status_in_book(shop: Shop, order: Order) -> SubmissionStatus:
    return (await shop.book.find([order.order_id]))[order.order_id].status


# --- retry ----------------------------------------------------------------------------------------


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


async def test_a_retry_that_fails_is_stuck_again(shop: Shop) -> None:
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, Step.PAYMENT)
        await resolve(handle, resolution(Step.PAYMENT, Remedy.RETRY))
        await stuck(shop, order, Step.PAYMENT)
        shop.stage.mend()
        await resolve(handle, resolution(Step.PAYMENT, Remedy.RETRY))
        await ended(shop, handle)
    assert shop.stage.calls["before refund"] == 3
    (await shop.accounts(order)).assert_undone()


# --- handled --------------------------------------------------------------------------------------


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
    undo = next(each for each in progress.compensations if each.step is step)
    assert (undo.status, undo.reason) == (UndoState.HANDLED, "by ada@desk-1: refunded by hand, ticket 123")
    assert shop.stage.calls[f"before {UNDOS[step]}"] == 1
    entry = (await journal(shop, order))[effect]
    assert (entry.state, entry.handled_by) == (EffectState.HANDLED, "ada@desk-1")
    assert entry.handled_note == "refunded by hand, ticket 123"
    assert entry.settled_at is not None
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
    assert "refunded 1059.97 USD" in receipt.detail
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


async def test_a_reset_order_finds_what_was_handled(shop: Shop) -> None:
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, Step.PAYMENT)
        await resolve(handle, resolution(Step.PAYMENT))
        await ended(shop, handle)
        await reset(shop, order, task=0)
        again = shop.handle(order)
        await ended(shop, again)
        undos = {each.step: each.status for each in (await shop.progress(order)).compensations}

    assert undos[Step.PAYMENT] == UndoState.HANDLED
    assert shop.stage.calls["before refund"] == 1
    await shop.assert_clean()


# --- shipping: the verdict of a person ------------------------------------------------------------


async def test_voided_by_hand_lets_stock_and_money_go(shop: Shop) -> None:
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, Step.SHIPPING)
        assert shop.stage.calls["before refund"] == 0
        await resolve(handle, resolution(Step.SHIPPING, parcel=ParcelFate.VOIDED))
        await ended(shop, handle)
        assert (await shop.progress(order)).status == OrderStatus.FAILED

    accounts = await shop.accounts(order)
    assert (accounts.refunded, accounts.reservations) == (order.total, ["released"])
    assert (await journal(shop, order))[Effect.LABEL].state == EffectState.HANDLED
    assert [answer for answer, _, _ in await answers(shop, order)] == [AnsweredAs.VOIDED]
    await shop.assert_clean()


async def test_dispatched_by_hand_fulfils_the_order(shop: Shop) -> None:
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, Step.SHIPPING)
        receipt = await resolve(handle, resolution(Step.SHIPPING, parcel=ParcelFate.DISPATCHED))
        assert receipt.result == AnswerResult.HANDLED
        async with asyncio.timeout(WAIT_SECONDS):
            outcome = await handle.result()
        progress = await shop.progress(order)

    assert (progress.status, progress.failed_step) == (OrderStatus.FULFILLED, None)
    label = (await journal(shop, order))[Effect.LABEL].receipt or {}
    assert outcome.parcel.tracking_number == label["tracking_number"]
    assert await shop.client.outcome(order.order_id) == outcome
    accounts = await shop.accounts(order)
    assert (accounts.captured, accounts.refunded) == (order.total, 0)
    assert accounts.reservations == ["committed"]
    assert accounts.notices == ["confirmation"]
    assert (await journal(shop, order))[Effect.DISPATCH].state == EffectState.HANDLED
    assert [answer for answer, _, _ in await answers(shop, order)] == [AnsweredAs.DISPATCHED]
    await shop.assert_clean()


async def test_an_order_that_was_never_paid_cannot_have_been_dispatched(shop: Shop) -> None:
    order = an_order()
    shop.stage.fail("before charge", lambda: PaymentDeclined("no"))
    shop.stage.unreachable("fence", times=1)
    async with shop.open():
        handle = await shop.start(order)
        await stuck(shop, order, Step.SHIPPING)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await resolve(handle, resolution(Step.SHIPPING, parcel=ParcelFate.DISPATCHED))
        assert "was not both paid and reserved" in str(refused.value.cause)
        await ended(shop, handle)  # since the undo goes on, and works
        assert (await shop.progress(order)).status == OrderStatus.FAILED
    assert await answers(shop, order) == []


# --- who is heard, and who is not -----------------------------------------------------------------


async def test_what_cannot_be_is_refused_in_one_line_and_leaves_no_trace(shop: Shop) -> None:
    async with shop.open():
        _, handle = await an_order_stuck_at(shop, Step.PAYMENT)
        length = (await handle.fetch_history()).events[-1].event_id
        for answer, why in (
            (resolution(Step.INVENTORY), "the undo of inventory has ended: stock released"),
            (resolution(Step.SHIPPING, parcel=ParcelFate.VOIDED), "the undo of shipping has ended"),
            (resolution(Step.SHIPPING), "shipping was handled how?"),
            (resolution(Step.PAYMENT, parcel=ParcelFate.VOIDED), "voided is an answer about shipping"),
            (resolution(Step.NOTIFICATION), "notification has no undo"),
            (resolution(Step.PAYMENT, note=" "), "note must say what was done by hand"),
            (resolution(Step.PAYMENT, note="line\nbreak"), "note must not hold line breaks"),
            (resolution(Step.PAYMENT, note="x" * 501), "note must be at most 500 characters"),
            (resolution(Step.PAYMENT, note="4242 4242 4242 4242"), "note holds a card number"),
            (resolution(Step.PAYMENT, who=""), "who must say who answers"),
        ):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await resolve(handle, answer)
            assert why in str(refused.value.cause)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(OrderFulfillmentWorkflow.retry_step, StepRetry(who="ada"))
        assert "is not held" in str(refused.value.cause)
        assert (await handle.fetch_history()).events[-1].event_id == length
        await resolve(handle, resolution(Step.PAYMENT))
        await ended(shop, handle)


async def test_of_two_people_only_the_first_is_heard(shop: Shop) -> None:
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, Step.PAYMENT)
        outcomes = await asyncio.gather(
            resolve(handle, resolution(Step.PAYMENT)),
            resolve(handle, resolution(Step.PAYMENT, who="bob@desk-2")),
            return_exceptions=True,
        )
        await ended(shop, handle)
    heard = [each for each in outcomes if isinstance(each, AnswerReceipt)]
    refused = [each for each in outcomes if isinstance(each, WorkflowUpdateFailedError)]
    assert (len(heard), len(refused)) == (1, 1)
    assert len(await answers(shop, order)) == 1


async def test_the_same_update_sent_again_gets_the_same_receipt(shop: Shop) -> None:
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, Step.PAYMENT)
        first = await resolve(handle, resolution(Step.PAYMENT), id="ticket-123")
        assert await resolve(handle, resolution(Step.PAYMENT), id="ticket-123") == first
        await ended(shop, handle)
    assert len(await answers(shop, order)) == 1


async def test_an_undo_that_is_not_stuck_takes_no_answer(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(seconds=WAIT_SECONDS))
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    hold = shop.stage.hold("before void")
    async with shop.open():
        handle = await shop.start(order)
        await hold.reached()
        for step, why in (
            (Step.SHIPPING, "and not stuck"),
            (Step.PAYMENT, "no undo of payment is under way"),
        ):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await resolve(handle, resolution(step, Remedy.RETRY))
            assert why in str(refused.value.cause)
        hold.let_go()
        await ended(shop, handle)


async def test_an_older_submission_that_is_stuck_can_be_resolved(shop: Shop) -> None:
    """It is settled by the next submission's workflow, whose desk answers for it."""
    order = an_order()
    reserved = shop.stage.hold("after reserve")
    async with shop.open():
        first = await shop.start(order)
        await reserved.reached()
        await first.terminate()
        reserved.let_go()
        older = (await shop.book.find([order.order_id]))[order.order_id].ref
        shop.stage.unreachable("refund")
        handle = await shop.start(order)
        await stuck(shop, order, Step.PAYMENT)
        await resolve(handle, resolution(Step.PAYMENT))
        async with asyncio.timeout(WAIT_SECONDS):
            await handle.result()
    assert (await shop.book.journal(older))[Effect.CHARGE].state == EffectState.HANDLED
    assert [answer.who for answer in await shop.book.answers(older)] == ["ada@desk-1"]
    assert await status_in_book(shop, order) == SubmissionStatus.FULFILLED
    await shop.assert_clean()


# --- a hold ---------------------------------------------------------------------------------------


async def test_a_hold_outlives_its_worker(shop: Shop) -> None:
    order = an_order(hold_on_failure=timedelta(days=2))
    shop.stage.fail("before reserve", lambda: OutOfStock("not today"), times=1)

    async def held() -> bool:
        return (await shop.progress(order)).held_until is not None

    async with shop.open():
        handle = await shop.start(order)
        await eventually(held, WAIT_SECONDS, "the order to be held")
    async with shop.open():
        assert await held()
        await handle.execute_update(OrderFulfillmentWorkflow.retry_step, StepRetry(who="ada@desk-1"))
        async with asyncio.timeout(WAIT_SECONDS):
            await handle.result()
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()
