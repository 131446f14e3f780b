"""A customer is told how an order ended, even if its workflow was ended before it could."""

from datetime import timedelta

import pytest

from order_system.attention.concerns import ConcernKind
from order_system.domain import policy
from order_system.domain.answers import AnswerResult
from order_system.domain.errors import AnswerLost, NoticeRefused
from order_system.domain.order import Order
from order_system.domain.steps import Step
from tests.fixtures.shops.abandoned import named, terminated_at
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stuck import resolution
from tests.fixtures.steering.resets import forget


async def notices(shop: Shop, order: Order) -> list[str]:
    return (await shop.accounts(order)).notices


async def not_told(shop: Shop) -> list[str | None]:
    concerns = shop.attention.attention(slow_after=-timedelta(minutes=1))
    return [concern.order_id async for concern in concerns if concern.kind is ConcernKind.NOTICE_OWED]


async def terminated_before_its_notice(shop: Shop) -> Order:
    order = an_order()
    hold = shop.stage.hold("before claim notify")
    await shop.client.submit(order)
    await hold.reached()
    await shop.handle(order).terminate("by the operator")
    shop.stage.fail("before claim notify", lambda: AnswerLost("this worker is gone"), times=1)
    hold.let_go()
    return order


async def test_a_confirmation_that_a_terminated_order_owes_is_sent_once(shop: Shop) -> None:
    async with shop.open():
        order = await terminated_before_its_notice(shop)
        ended = (await shop.book.find([order.order_id]))[order.order_id].closed_at
        report = await shop.reconcile()
        assert named(report, "notices_sent") == [order.order_id]
        after = (await shop.book.find([order.order_id]))[order.order_id]
        assert after.closed_at == ended, "the order has not ended anew"
        assert await notices(shop, order) == ["confirmation"]
        assert (await shop.reconcile()).notices_sent.count == 0
    assert await notices(shop, order) == ["confirmation"]
    await shop.assert_clean()


async def test_who_gets_money_back_from_the_reconciler_is_told(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after reserve", order)
        report = await shop.reconcile()
        assert named(report, "settled") == named(report, "notices_sent") == [order.order_id]
    assert await notices(shop, order) == ["cancellation"]
    await shop.assert_clean()


async def test_a_later_submission_makes_the_older_notice_pointless(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after reserve", order)
        await shop.client.submit(order)
        await shop.ended(shop.handle(order))
        assert (await shop.reconcile()).notices_sent.count == 0
    assert await notices(shop, order) == ["confirmation"]


async def test_whom_the_server_has_forgotten_a_person_tells(shop: Shop) -> None:
    async with shop.open():
        order = await terminated_before_its_notice(shop)
        await forget(shop, order)
        report = await shop.reconcile()
        assert named(report, "notices_owed") == [order.order_id]
        assert await not_told(shop) == [order.order_id]
        receipt = await shop.attention.answer(order.order_id, resolution(Step.NOTIFICATION, note="rang her"))
        assert receipt.result is AnswerResult.HANDLED
        assert await not_told(shop) == []
        assert (await shop.reconcile()).notices_owed.count == 0
    await shop.assert_clean()


@pytest.mark.parametrize("refused", [True, False])
async def test_a_notice_that_was_refused_or_given_up_is_not_owed(shop: Shop, refused: bool) -> None:
    shop.patience = policy.DEMO_PATIENCE | {Step.NOTIFICATION: 1}
    if refused:
        shop.stage.fail("before send", lambda: NoticeRefused("no such mailbox"))
    else:
        shop.stage.unreachable("send")
    order = an_order()
    async with shop.open():
        await shop.client.submit(order)
        await shop.ended(shop.handle(order))
        assert await not_told(shop) == []
        assert (await shop.reconcile()).notices_owed.count == 0
    assert shop.stage.calls["before send"] == 1
