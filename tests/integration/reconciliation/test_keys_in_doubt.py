"""Keys of calls that were never answered: asked for again until the horizon; what landed is undone."""

from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import TimeoutType

from activities.inventory import InventoryActivities
from activities.payment import PaymentActivities
from activities.shipping import ShippingActivities
from order_system.domain import policy
from order_system.domain.book import EffectState
from order_system.domain.errors import AnswerLost
from order_system.domain.ids import RECONCILIATION
from order_system.domain.order import Order
from order_system.domain.steps import Effect
from tests.fixtures.shops.abandoned import named
from tests.fixtures.shops.activity_calls import a_submission, payment_request, run_activity, undo_request
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.stage import Staged


async def left_in_doubt(shop: Shop, order: Order) -> None:
    """Its charge was never answered, the undo found nothing, and the order is closed."""
    payment = PaymentActivities(shop.book, Staged(shop.world.payments, shop.stage))
    shop.stage.fail("before charge", lambda: AnswerLost("a time-out"), times=1)
    with pytest.raises(AnswerLost):
        await run_activity(payment.charge, payment_request(order))
    shipping = ShippingActivities(shop.book, shop.world.carrier, shop.world.warehouse)
    await run_activity(shipping.void_shipment, undo_request(order))
    await run_activity(InventoryActivities(shop.book, shop.world.warehouse).release, undo_request(order))
    await run_activity(payment.refund, undo_request(order), after=policy.EFFECT_ATTEMPT)


async def the_charge_lands(shop: Shop, order: Order) -> None:
    await shop.world.payments.charge(
        a_submission(order).key(Effect.CHARGE),
        amount=order.total,
        currency=order.currency,
        payment_method=order.payment_method,
    )


async def charge_in_book(shop: Shop, order: Order) -> EffectState:
    return (await shop.book.journal(a_submission(order)))[Effect.CHARGE].state


async def test_what_a_zombie_left_behind_the_fence_is_given_back(shop: Shop) -> None:
    landed, nothing = an_order(), an_order()
    for order in (landed, nothing):
        await left_in_doubt(shop, order)
    async with shop.open():
        first = await shop.reconcile()
        assert (first.keys_asked, first.doubts_left.count, first.unsettled) == (2, 2, 0)

        await the_charge_lands(shop, landed)
        assert not (await shop.audit()).clean
        second = await shop.reconcile()
        assert named(second, "doubts_undone") == [landed.order_id]
        assert second.doubts_undone.orders[0].detail == "charge: refunded 1,059.97 USD"
    assert await charge_in_book(shop, landed) == EffectState.UNDONE
    accounts = await shop.accounts(landed)
    assert (landed.total, landed.total) == (accounts.captured, accounts.refunded)
    await shop.assert_clean()
    assert [doubt.order_id for doubt in (await shop.audit()).in_doubt] == [nothing.order_id]


async def test_a_page_of_keys_whose_worker_has_died_is_asked_for_again_when_its_heartbeat_stops(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not only when the time of the whole page is up."""
    monkeypatch.setattr(policy, "KEYS_HEARTBEAT", timedelta(seconds=1))
    silent = shop.stage.hold("before keys_in_doubt")
    async with shop.open():
        await shop.reconcile(run="silent")
        silent.let_go()
    assert shop.stage.calls["before keys_in_doubt"] >= 2  # a busy machine may miss one that lives
    again = [
        event.activity_task_started_event_attributes.last_failure
        async for event in shop.temporal.get_workflow_handle(
            f"{RECONCILIATION}-silent"
        ).fetch_history_events()
        if event.activity_task_started_event_attributes.attempt >= 2
    ]
    assert [each.timeout_failure_info.timeout_type for each in again] == [TimeoutType.TIMEOUT_TYPE_HEARTBEAT]


async def test_after_the_horizon_a_key_is_asked_for_once_more_and_settled(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "IN_DOUBT_HORIZON", -policy.EFFECT_ATTEMPT)
    landed, nothing = an_order(), an_order()
    for order in (landed, nothing):
        await left_in_doubt(shop, order)
    await the_charge_lands(shop, landed)
    async with shop.open():
        report = await shop.reconcile()
        assert (named(report, "doubts_undone"), named(report, "doubts_ended")) == (
            [landed.order_id],
            [nothing.order_id],
        )
        assert (await shop.reconcile()).keys_asked == 0
    assert await charge_in_book(shop, nothing) == EffectState.NEVER_HAPPENED
    await shop.assert_clean()
    assert (await shop.audit()).in_doubt == ()


async def test_a_gateway_that_cannot_tell_leaves_the_key_in_doubt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "IN_DOUBT_HORIZON", -policy.EFFECT_ATTEMPT)
    order = an_order()
    await left_in_doubt(shop, order)
    shop.stage.unreachable("refund")
    async with shop.open():
        report = await shop.reconcile()
    assert (named(report, "doubts_unanswered"), report.unsettled) == ([order.order_id], 1)
    assert await charge_in_book(shop, order) == EffectState.IN_DOUBT
