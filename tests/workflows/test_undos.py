"""The undos: order, stubbornness, and who is told when one is stuck."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from order_system.domain.errors import ShippingRefused
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import StepState, UndoState
from order_system.domain.steps import Step
from tests.fixtures.shops.shop import Shop, an_order
from workflows.order import OrderFulfillmentWorkflow

WAIT_SECONDS = 60
UNDOS = {"void": Step.SHIPPING, "release": Step.INVENTORY, "refund": Step.PAYMENT}


def refuse_dispatch(shop: Shop) -> None:
    """So that there is something to undo in every step."""
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))


async def test_shippings_answer_comes_before_stock_and_money(shop: Shop) -> None:
    refuse_dispatch(shop)
    async with shop.open():
        with pytest.raises(WorkflowFailureError):
            await (await shop.start(an_order())).result()

    undos = [point for point in shop.stage.trail if point.removeprefix("before ") in UNDOS]
    assert undos[0] == "before void"
    assert {"before release", "before refund"} == set(undos[1:])
    assert shop.stage.trail.index("after void") < shop.stage.trail.index("before release")
    await shop.assert_clean()


@pytest.mark.parametrize("undo", UNDOS)
@pytest.mark.parametrize("point", ["before", "after"])
async def test_an_undo_that_fails_three_times_is_done_once(shop: Shop, undo: str, point: str) -> None:
    refuse_dispatch(shop)
    shop.stage.fail(f"{point} {undo}", lambda: RuntimeError("trouble"), times=3)
    order = an_order()
    async with shop.open():
        with pytest.raises(WorkflowFailureError):
            await (await shop.start(order)).result()

    assert shop.stage.calls[f"before {undo}"] == 4
    accounts = await shop.accounts(order)
    accounts.assert_undone()
    assert order.total == accounts.refunded
    await shop.assert_clean()


@pytest.mark.parametrize("undo", UNDOS)
async def test_a_stuck_undo_calls_for_a_person_and_stops_no_other(
    shop: Shop, time_skipping_env: WorkflowEnvironment, undo: str
) -> None:
    refuse_dispatch(shop)
    shop.stage.unreachable(undo)
    order = an_order()
    async with shop.open():
        handle = await shop.start(order)

        async with asyncio.timeout(WAIT_SECONDS):
            while (await handle.query(OrderFulfillmentWorkflow.progress)).status is OrderStatus.RUNNING:
                await time_skipping_env.sleep(5)
        progress = await shop.progress(order)
        undos = {entry.step: entry.status for entry in progress.undos}
        assert progress.status == OrderStatus.NEEDS_ATTENTION
        # The customer is told of the end, and the end is not known yet.
        assert progress.children[-1].status is StepState.PENDING
        assert undos[UNDOS[undo]] == UndoState.STUCK
        # Stock and money wait for shipping's answer, but not for each other.
        others = {status for step, status in undos.items() if step is not UNDOS[undo]}
        assert (set() if undo == "void" else {UndoState.DONE}) == others

        shop.stage.mend()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        progress = await shop.progress(order)
        assert progress.status == OrderStatus.FAILED
        assert progress.children[-1].status is StepState.COMPLETED
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()
