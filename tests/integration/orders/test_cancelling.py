"""Cancelling on the real server, at the worst moments."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.common import RetryPolicy

from order_system.domain.ids import step_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.steps import Step
from order_system.orders.client import CancelAnswer
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.watched import WAIT_SECONDS, submitted, watched
from tests.fixtures.steering.cancels import the_child_hears_of_it
from tests.fixtures.steering.retries import retry_effects
from tests.fixtures.steering.waiting import eventually

pytestmark = pytest.mark.usefixtures("calls_may_be_held")


async def test_a_cancel_ends_an_endless_retry_and_does_not_wait_for_its_next_attempt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry_effects(monkeypatch, RetryPolicy(initial_interval=timedelta(hours=1), maximum_attempts=0))
    shop.stage.unreachable("reserve")
    order = an_order()
    async with shop.open():
        await shop.client.submit(order)

        async def backing_off() -> bool:
            return shop.stage.calls["before answered_no"] > 0

        await eventually(backing_off, WAIT_SECONDS, "the first attempt to fail")
        child = shop.temporal.get_workflow_handle(step_workflow_id(Step.INVENTORY, order.order_id))
        scheduled = [
            event.activity_task_scheduled_event_attributes
            async for event in child.fetch_history_events()
            if event.HasField("activity_task_scheduled_event_attributes")
        ]
        assert [each.retry_policy.maximum_attempts for each in scheduled] == [0], "no endless retry at all"
        async with asyncio.timeout(WAIT_SECONDS):
            answer, progress = await shop.client.cancel(order.order_id)
    assert (answer, progress.status) == (CancelAnswer.UNDONE, OrderStatus.CANCELLED)
    assert shop.stage.calls["before reserve"] == 1
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_cancel_when_the_dispatch_has_lost_its_answer_finds_the_parcel_gone(shop: Shop) -> None:
    order = an_order()
    shop.stage.answer_lost("dispatch")
    hold = shop.stage.hold("after dispatch")
    async with shop.open():
        handle = await shop.start(order)
        await hold.reached()
        await handle.cancel()
        await the_child_hears_of_it(shop, order, Step.SHIPPING)
        hold.let_go()
        outcome = await handle.result()

    assert "too late" in (outcome.note or "")
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_cancel_of_a_closed_order_says_so(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await submitted(shop, order)
        answer, progress = await shop.client.cancel(order.order_id)
    assert (answer, progress.status) == (CancelAnswer.ALREADY_CLOSED, OrderStatus.FULFILLED)


async def test_a_cancel_after_dispatch_is_answered_too_late(shop: Shop) -> None:
    order = an_order()
    hold = shop.stage.hold("before send")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        cancel = asyncio.create_task(shop.client.cancel(order.order_id))

        async def asked() -> bool:
            return bool(
                (await shop.handle(order).describe()).raw_description.workflow_extended_info.cancel_requested
            )

        await eventually(asked, WAIT_SECONDS, "the cancel to arrive")
        hold.let_go()
        answer, _ = await asyncio.wait_for(cancel, WAIT_SECONDS)
    assert answer == CancelAnswer.TOO_LATE


async def test_a_cancel_that_arrives_together_with_the_termination_of_a_child_undoes_the_order(
    shop: Shop,
) -> None:
    """In one task: the SDK's core has a child that it knows as terminated be cancelled no more, and a parent
    that tried would fail that task for ever (found by chaos, seed 4)."""
    order = an_order()
    shop.stage.unreachable("buy_label")
    async with shop.open():
        await shop.client.submit(order)
        await eventually(lambda: shop.stage.called("before buy_label"), WAIT_SECONDS, "shipping to begin")
    shop.stage.mend()
    await shop.temporal.get_workflow_handle(step_workflow_id(Step.SHIPPING, order.order_id)).terminate()
    await shop.handle(order).cancel()
    async with shop.open():
        progress = await watched(shop, order)
    assert (progress.status, progress.failed_step) == (OrderStatus.CANCELLED, None)
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()
