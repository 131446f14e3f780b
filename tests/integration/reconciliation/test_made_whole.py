"""The reconciler on the real server: what no workflow is at work on is made whole."""

import asyncio

import pytest

from order_system.domain import policy
from order_system.domain.book import SubmissionStatus
from order_system.domain.messages import OrderStatus
from tests.fixtures.shops.abandoned import (
    WAIT_SECONDS,
    ended,
    named,
    said_to_be_abandoned,
    status_in_book,
    terminated_at,
)
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.resets import forget
from tests.fixtures.steering.waiting import eventually


@pytest.mark.parametrize("point", ["after charge", "after reserve", "after buy_label"])
async def test_a_terminated_order_is_made_whole_and_the_next_run_finds_nothing(
    shop: Shop, point: str
) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, point, order)

        async def is_listed() -> bool:
            return await said_to_be_abandoned(shop) == [order.order_id]

        await eventually(is_listed, WAIT_SECONDS, "the server's search to know that it was terminated")
        report = await shop.reconcile()
        assert await said_to_be_abandoned(shop) == []
        assert named(report, "settled") == [order.order_id]
        assert "refunded 1,059.97 USD" in report.settled.orders[0].detail
        (await shop.accounts(order)).assert_undone()
        assert await status_in_book(shop, order) == SubmissionStatus.TERMINATED
        progress = await shop.client.status(order.order_id)
        assert progress.status == OrderStatus.TERMINATED
        assert {undo.status for undo in progress.undos} == {"done"}
        assert (await shop.reconcile()).submissions_looked_at == 0
    await shop.assert_clean()


async def test_a_terminated_order_whose_parcel_is_gone_is_closed_as_fulfilled(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after dispatch", order)
        report = await shop.reconcile()
        # The attempt that was let go may be the one that closes it; the reconciler finds it either way.
        assert report.settled.count == report.not_yet.count == 0
        assert await status_in_book(shop, order) == SubmissionStatus.FULFILLED
        assert (await shop.client.status(order.order_id)).status == OrderStatus.FULFILLED
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_parcel_that_left_without_a_word_is_found_gone_and_its_stock_committed(shop: Shop) -> None:
    order = an_order()
    lost = shop.stage.hold("after dispatch")
    async with shop.open():
        await shop.client.submit(order)
        await lost.reached()
        await shop.handle(order).terminate("by the operator")
        report = await shop.reconcile()
        lost.let_go()
    assert named(report, "fulfilled") == [order.order_id]
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_forgotten_order_is_made_whole(shop: Shop) -> None:
    order = an_order()
    hold = shop.stage.hold("before claim label")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        await forget(shop, order)
        hold.let_go()
        assert named(await shop.reconcile(), "settled") == [order.order_id]
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_resubmission_and_the_reconciler_settle_the_old_one_together(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after buy_label", order)
        settling = shop.stage.hold("before void")
        await shop.client.submit(order)
        await settling.reached()
        reconciling = asyncio.create_task(shop.reconcile())
        settling.let_go()
        report = await reconciling
        assert report.not_yet.count == 0
        assert await ended(shop, order) == OrderStatus.FULFILLED
    accounts = await shop.accounts(order)
    assert order.total == accounts.captured - accounts.refunded
    assert accounts.reservations.count("committed") == 1
    await shop.assert_clean()


async def test_two_reconcilers_at_once_do_it_once(shop: Shop) -> None:
    orders = [an_order() for _ in range(3)]
    async with shop.open():
        for order in orders:
            await terminated_at(shop, "after charge", order)
            shop.stage.forget_holds()
        await asyncio.gather(shop.reconcile(), shop.reconcile())
    for order in orders:
        accounts = await shop.accounts(order)
        assert (order.total, order.total) == (accounts.captured, accounts.refunded)
        assert await status_in_book(shop, order) == SubmissionStatus.TERMINATED
    await shop.assert_clean()


async def test_it_goes_through_all_pages_and_continues_as_new(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "RECONCILE_PAGE", 1)
    monkeypatch.setattr(policy, "RECONCILE_HISTORY_EVENTS", 1)
    monkeypatch.setattr(policy, "RECONCILE_NAMED", 1)
    orders = [an_order() for _ in range(2)]
    async with shop.open():
        for order in orders:
            await terminated_at(shop, "after charge", order)
            shop.stage.forget_holds()
        report = await shop.reconcile(run="paged")
        described = await shop.temporal.get_workflow_handle("reconciliation-paged").describe()
        assert described.raw_description.workflow_execution_info.first_run_id != described.run_id
    assert (report.submissions_looked_at, report.settled.count) == (2, 2)
    assert len(report.settled.orders) == 1, "all are counted, some are named"
    await shop.assert_clean()
