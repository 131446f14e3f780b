"""What the reconciler does not touch: what is young, what is open, and what is somebody else's."""

import asyncio

import pytest

from order_system.domain import policy
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import ShippingRefused
from order_system.domain.messages import OrderStatus
from order_system.infra import policy as infra_policy
from tests.fixtures.shops.abandoned import (
    WAIT_SECONDS,
    ended,
    named,
    said_to_be_abandoned,
    status_in_book,
    terminated_at,
)
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.resets import reset
from tests.fixtures.steering.waiting import eventually


async def test_a_young_submission_is_left_for_a_later_run(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after charge", order)
        assert (await shop.reconcile(min_age_seconds=60)).submissions_looked_at == 0
        assert await status_in_book(shop, order) == SubmissionStatus.OPEN


async def test_an_order_with_an_open_workflow_is_left_alone(shop: Shop) -> None:
    order = an_order()
    hold = shop.stage.hold("before reserve")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        report = await shop.reconcile()
        assert await said_to_be_abandoned(shop) == []
        assert named(report, "left_alone") == [order.order_id]
        assert shop.stage.calls["before fence"] == 0
        hold.let_go()
        assert await ended(shop, order) == OrderStatus.FULFILLED
    (await shop.accounts(order)).assert_fulfilled(order)


async def test_an_order_that_waits_in_an_undo_is_left_to_its_workflow(shop: Shop) -> None:
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("refund")
    async with shop.open():
        await shop.client.submit(order)

        async def refund_failed() -> bool:
            return shop.stage.calls["before refund"] > 0

        await eventually(refund_failed, WAIT_SECONDS, "the refund to fail")
        voids = shop.stage.calls["before void"]
        report = await shop.reconcile()
        assert named(report, "left_alone") == [order.order_id]
        assert shop.stage.calls["before void"] == voids
        shop.stage.mend()
        assert await ended(shop, order) == OrderStatus.FAILED
    await shop.assert_clean()


async def test_a_workflow_that_is_reset_meanwhile_is_left_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has found it terminated; right before the void it is open again."""
    monkeypatch.setattr(policy, "CHILD_BUSY_POLL", infra_policy.WATCH_POLL)
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after reserve", order)
        looked = shop.stage.hold("after current_run")
        reconciling = asyncio.create_task(shop.reconcile())
        await looked.reached()
        await reset(shop, order, task=0)
        looked.let_go()
        report = await reconciling
        assert named(report, "left_alone") == [order.order_id]
        assert await ended(shop, order) == OrderStatus.FULFILLED
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_reset_in_the_last_gap_before_the_fence_still_ends_whole(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of the race (docs/adr/0008): the order is undone although it could have gone on."""
    monkeypatch.setattr(policy, "CHILD_BUSY_POLL", infra_policy.WATCH_POLL)
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after reserve", order)
        about_to_fence = shop.stage.hold("before fence")
        goes_on = shop.stage.hold("before claim label")
        reconciling = asyncio.create_task(shop.reconcile())
        await about_to_fence.reached()
        await reset(shop, order, task=0)
        await goes_on.reached()
        about_to_fence.let_go()
        await reconciling
        goes_on.let_go()
        assert await ended(shop, order) == OrderStatus.FAILED
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()
