"""Payment and inventory side by side: either may come first, fail, be stopped; or both at once."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import CancelledError

from order_system.book.reading import answers_of
from order_system.domain.answers import AnswerResult, GiveUp, StepRetry
from order_system.domain.errors import OutOfStock, PaymentDeclined
from order_system.domain.ids import step_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Flow, Order
from order_system.domain.policy import HOLD_LIMIT
from order_system.domain.progress import OrderProgress, StepState
from order_system.domain.steps import Step
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.watched import WAIT_SECONDS
from tests.fixtures.steering.cancels import the_child_hears_of_it
from tests.fixtures.steering.resets import reset
from tests.fixtures.steering.retries import retry_effects
from tests.fixtures.steering.waiting import eventually
from workflows.order import OrderFulfillmentWorkflow

pytestmark = pytest.mark.usefixtures("calls_may_be_held")

CALLS = {Step.PAYMENT: "charge", Step.INVENTORY: "reserve"}
REFUSALS = {Step.PAYMENT: PaymentDeclined, Step.INVENTORY: OutOfStock}
BESIDE = {Step.PAYMENT: Step.INVENTORY, Step.INVENTORY: Step.PAYMENT}
ADA = StepRetry(who="ada@desk-1", note="both were mended")
BOB = GiveUp(who="bob@desk-2", note="the customer does not want to wait")


@pytest.fixture(autouse=True)
def each_task_is_a_replay(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the worker's cache, so that code which does not come to the same commands again fails."""
    shop.worker_options |= {"max_cached_workflows": 0}


def a_parallel_order(**changes: object) -> Order:
    return an_order(flow=Flow.PARALLEL, **changes)


def refuse(shop: Shop, step: Step, times: int = 1_000_000) -> None:
    shop.stage.fail(f"before {CALLS[step]}", lambda: REFUSALS[step](f"no {step}"), times=times)


async def undone(shop: Shop, order: Order) -> OrderProgress:
    handle = shop.handle(order)
    async with asyncio.timeout(WAIT_SECONDS):
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()
    return await shop.progress(order)


async def held(shop: Shop, order: Order, *steps: Step) -> OrderProgress:
    """Until those steps have failed and the order waits for a person."""

    async def waits() -> bool:
        progress = await shop.progress(order)
        failed = {child.step for child in progress.children if child.status is StepState.FAILED}
        return progress.held_until is not None and failed == set(steps)

    await eventually(waits, WAIT_SECONDS, "the order to be held")
    return await shop.progress(order)


def states(progress: OrderProgress) -> dict[Step, StepState]:
    return {child.step: child.status for child in progress.children}


async def test_both_are_under_way_at_once_and_the_order_is_fulfilled(shop: Shop) -> None:
    order = a_parallel_order()
    holds = [shop.stage.hold(f"before {call}") for call in CALLS.values()]
    async with shop.open():
        handle = await shop.start(order)
        for hold in holds:
            await hold.reached()
        for hold in holds:
            hold.let_go()
        outcome = await handle.result()
    assert outcome.payment.amount == order.total
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


@pytest.mark.parametrize("second", CALLS)
async def test_either_may_open_the_submission(shop: Shop, second: Step) -> None:
    order = a_parallel_order()
    late = shop.stage.hold(f"before open {CALLS[second]}")
    async with shop.open():
        handle = await shop.start(order)
        await late.reached()
        first = CALLS[BESIDE[second]]
        await eventually(lambda: shop.stage.called(f"after record {first}"), WAIT_SECONDS, f"the {first}")
        late.let_go()
        await handle.result()
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


@pytest.mark.parametrize("failing", CALLS)
async def test_a_refusal_stops_the_step_beside_it_even_in_an_endless_retry(shop: Shop, failing: Step) -> None:
    order, beside = a_parallel_order(), BESIDE[failing]
    refuse(shop, failing)
    shop.stage.unreachable(CALLS[beside])
    refusal = shop.stage.hold(f"before {CALLS[failing]}")
    async with shop.open():
        await shop.start(order)
        await refusal.reached()
        await eventually(lambda: shop.stage.called(f"before {CALLS[beside]}"), WAIT_SECONDS, f"{beside}")
        refusal.let_go()
        progress = await undone(shop, order)
    assert (progress.status, progress.failed_step) == (OrderStatus.FAILED, failing)
    assert f"no {failing}" in (progress.reason or "")
    assert (states(progress)[failing], states(progress)[beside]) == (StepState.FAILED, StepState.CANCELLED)


@pytest.mark.parametrize("failing", CALLS)
async def test_what_the_other_has_done_while_it_was_asked_to_stop_is_given_back(
    shop: Shop, failing: Step
) -> None:
    order, beside = a_parallel_order(), BESIDE[failing]
    refuse(shop, failing)
    done = shop.stage.hold(f"after {CALLS[beside]}")
    refusal = shop.stage.hold(f"before {CALLS[failing]}")
    async with shop.open():
        await shop.start(order)
        await done.reached()
        await refusal.reached()
        refusal.let_go()
        await the_child_hears_of_it(shop, order, beside)
        done.let_go()
        progress = await undone(shop, order)
    assert progress.failed_step == failing
    accounts = await shop.accounts(order)
    assert (accounts.refunded == order.total) == (beside is Step.PAYMENT)


async def test_of_two_refusals_one_is_the_cause(shop: Shop) -> None:
    order = a_parallel_order()
    for step in CALLS:
        refuse(shop, step)
    async with shop.open():
        await shop.start(order)
        progress = await undone(shop, order)
    assert progress.failed_step in CALLS
    assert f"no {progress.failed_step}" in (progress.reason or "")


