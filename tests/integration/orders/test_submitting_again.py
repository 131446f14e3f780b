"""An order that is submitted again: found, refused, run again, or settled first."""

from typing import Any

import pytest

from order_system.domain.errors import OrderConflict
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import StepState
from order_system.orders.client import Submitted
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.watched import submitted, watched
from tests.fixtures.steering.resets import forget

pytestmark = pytest.mark.usefixtures("calls_may_be_held")


async def test_a_running_order_is_found_and_other_content_is_a_conflict(shop: Shop) -> None:
    order = an_order()
    hold = shop.stage.hold("before reserve")
    async with shop.open():
        assert (await shop.client.submit(order)).how == Submitted.STARTED
        await hold.reached()
        assert (await shop.client.submit(order)).how == Submitted.RUNNING
        with pytest.raises(OrderConflict, match="running with other content"):
            await shop.client.submit(order.model_copy(update={"payment_method": "pm_other"}))
        hold.let_go()
        assert (await watched(shop, order)).status == OrderStatus.FULFILLED
    assert (await shop.accounts(order)).charges == 1


async def test_a_fulfilled_order_is_never_charged_again(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await submitted(shop, order)
        assert (await shop.client.submit(order)).how == Submitted.FULFILLED
        with pytest.raises(OrderConflict, match="fulfilled with other content"):
            await shop.client.submit(order.model_copy(update={"payment_method": "pm_other"}))
        # Around the client: a start by hand, e.g. in the Web UI, allows a completed ID again.
        again = await shop.start(order)
        assert "fulfilled before" in ((await again.result()).note or "")
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_failed_order_runs_again_with_another_card(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the first submit has not been answered yet: that one is told of its own run."""
    order = an_order(payment_method="pm_card_declined")
    mended = order.model_copy(update={"payment_method": "pm_card_ok"})
    start = shop.temporal.start_workflow

    async def answered_late(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        handle = await start(*arguments, **options)
        assert (await watched(shop, order)).status == OrderStatus.FAILED
        assert (await shop.client.submit(mended)).how == Submitted.STARTED
        return handle

    async with shop.open():
        monkeypatch.setattr(shop.temporal, "start_workflow", answered_late)
        assert (await shop.client.submit(order)).how == Submitted.STARTED
        assert (await watched(shop, mended)).status == OrderStatus.FULFILLED
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_fulfilled_order_is_known_after_temporal_has_forgotten_it(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await submitted(shop, order)
        await forget(shop, order)
        assert (await shop.client.submit(order)).how == Submitted.FULFILLED
        status = await shop.client.status(order.order_id)
        assert status.status == OrderStatus.FULFILLED
        assert [child.status for child in status.children] == [StepState.COMPLETED] * 4
        # Even a start by hand, to which the server has no objection left:
        assert "fulfilled before" in ((await (await shop.start(order)).result()).note or "")
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


@pytest.mark.parametrize("point", ["before charge", "after charge", "after reserve", "after buy_label"])
async def test_a_terminated_order_is_settled_by_its_next_submission(shop: Shop, point: str) -> None:
    order = an_order()
    hold = shop.stage.hold(point)
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        await shop.handle(order).terminate("by the operator")
        status = await shop.client.status(order.order_id)
        assert status.status == OrderStatus.TERMINATED
        hold.let_go()
        assert (await shop.client.submit(order)).how == Submitted.STARTED
        assert (await watched(shop, order)).status == OrderStatus.FULFILLED
    accounts = await shop.accounts(order)
    assert (order.total, 1) == (accounts.captured - accounts.refunded, accounts.shipments.count("dispatched"))
    assert accounts.reservations.count("committed") == 1
    await shop.assert_clean()


async def test_a_terminated_order_whose_parcel_is_gone_is_found_fulfilled(shop: Shop) -> None:
    order = an_order()
    hold = shop.stage.hold("after dispatch")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        await shop.handle(order).terminate("by the operator")
        await shop.client.submit(order)
        progress = await watched(shop, order)
        hold.let_go()
    assert progress.status == OrderStatus.FULFILLED
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()
