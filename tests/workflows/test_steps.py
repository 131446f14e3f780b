"""Each step: refused for good, unreachable until its attempts are used up, its answer lost."""

import pytest
from temporalio.client import WorkflowFailureError

from order_system.domain import policy
from order_system.domain.errors import NoticeRefused, OutOfStock, PaymentDeclined, ShippingRefused
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress, StepState, UndoState
from order_system.domain.steps import Step
from tests.fixtures.shops.shop import Shop, an_order

BEFORE_THE_PIVOT = {
    "charge": (Step.PAYMENT, PaymentDeclined),
    "reserve": (Step.INVENTORY, OutOfStock),
    "buy_label": (Step.SHIPPING, ShippingRefused),
    "dispatch": (Step.SHIPPING, ShippingRefused),
}


def states(progress: OrderProgress) -> dict[Step, StepState]:
    return {child.step: child.status for child in progress.children}


async def test_a_good_order_is_fulfilled(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        outcome = await (await shop.start(order)).result()
        progress = await shop.progress(order)

    assert OrderStatus.FULFILLED == outcome.status == progress.status
    assert (order.total, "USD") == (outcome.payment.amount, outcome.payment.currency)
    assert dict.fromkeys(Step, StepState.COMPLETED) == states(progress)
    assert progress.undos == ()
    accounts = await shop.accounts(order)
    accounts.assert_fulfilled(order)
    assert accounts.notices == ["confirmation"]
    await shop.assert_clean()


@pytest.mark.parametrize("call", BEFORE_THE_PIVOT)
async def test_a_refused_step_is_not_retried_and_undoes_the_order(shop: Shop, call: str) -> None:
    step, error = BEFORE_THE_PIVOT[call]
    shop.stage.fail(f"before {call}", lambda: error("no"))
    order = an_order()
    async with shop.open():
        with pytest.raises(WorkflowFailureError):
            await (await shop.start(order)).result()
        progress = await shop.progress(order)

    assert shop.stage.calls[f"before {call}"] == 1
    assert (OrderStatus.FAILED, step) == (progress.status, progress.failed_step)
    assert f"{error.__name__}: no" == progress.reason
    assert states(progress)[step] == StepState.FAILED
    assert [undo.status for undo in progress.undos] == [UndoState.DONE] * 3
    accounts = await shop.accounts(order)
    accounts.assert_undone()
    assert ([] if step is Step.PAYMENT else ["cancellation"]) == accounts.notices
    await shop.assert_clean()


@pytest.mark.parametrize("call", BEFORE_THE_PIVOT)
async def test_a_step_that_is_never_reached_uses_its_attempts_and_undoes_the_order(
    shop: Shop, call: str
) -> None:
    step, _ = BEFORE_THE_PIVOT[call]
    shop.stage.unreachable(call)
    order = an_order()
    async with shop.open():
        with pytest.raises(WorkflowFailureError):
            await (await shop.start(order)).result()
        progress = await shop.progress(order)

    assert policy.DEMO_PATIENCE[Step.PAYMENT] == shop.stage.calls[f"before {call}"]
    assert (OrderStatus.FAILED, step) == (progress.status, progress.failed_step)
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


@pytest.mark.parametrize("call", [*BEFORE_THE_PIVOT, "commit", "send"])
async def test_an_answer_lost_once_is_asked_for_again(shop: Shop, call: str) -> None:
    shop.stage.answer_lost(call, times=1)
    order = an_order()
    async with shop.open():
        await (await shop.start(order)).result()

    assert shop.stage.calls[f"before {call}"] == 2
    accounts = await shop.accounts(order)
    accounts.assert_fulfilled(order)
    assert accounts.notices == ["confirmation"]
    await shop.assert_clean()


@pytest.mark.parametrize("call", ["charge", "reserve", "buy_label"])
async def test_an_answer_lost_for_good_is_undone_by_its_key(shop: Shop, call: str) -> None:
    step, _ = BEFORE_THE_PIVOT[call]
    shop.stage.answer_lost(call)
    order = an_order()
    async with shop.open():
        with pytest.raises(WorkflowFailureError):
            await (await shop.start(order)).result()
        progress = await shop.progress(order)

    assert (OrderStatus.FAILED, step) == (progress.status, progress.failed_step)
    accounts = await shop.accounts(order)
    accounts.assert_undone()
    assert (1, order.total) == (accounts.charges, accounts.refunded)
    assert accounts.notices == ["cancellation"]
    await shop.assert_clean()


@pytest.mark.parametrize("call", ["dispatch", "commit"])
async def test_a_dispatch_whose_answer_is_lost_for_good_fulfils_the_order(shop: Shop, call: str) -> None:
    """The parcel is gone: the undo finds that out, commits the stock, and refunds nobody."""
    attempts = policy.DEMO_PATIENCE[Step.PAYMENT]
    shop.stage.answer_lost(call, times=attempts)
    order = an_order()
    async with shop.open():
        outcome = await (await shop.start(order)).result()
        progress = await shop.progress(order)

    assert OrderStatus.FULFILLED == outcome.status == progress.status
    assert progress.failed_step is None
    accounts = await shop.accounts(order)
    accounts.assert_fulfilled(order)
    assert accounts.notices == ["confirmation"]
    assert await shop.book.outcome(order.order_id) == outcome
    await shop.assert_clean()


async def test_a_refused_notice_leaves_the_order_fulfilled_and_says_so(shop: Shop) -> None:
    shop.stage.fail("before send", lambda: NoticeRefused("no such mailbox"))
    order = an_order()
    async with shop.open():
        outcome = await (await shop.start(order)).result()
        progress = await shop.progress(order)

    assert shop.stage.calls["before send"] == 1
    assert "no such mailbox" in (outcome.note or "")
    assert (
        progress.status,
        states(progress)[Step.NOTIFICATION],
    ) == (OrderStatus.FULFILLED, StepState.FAILED)
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


@pytest.mark.parametrize("sent", [False, True])
async def test_a_notice_that_gets_no_answer_gives_up_after_its_attempts(shop: Shop, sent: bool) -> None:
    """Nobody knows then whether it was sent, and nobody says so."""
    if sent:
        shop.stage.answer_lost("send", times=1_000_000)
    else:
        shop.stage.unreachable("send")
    order = an_order()
    async with shop.open():
        outcome = await (await shop.start(order)).result()

    assert policy.DEMO_PATIENCE[Step.NOTIFICATION] == shop.stage.calls["before send"]
    assert "the confirmation is not known to have been sent" in (outcome.note or "")
    assert (await shop.accounts(order)).notices == ["confirmation"] * sent
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_an_out_of_stock_line_reserves_none_of_the_others(shop: Shop) -> None:
    order = an_order()
    lines = (order.lines[0], order.lines[1].model_copy(update={"sku": "OUT-OF-STOCK"}))
    order = order.model_copy(update={"lines": lines})
    async with shop.open():
        with pytest.raises(WorkflowFailureError):
            await (await shop.start(order)).result()

    assert (await shop.accounts(order)).reservations == []
    await shop.assert_clean()
