"""Parents that are reset: whatever was done before is found, and done once."""

import asyncio
from datetime import timedelta

import pytest

from order_system.attention.concerns import ConcernKind
from order_system.domain import policy
from order_system.domain.errors import ShippingRefused
from order_system.domain.messages import OrderStatus
from order_system.infra import policy as infra_policy
from tests.fixtures.shops.abandoned import named
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import the_concern
from tests.fixtures.shops.watched import submitted, watched
from tests.fixtures.steering.resets import reset, reset_into_payment_after_both_were_terminated

pytestmark = pytest.mark.usefixtures("calls_may_be_held")


async def test_a_parent_reset_at_step_after_step_ends_fulfilled(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its runs begins anew, and finds what all before it have done."""
    monkeypatch.setattr(policy, "CHILD_BUSY_POLL", infra_policy.WATCH_POLL)
    monkeypatch.setattr(policy, "CHILD_BUSY_LIMIT", timedelta(0))  # only orders of long ago give up so
    order = an_order()
    holds = [
        shop.stage.hold(point)
        for point in (
            *("before charge", "after charge", "after reserve"),
            *("after buy_label", "after dispatch", "after send"),
        )
    ]
    async with shop.open():
        await shop.client.submit(order)
        first = (await shop.handle(order).describe()).run_id
        for hold in holds:
            await hold.reached()
            await reset(shop, order, task=0, run_id=first)
            hold.let_go()
        assert (await watched(shop, order)).status == OrderStatus.FULFILLED
    accounts = await shop.accounts(order)
    accounts.assert_fulfilled(order)
    assert accounts.notices == ["confirmation"]
    await shop.assert_clean()


async def test_a_parent_reset_after_it_was_fulfilled_changes_nothing(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await submitted(shop, order)
        await reset(shop, order, task=0)
        assert (await watched(shop, order)).status == OrderStatus.FULFILLED
    accounts = await shop.accounts(order)
    accounts.assert_fulfilled(order)
    assert accounts.notices == ["confirmation"]
    await shop.assert_clean()


async def test_a_parent_reset_during_its_undos_still_ends_undone(shop: Shop) -> None:
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    hold = shop.stage.hold("before refund")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        await reset(shop, order, task=0)
        shop.stage.mend()
        hold.let_go()
        assert (await watched(shop, order)).status == OrderStatus.FAILED
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_cancel_after_a_reset_undoes_what_the_earlier_run_did(shop: Shop) -> None:
    """The new run knows nothing of the reservation that the old one made; the undo finds it by its key."""
    order = an_order()
    reserved = shop.stage.hold("before claim label")
    async with shop.open():
        await shop.client.submit(order)
        await reserved.reached()
        cancelled = asyncio.Event()

        async def cancel_in_payment() -> None:
            await reset(shop, order, task=0)
            await shop.handle(order).cancel()
            cancelled.set()

        await cancel_in_payment()
        reserved.let_go()
        progress = await watched(shop, order)
    accounts = await shop.accounts(order)
    if progress.status is OrderStatus.FULFILLED:  # the cancel came after the parcel had gone
        accounts.assert_fulfilled(order)
    else:
        assert progress.status == OrderStatus.CANCELLED
        accounts.assert_undone()
    await shop.assert_clean()


async def test_a_terminated_parent_that_is_reset_into_a_step_is_listed_with_the_cure(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await reset_into_payment_after_both_were_terminated(shop, order)
        cure = f"payment-{order.order_id} has ended, and the order never hears of it"
        listed = await the_concern(shop, order, saying=cure, slow_after=timedelta(0))
        assert listed.kind is ConcernKind.NO_PROGRESS

        await shop.handle(order).terminate("as attention says")
        assert named(await shop.reconcile(), "settled") == [order.order_id]
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_cancel_ends_that_wait_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "CHILD_CANCELLED", infra_policy.WATCH_POLL)
    order = an_order()
    async with shop.open():
        await reset_into_payment_after_both_were_terminated(shop, order)
        await shop.handle(order).cancel()
        assert (await watched(shop, order)).status == OrderStatus.CANCELLED
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()