@pytest.mark.parametrize("ended", CALLS)
async def test_a_child_that_is_terminated_undoes_the_order(
    shop: Shop, ended: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both wait for their next attempt: one that failed at that very moment would fail its step."""
    retry_effects(monkeypatch, RetryPolicy(initial_interval=timedelta(hours=1), maximum_attempts=0))
    order = a_parallel_order()
    for call in CALLS.values():
        shop.stage.unreachable(call)

    async def both_have_been_tried() -> bool:
        return shop.stage.calls["after answered_no"] == len(CALLS)

    async with shop.open():
        await shop.start(order)
        await eventually(both_have_been_tried, WAIT_SECONDS, "the first attempts to fail")
        await shop.temporal.get_workflow_handle(step_workflow_id(ended, order.order_id)).terminate()
        progress = await undone(shop, order)
    assert (progress.failed_step, progress.reason) == (ended, "terminated")
    assert states(progress)[BESIDE[ended]] == StepState.CANCELLED


@pytest.mark.parametrize(
    ("moment", "step"),
    [
        ("before open", Step.PAYMENT),
        ("before", Step.INVENTORY),
        ("after", Step.PAYMENT),
        ("before record", Step.INVENTORY),
    ],
)
async def test_a_cancel_with_either_in_flight_undoes_everything(shop: Shop, moment: str, step: Step) -> None:
    order = a_parallel_order()
    hold = shop.stage.hold(f"{moment} {CALLS[step]}")
    async with shop.open():
        handle = await shop.start(order)
        await hold.reached()
        await handle.cancel()
        await the_child_hears_of_it(shop, order, step)
        hold.let_go()
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
        assert isinstance(failure.value.cause, CancelledError)
        assert (await shop.progress(order)).status == OrderStatus.CANCELLED
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_held_step_leaves_the_other_alone_and_runs_again(shop: Shop) -> None:
    order = a_parallel_order(hold_on_failure=HOLD_LIMIT)
    refuse(shop, Step.PAYMENT, times=1)
    slow = shop.stage.hold("before reserve")
    async with shop.open():
        handle = await shop.start(order)
        progress = await held(shop, order, Step.PAYMENT)
        assert (progress.status, progress.failed_step) == (OrderStatus.NEEDS_ATTENTION, Step.PAYMENT)
        assert states(progress)[Step.INVENTORY] == StepState.RUNNING
        slow.let_go()
        receipt = await handle.execute_update(OrderFulfillmentWorkflow.retry_step, ADA)
        assert receipt.step == Step.PAYMENT
        await handle.result()
    assert shop.stage.calls["before reserve"] == 1
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


@pytest.mark.parametrize("answer", [ADA, BOB], ids=["retry", "give up"])
async def test_one_answer_is_for_both_that_are_held(shop: Shop, answer: StepRetry | GiveUp) -> None:
    order = a_parallel_order(hold_on_failure=HOLD_LIMIT)
    for step in CALLS:
        refuse(shop, step, times=1)
    async with shop.open():
        handle = await shop.start(order)
        await held(shop, order, *CALLS)
        if isinstance(answer, StepRetry):
            receipt = await handle.execute_update(OrderFulfillmentWorkflow.retry_step, answer)
            assert receipt.result == AnswerResult.RETRIED
            assert "payment and inventory" in receipt.detail or "inventory and payment" in receipt.detail
            await handle.result()
            (await shop.accounts(order)).assert_fulfilled(order)
        else:
            await handle.execute_update(OrderFulfillmentWorkflow.give_up, answer)
            await undone(shop, order)
        kept = await shop.book.database.read(
            answers_of, (await shop.book.find([order.order_id]))[order.order_id].ref
        )
        assert {(each.step, each.who, each.note) for each in kept} == {
            (step, answer.who, answer.note) for step in CALLS
        }
        assert len(kept) == len((await shop.progress(order)).answers) == len(CALLS)
    await shop.assert_clean()


async def test_a_cancel_gives_up_whatever_is_held(shop: Shop) -> None:
    order = a_parallel_order(hold_on_failure=HOLD_LIMIT)
    refuse(shop, Step.PAYMENT)
    shop.stage.unreachable("reserve")
    async with shop.open():
        handle = await shop.start(order)
        await held(shop, order, Step.PAYMENT)
        await handle.cancel()
        assert (await undone(shop, order)).status == OrderStatus.CANCELLED


async def test_an_older_submission_is_settled_once_and_both_asked_again(shop: Shop) -> None:
    order = a_parallel_order()
    hold = shop.stage.hold("after charge")
    async with shop.open():
        first = await shop.start(order)
        await hold.reached()
        await first.terminate()
        hold.let_go()
        outcome = await (await shop.start(order)).result()
    assert outcome.submission != first.first_execution_run_id
    accounts = await shop.accounts(order)
    assert (accounts.charges, accounts.refunded) == (2, order.total)
    await shop.assert_clean()


@pytest.mark.parametrize("point", ["before charge", "after reserve", "after charge"])
async def test_a_parent_that_is_reset_finds_what_both_have_done(shop: Shop, point: str) -> None:
    order = a_parallel_order()
    hold = shop.stage.hold(point)
    async with shop.open():
        await shop.start(order)
        await hold.reached()
        await reset(shop, order, task=0)
        hold.let_go()
        async with asyncio.timeout(WAIT_SECONDS):
            await shop.handle(order).result()
    accounts = await shop.accounts(order)
    assert accounts.charges == 1
    accounts.assert_fulfilled(order)
    await shop.assert_clean()
