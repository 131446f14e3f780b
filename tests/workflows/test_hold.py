"""An order that is held when a step has failed for good: just that step is retried, or the order given up."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import RetryPolicy
from temporalio.exceptions import CancelledError

from order_system.book.reading import answers_of
from order_system.domain.answers import AnsweredAs, AnswerResult, GiveUp, StepRetry
from order_system.domain.errors import OutOfStock, PaymentDeclined
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.progress import OrderProgress
from order_system.domain.steps import Step
from tests.fixtures.shops.shop import Handle, Shop, an_order
from tests.fixtures.steering.retries import retry_effects
from tests.fixtures.steering.waiting import eventually
from workflows.order import OrderFulfillmentWorkflow

ADA = StepRetry(who="ada@desk-1", note="the shelf was filled")
BOB = GiveUp(who="bob@desk-2", note="the customer does not want to wait")
ONE_ATTEMPT = RetryPolicy(maximum_attempts=1)
TWO_DAYS = timedelta(days=2)


def a_held_order() -> Order:
    return an_order(hold_on_failure=TWO_DAYS)


async def held(shop: Shop, order: Order) -> OrderProgress:
    progress = await shop.progress(order)

    async def waits() -> bool:
        nonlocal progress
        progress = await shop.progress(order)
        return progress.held_until is not None

    await eventually(waits, 60, "the order to be held")
    return progress


async def retry(handle: Handle) -> AnswerResult:
    return (await handle.execute_update(OrderFulfillmentWorkflow.retry_step, ADA)).result


async def answers(shop: Shop, order: Order) -> list[AnsweredAs]:
    submission = (await shop.book.find([order.order_id]))[order.order_id].ref
    return [answer.answer for answer in await shop.book.database.read(answers_of, submission)]


async def test_only_the_step_that_failed_runs_again(shop: Shop) -> None:
    order = a_held_order()
    shop.stage.fail("before reserve", lambda: OutOfStock("not today"), times=1)
    async with shop.open():
        handle = await shop.start(order)
        waiting = await held(shop, order)
        assert (waiting.status, waiting.failed_step) == (OrderStatus.NEEDS_ATTENTION, Step.INVENTORY)
        assert "not today" in (waiting.reason or "")

        assert await retry(handle) == AnswerResult.RETRIED
        await handle.result()
        progress = await shop.progress(order)

    assert progress.status == OrderStatus.FULFILLED
    assert progress.answers == ("retry step inventory, by ada@desk-1: the shelf was filled",)
    runs = {step.step: step.run_id for step in progress.children}
    assert runs[Step.INVENTORY] != {step.step: step.run_id for step in waiting.children}[Step.INVENTORY]
    assert runs[Step.PAYMENT] == {step.step: step.run_id for step in waiting.children}[Step.PAYMENT]
    assert shop.stage.calls["before charge"] == 1
    (await shop.accounts(order)).assert_fulfilled(order)
    assert await answers(shop, order) == [AnsweredAs.RETRY_STEP]
    await shop.assert_clean()


async def test_a_declined_payment_is_asked_for_again_under_the_same_key(shop: Shop) -> None:
    order = a_held_order()
    shop.stage.fail("before charge", lambda: PaymentDeclined("call your bank"), times=1)
    async with shop.open():
        handle = await shop.start(order)
        assert (await held(shop, order)).failed_step == Step.PAYMENT
        await retry(handle)
        await handle.result()

    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


@pytest.mark.parametrize("call", ["reserve", "dispatch"])
async def test_a_step_that_was_done_but_never_answered_is_found_done_when_it_is_retried(
    shop: Shop, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry_effects(monkeypatch, ONE_ATTEMPT)
    order = a_held_order()
    shop.stage.answer_lost(call)
    async with shop.open():
        handle = await shop.start(order)
        await held(shop, order)
        shop.stage.mend()
        await retry(handle)
        await handle.result()

    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_step_may_fail_again_and_is_held_again(shop: Shop) -> None:
    order = a_held_order()
    shop.stage.fail("before reserve", lambda: OutOfStock("no"), times=2)
    async with shop.open():
        handle = await shop.start(order)
        await held(shop, order)
        await retry(handle)
        await held(shop, order)
        await retry(handle)
        await handle.result()

    (await shop.accounts(order)).assert_fulfilled(order)
    assert await answers(shop, order) == [AnsweredAs.RETRY_STEP] * 2


async def test_whoever_gives_up_has_it_undone_now(shop: Shop) -> None:
    order = a_held_order()
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    async with shop.open():
        handle = await shop.start(order)
        await held(shop, order)
        receipt = await handle.execute_update(OrderFulfillmentWorkflow.give_up, BOB)
        assert (receipt.result, receipt.step) == (AnswerResult.GIVEN_UP, Step.INVENTORY)
        await shop.ended(handle)
        progress = await shop.progress(order)

    assert (progress.status, progress.failed_step) == (OrderStatus.FAILED, Step.INVENTORY)
    (await shop.accounts(order)).assert_undone()
    assert await answers(shop, order) == [AnsweredAs.GIVE_UP]
    await shop.assert_clean()


async def test_when_nobody_answers_the_order_is_undone(shop: Shop) -> None:
    order = a_held_order()
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    async with shop.open():
        with pytest.raises(WorkflowFailureError):
            await (handle := await shop.start(order)).result()
        progress = await shop.progress(order)
        description = await handle.describe()

    assert (progress.status, progress.held_until) == (OrderStatus.FAILED, None)
    assert description.close_time is not None
    assert description.close_time - description.start_time >= TWO_DAYS
    (await shop.accounts(order)).assert_undone()


async def test_a_cancel_gives_a_held_order_up(shop: Shop) -> None:
    order = a_held_order()
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    async with shop.open():
        handle = await shop.start(order)
        await held(shop, order)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
        assert isinstance(failure.value.cause, CancelledError)
        assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED
        assert (await shop.progress(order)).status == OrderStatus.CANCELLED

    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_an_order_that_is_not_held_takes_no_answer(shop: Shop) -> None:
    order = a_held_order()
    hold = shop.stage.hold("before reserve")
    async with shop.open():
        handle = await shop.start(order)
        await hold.reached()
        for update, answer in (
            (OrderFulfillmentWorkflow.retry_step, ADA),
            (OrderFulfillmentWorkflow.give_up, BOB),
        ):
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await handle.execute_update(update, answer)
            assert "is not held" in str(refused.value.cause)
        hold.let_go()
        await handle.result()
    assert await answers(shop, order) == []
