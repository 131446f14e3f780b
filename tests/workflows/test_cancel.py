"""A cancel is never lost, never interrupts an undo, and after dispatch comes too late."""

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError

from order_system.domain.errors import PaymentDeclined, ShippingRefused
from order_system.domain.messages import OrderOutcome, OrderStatus
from order_system.domain.steps import Step
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.cancels import the_child_hears_of_it
from workflows.order import OrderFulfillmentWorkflow

Handle = WorkflowHandle[OrderFulfillmentWorkflow, OrderOutcome]

UNDOABLE = {
    "before open charge": Step.PAYMENT,
    "before charge": Step.PAYMENT,
    "after charge": Step.PAYMENT,
    "before claim reserve": Step.INVENTORY,
    "before reserve": Step.INVENTORY,
    "after reserve": Step.INVENTORY,
    "before claim label": Step.SHIPPING,
    "before buy_label": Step.SHIPPING,
    "after buy_label": Step.SHIPPING,
}
AFTER_THE_PIVOT = [
    "before claim dispatch",
    "after dispatch",
    "before commit",
    "after fulfil",
    "before send",
    "after send",
]


@pytest.fixture(autouse=True)
def each_task_is_a_replay(shop: Shop) -> None:
    """Without the worker's cache."""
    shop.worker_options |= {"max_cached_workflows": 0}


async def assert_cancelled(handle: Handle) -> None:
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED


async def test_a_cancel_before_the_first_task_undoes_nothing(shop: Shop) -> None:
    order = an_order()
    handle = await shop.start(order)
    await handle.cancel()
    async with shop.open():
        await assert_cancelled(handle)
        assert (await shop.progress(order)).status == OrderStatus.CANCELLED
    assert (await shop.accounts(order)).charges == 0
    assert shop.stage.calls["before charge"] == 0
    await shop.assert_clean()


@pytest.mark.parametrize("point", UNDOABLE)
async def test_a_cancel_before_the_pivot_undoes_everything(shop: Shop, point: str) -> None:
    order = an_order()
    hold = shop.stage.hold(point)
    async with shop.open():
        handle = await shop.start(order)
        await hold.reached()
        await handle.cancel()
        await the_child_hears_of_it(shop, order, UNDOABLE[point])
        hold.let_go()
        await assert_cancelled(handle)
        progress = await shop.progress(order)

    assert (progress.status, progress.failed_step) == (OrderStatus.CANCELLED, None)
    accounts = await shop.accounts(order)
    accounts.assert_undone()
    assert (["cancellation"] if accounts.charges else []) == accounts.notices
    await shop.assert_clean()


@pytest.mark.parametrize("point", AFTER_THE_PIVOT)
async def test_a_cancel_after_the_pivot_is_too_late_and_says_so(shop: Shop, point: str) -> None:
    order = an_order()
    hold = shop.stage.hold(point)
    async with shop.open():
        handle = await shop.start(order)
        await hold.reached()
        await handle.cancel()
        if not point.endswith("send"):  # the last child is never told
            await the_child_hears_of_it(shop, order, Step.SHIPPING)
        hold.let_go()
        outcome = await handle.result()

    assert "too late" in (outcome.note or "")
    accounts = await shop.accounts(order)
    accounts.assert_fulfilled(order)
    assert accounts.notices == ["confirmation"]
    await shop.assert_clean()


async def test_a_cancel_that_arrives_before_a_refusal_is_the_first_cause(shop: Shop) -> None:
    order = an_order()
    shop.stage.fail("before charge", lambda: PaymentDeclined("no"))
    hold = shop.stage.hold("before charge")
    async with shop.open():
        handle = await shop.start(order)
        await hold.reached()
        await handle.cancel()
        await the_child_hears_of_it(shop, order, Step.PAYMENT)
        hold.let_go()
        await assert_cancelled(handle)
    (await shop.accounts(order)).assert_undone()


@pytest.mark.parametrize(
    "point", ["before void", "after void", "before refund", "after refund", "before send"]
)
async def test_a_cancel_during_the_undos_finds_the_order_failed(shop: Shop, point: str) -> None:
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    hold = shop.stage.hold(point)
    async with shop.open():
        handle = await shop.start(order)
        await hold.reached()
        await handle.cancel()
        hold.let_go()
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
        assert isinstance(failure.value.cause, ApplicationError)
        assert (await shop.progress(order)).status == OrderStatus.FAILED

    accounts = await shop.accounts(order)
    accounts.assert_undone()
    assert accounts.notices == ["cancellation"]
    await shop.assert_clean()
