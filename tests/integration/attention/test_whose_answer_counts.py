"""What became of the parcel is for a person to say; who is heard, and who is not."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from order_system.book.reading import answers_of
from order_system.domain import policy
from order_system.domain.answers import (
    AnsweredAs,
    AnswerReceipt,
    AnswerResult,
    ParcelFate,
    Remedy,
    StepRetry,
)
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.errors import AnswerRefused, OutOfStock, PaymentDeclined, ShippingRefused
from order_system.domain.messages import OrderStatus
from order_system.domain.steps import Effect, Step
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import (
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
from tests.fixtures.steering.waiting import eventually
from workflows.order import OrderFulfillmentWorkflow

pytestmark = pytest.mark.usefixtures("calls_may_be_held")


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
    assert await shop.book.outcome(order.order_id) == outcome
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


async def test_what_cannot_be_is_refused_in_one_line_and_leaves_no_trace_and_of_two_people_one_is_heard(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose update, sent again, gets the same receipt."""
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, Step.PAYMENT)
        length = (await handle.fetch_history()).events[-1].event_id
        for answer, why in (
            (resolution(Step.INVENTORY), "the undo of inventory has ended: stock released"),
            (resolution(Step.SHIPPING, parcel=ParcelFate.VOIDED), "the undo of shipping has ended"),
            (resolution(Step.SHIPPING), "shipping was handled how?"),
            (resolution(Step.PAYMENT, parcel=ParcelFate.VOIDED), "voided is an answer about shipping"),
            (resolution(Step.NOTIFICATION), "no undo of notification is under way"),
            (resolution(Step.NOTIFICATION, Remedy.RETRY), "notification has no undo"),
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
        assert "is not held: its undo of payment is stuck, and `resolve` answers" in str(refused.value.cause)
        with monkeypatch.context() as nearly_full:
            nearly_full.setattr(policy, "RETRIES_HISTORY_EVENTS", 10)
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await resolve(handle, resolution(Step.PAYMENT, Remedy.RETRY))
        assert "its history is nearly full" in str(refused.value.cause)
        assert (await handle.fetch_history()).events[-1].event_id == length
        tickets = {"ticket-1": "ada@desk-1", "ticket-2": "bob@desk-2"}
        outcomes = await asyncio.gather(
            *(
                resolve(handle, resolution(Step.PAYMENT, who=who), id=ticket)
                for ticket, who in tickets.items()
            ),
            return_exceptions=True,
        )
        [first] = [each for each in outcomes if isinstance(each, AnswerReceipt)]
        [_] = [each for each in outcomes if isinstance(each, WorkflowUpdateFailedError)]
        heard = list(tickets)[outcomes.index(first)]
        assert await resolve(handle, resolution(Step.PAYMENT), id=heard) == first
        await ended(shop, handle)
    assert [who for _, who, _ in await answers(shop, order)] == [tickets[heard]]


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
    """It is settled by the next submission's workflow, which takes answers for it."""
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
    assert [answer.who for answer in await shop.book.database.read(answers_of, older)] == ["ada@desk-1"]
    assert await status_in_book(shop, order) == SubmissionStatus.FULFILLED
    await shop.assert_clean()


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


async def test_of_an_answer_that_is_cut_off_nobody_says_that_it_was_not_carried_out(shop: Shop) -> None:
    """The order is terminated once the book has noted the answer, and before its sender hears of that."""
    async with shop.open():
        order, handle = await an_order_stuck_at(shop, Step.PAYMENT)
        hold = shop.stage.hold("after end_undo_by_hand")
        answer = asyncio.create_task(shop.attention.answer(order.order_id, resolution(Step.PAYMENT)))
        await hold.reached()
        await handle.terminate("by the operator")
        with pytest.raises(AnswerRefused, match="whether the answer was carried out is not known: look at"):
            await answer
        hold.let_go()
    assert (await journal(shop, order))[Effect.CHARGE].state is EffectState.HANDLED
