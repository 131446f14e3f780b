"""Money that is held by payment and taken when the parcel goes: captured once, or let go, in any case."""

import asyncio
from collections.abc import Callable
from itertools import count

import pytest
from temporalio.client import WorkflowFailureError

from order_system.domain.errors import PaymentDeclined, ShippingRefused
from order_system.domain.gateways import Statement
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Capture, Flow, Order
from order_system.domain.progress import OrderProgress
from order_system.domain.steps import AUTHORISATION_VOIDED, Step
from order_system.gateways.simulated.behaviours import MADE_UP
from tests.fixtures.shops.abandoned import named, said_to_be_abandoned
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.watched import WAIT_SECONDS
from tests.fixtures.steering.cancels import the_child_hears_of_it
from tests.fixtures.steering.waiting import eventually

pytestmark = pytest.mark.usefixtures("calls_may_be_held")

_references = count(1)


def held_first(**changes: object) -> Order:
    return an_order(capture=Capture.ON_DISPATCH, **changes)


def authorised_elsewhere(**changes: object) -> Order:
    return an_order(payment_method=f"authorised:pi_{next(_references)}", **changes)


ORDERS = pytest.mark.parametrize(
    ("an_order_held_first", "flow"), [(held_first, Flow.PARALLEL), (authorised_elsewhere, Flow.SEQUENTIAL)]
)
"""Each in one flow. All four together are in each chaos run."""


def held(statement: Statement, order: Order) -> list[str]:
    return [
        each.state for each in statement.authorisations or () if each.key.startswith(f"{order.order_id}:")
    ]


async def ends(shop: Shop, order: Order) -> OrderProgress:
    """Undone, and no money was taken that was not given back."""
    async with asyncio.timeout(WAIT_SECONDS):
        with pytest.raises(WorkflowFailureError):
            await shop.handle(order).result()
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()
    return await shop.progress(order)


def undo_of_payment(progress: OrderProgress) -> str | None:
    [undo] = [undo for undo in progress.undos if undo.step is Step.PAYMENT]
    return undo.reason


@ORDERS
async def test_it_is_taken_right_before_the_parcel_goes(
    shop: Shop, an_order_held_first: Callable[..., Order], flow: Flow
) -> None:
    order, bought = an_order_held_first(flow=flow), shop.stage.hold("after buy_label")
    async with shop.open():
        handle = await shop.start(order)
        await bought.reached()
        before = await shop.world.statement()
        assert (held(before, order), (await shop.accounts(order)).charges) == (["held"], 0)
        bought.let_go()
        outcome = await handle.result()
    assert outcome.payment.held is False
    effects = ["buy_label", "capture", "dispatch"]
    assert [point.removeprefix("after ") for point in shop.stage.trail if point[6:] in effects] == effects
    (await shop.accounts(order)).assert_fulfilled(order)
    assert held(await shop.world.statement(), order) == ["captured"]
    await shop.assert_clean()


@ORDERS
async def test_an_order_that_fails_in_between_costs_nothing(
    shop: Shop, an_order_held_first: Callable[..., Order], flow: Flow
) -> None:
    order = an_order_held_first(flow=flow)
    shop.stage.fail("before buy_label", lambda: ShippingRefused("no such street"))
    async with shop.open():
        await shop.start(order)
        progress = await ends(shop, order)
        assert (await shop.accounts(order)).charges == 0
        assert held(await shop.world.statement(), order) == ["voided"]
        assert undo_of_payment(progress) == AUTHORISATION_VOIDED
        assert (await shop.accounts(order)).notices == ["cancellation"]


@pytest.mark.parametrize("reason", ["the authorisation has expired", "insufficient funds"])
async def test_a_refused_capture_is_a_no_of_shipping(shop: Shop, reason: str) -> None:
    order = held_first()
    shop.stage.fail("before capture", lambda: PaymentDeclined(reason))
    async with shop.open():
        await shop.start(order)
        progress = await ends(shop, order)
    assert (progress.status, progress.failed_step) == (OrderStatus.FAILED, Step.SHIPPING)
    assert reason in (progress.reason or "")
    assert (await shop.accounts(order)).charges == 0
    assert (await shop.accounts(order)).shipments == ["voided"]


@pytest.mark.parametrize("point", ["after capture", "after record capture", "before dispatch"])
async def test_what_was_taken_is_refunded_if_the_parcel_never_goes(shop: Shop, point: str) -> None:
    """Cancelled in the middle; or the carrier refuses what is paid."""
    order = held_first()
    hold = shop.stage.hold(point)
    if point == "before dispatch":
        shop.stage.fail(point, lambda: ShippingRefused("the lorry is full"))
    async with shop.open():
        handle = await shop.start(order)
        await hold.reached()
        if point != "before dispatch":
            await handle.cancel()
            await the_child_hears_of_it(shop, order, Step.SHIPPING)
        hold.let_go()
        progress = await ends(shop, order)
    accounts = await shop.accounts(order)
    assert (accounts.charges, accounts.refunded) == (1, order.total)
    assert undo_of_payment(progress) == "refunded 1,059.97 USD"


@pytest.mark.parametrize("landed", [True, False])
async def test_a_void_waits_for_nobody_and_binds_a_capture_that_is_late(shop: Shop, landed: bool) -> None:
    """The order is terminated while its capture is at the gateway, and settled meanwhile."""
    order, late = held_first(), shop.stage.hold("after capture" if landed else "before capture")
    async with shop.open():
        await shop.client.submit(order)
        await late.reached()
        await shop.handle(order).terminate("by the operator")

        async def is_listed() -> bool:
            return await said_to_be_abandoned(shop) == [order.order_id]

        await eventually(is_listed, WAIT_SECONDS, "the server's search to know that it was terminated")
        report = await shop.reconcile()
        assert named(report, "settled") == [order.order_id]
        late.let_go()
        called = "before record capture" if landed else "after answered_no"
        await eventually(lambda: shop.stage.called(called), WAIT_SECONDS, "the late capture")
    (await shop.accounts(order)).assert_undone()
    assert (await shop.accounts(order)).charges == (1 if landed else 0)
    await shop.assert_clean()


async def test_an_authorisation_whose_answer_was_lost_is_voided(shop: Shop) -> None:
    order = held_first(flow=Flow.PARALLEL)
    shop.stage.answer_lost("authorise")
    async with shop.open():
        await shop.start(order)
        await ends(shop, order)
    assert held(await shop.world.statement(), order) == ["voided"]


async def test_an_authorisation_is_taken_over_by_one_order_alone(shop: Shop) -> None:
    first = authorised_elsewhere()
    second, made_up = (
        an_order(payment_method=method) for method in (first.payment_method, f"authorised:{MADE_UP}")
    )
    async with shop.open():
        await (await shop.start(first)).result()
        for order in (second, made_up):
            await shop.start(order)
            progress = await ends(shop, order)
            assert progress.failed_step is Step.PAYMENT
    (await shop.accounts(first)).assert_fulfilled(first)
