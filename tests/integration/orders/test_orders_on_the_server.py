"""Orders on the real server: parents and children as it sees them, submitting again, reset, fast cancels."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import RetryPolicy
from temporalio.service import RPCError

from order_system.domain import policy
from order_system.domain.errors import OrderConflict, PaymentDeclined, ShippingRefused, UnknownOrder
from order_system.domain.ids import Step, order_workflow_id, step_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.progress import OrderProgress, StepState
from order_system.infra import policy as infra_policy
from order_system.infra.database import Database
from order_system.orders.client import CancelVerdict, Submitted
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.cancels import the_child_hears_of_it
from tests.fixtures.steering.resets import forget, reset
from tests.fixtures.steering.retries import retry_effects
from tests.fixtures.steering.waiting import eventually
from workflows.payment import PaymentWorkflow
from workflows.registry import WORKFLOWS

WAIT_SECONDS = 30
MOST_EVENTS = 92
"""Of a happy two-line order, parent and children together; a bare skeleton has 91."""


@pytest.fixture
def shop(client: Client, sqlite_database: Database) -> Shop:
    return Shop(sqlite_database, client)


async def watched(shop: Shop, order: Order) -> OrderProgress:
    async with asyncio.timeout(WAIT_SECONDS):
        async for documents in shop.client.watch([order.order_id]):
            last = documents[order.order_id]
    return last


async def submitted(shop: Shop, order: Order) -> OrderProgress:
    await shop.client.submit(order)
    return await watched(shop, order)


# --- parents and children -------------------------------------------------------------------------


async def test_the_four_children_are_found_under_their_parent_and_ran_in_sequence(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await submitted(shop, order)
        found: dict[str, tuple[object, object]] = {}

        async def all_visible() -> bool:
            query = f"ParentWorkflowId = '{order_workflow_id(order.order_id)}'"
            async for child in shop.temporal.list_workflows(query):
                found[child.id] = (child.start_time, child.close_time)
            return len(found) == len(Step)

        await eventually(all_visible, WAIT_SECONDS, "the children to be visible")
        assert {step_workflow_id(step, order.order_id) for step in Step} == set(found)
        moments = [moment for step in Step for moment in found[step_workflow_id(step, order.order_id)]]
        assert sorted(moments, key=str) == moments, "one after another"

        for step in Step:
            child = shop.temporal.get_workflow_handle(step_workflow_id(step, order.order_id))
            status = await child.query("status")
            assert (step, "completed") == (status["step"], status["state"])
            assert status["receipt"]
        assert "dispatched" in status_of_shipping(await shipping(shop, order))


async def shipping(shop: Shop, order: Order) -> dict[str, object]:
    handle = shop.temporal.get_workflow_handle(step_workflow_id(Step.SHIPPING, order.order_id))
    return await handle.query("status")


def status_of_shipping(status: dict[str, object]) -> object:
    return status["milestones"]


async def test_a_happy_order_stays_within_its_budget_of_events(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await submitted(shop, order)
    ids = [order_workflow_id(order.order_id), *(step_workflow_id(step, order.order_id) for step in Step)]
    histories = [await shop.temporal.get_workflow_handle(id_).fetch_history() for id_ in ids]
    assert sum(len(history.events) for history in histories) <= MOST_EVENTS


async def test_the_web_ui_is_told_the_story(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await submitted(shop, order)
        description = await shop.handle(order).describe()
        assert order.order_id in (await description.static_summary() or "")
        story = await shop.handle(order).query("__temporal_workflow_metadata")
        assert "fulfilled" in str(story)


# --- submitting again -----------------------------------------------------------------------------


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


async def test_a_failed_order_runs_again_with_another_card(shop: Shop) -> None:
    order = an_order(payment_method="pm_card_declined")
    async with shop.open():
        assert (await submitted(shop, order)).status == OrderStatus.FAILED
        mended = order.model_copy(update={"payment_method": "pm_card_ok"})
        assert (await shop.client.submit(mended)).how == Submitted.STARTED
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


# --- reset ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    ["before charge", "after charge", "after reserve", "after buy_label", "after dispatch", "after send"],
)
async def test_a_parent_reset_at_any_step_ends_fulfilled(
    shop: Shop, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "CHILD_BUSY_POLL", infra_policy.WATCH_POLL)
    order = an_order()
    hold = shop.stage.hold(point)
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        await reset(shop, order, task=0)
        hold.let_go()
        assert (await watched(shop, order)).status == OrderStatus.FULFILLED
    (await shop.accounts(order)).assert_fulfilled(order)
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


# --- cancelling and status ------------------------------------------------------------------------


async def test_a_cancel_ends_an_endless_retry_and_does_not_wait_for_its_next_attempt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry_effects(monkeypatch, RetryPolicy(initial_interval=timedelta(hours=1), maximum_attempts=0))
    shop.stage.unreachable("reserve")
    order = an_order()
    async with shop.open():
        await shop.client.submit(order)

        async def backing_off() -> bool:
            return shop.stage.calls["before answered_no"] > 0

        await eventually(backing_off, WAIT_SECONDS, "the first attempt to fail")
        child = shop.temporal.get_workflow_handle(step_workflow_id(Step.INVENTORY, order.order_id))
        scheduled = [
            event.activity_task_scheduled_event_attributes
            async for event in child.fetch_history_events()
            if event.HasField("activity_task_scheduled_event_attributes")
        ]
        assert [each.retry_policy.maximum_attempts for each in scheduled] == [0], "no endless retry at all"
        async with asyncio.timeout(WAIT_SECONDS):
            verdict, progress = await shop.client.cancel(order.order_id)
    assert (verdict, progress.status) == (CancelVerdict.UNDONE, OrderStatus.CANCELLED)
    assert shop.stage.calls["before reserve"] == 1
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_cancel_when_the_dispatch_has_lost_its_answer_finds_the_parcel_gone(shop: Shop) -> None:
    order = an_order()
    shop.stage.answer_lost("dispatch")
    hold = shop.stage.hold("after dispatch")
    async with shop.open():
        handle = await shop.start(order)
        await hold.reached()
        await handle.cancel()
        await the_child_hears_of_it(shop, order, Step.SHIPPING)
        hold.let_go()
        outcome = await handle.result()

    assert "too late" in (outcome.note or "")
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_a_cancel_of_a_closed_order_says_so(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await submitted(shop, order)
        verdict, progress = await shop.client.cancel(order.order_id)
    assert (verdict, progress.status) == (CancelVerdict.ALREADY_CLOSED, OrderStatus.FULFILLED)


async def test_a_cancel_after_dispatch_is_answered_too_late(shop: Shop) -> None:
    order = an_order()
    hold = shop.stage.hold("before send")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        cancel = asyncio.create_task(shop.client.cancel(order.order_id))

        async def asked() -> bool:
            return bool(
                (await shop.handle(order).describe()).raw_description.workflow_extended_info.cancel_requested
            )

        await eventually(asked, WAIT_SECONDS, "the cancel to arrive")
        hold.let_go()
        verdict, _ = await asyncio.wait_for(cancel, WAIT_SECONDS)
    assert verdict == CancelVerdict.TOO_LATE


async def test_status_without_a_worker_comes_from_server_and_book(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra_policy, "QUERY", infra_policy.WATCH_POLL)
    shop.stage.fail("before reserve", lambda: PaymentDeclined("no"))
    order = an_order()
    async with shop.open():
        await submitted(shop, order)
    status = await shop.client.status(order.order_id)
    assert status.status == OrderStatus.FAILED
    assert [child.status for child in status.children[:2]] == [StepState.COMPLETED, StepState.FAILED]
    with pytest.raises(UnknownOrder, match="no order NOBODY"):
        await shop.client.status("NOBODY")


@pytest.mark.parametrize("step", [Step.PAYMENT, Step.INVENTORY, Step.SHIPPING])
async def test_a_child_that_is_terminated_alone_fails_the_order(shop: Shop, step: Step) -> None:
    order = an_order()
    call = {Step.PAYMENT: "charge", Step.INVENTORY: "reserve", Step.SHIPPING: "buy_label"}[step]
    hold = shop.stage.hold(f"before {call}")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        await shop.temporal.get_workflow_handle(step_workflow_id(step, order.order_id)).terminate()
        hold.let_go()
        progress = await watched(shop, order)
    assert (OrderStatus.FAILED, step) == (progress.status, progress.failed_step)
    assert {child.step: child.status for child in progress.children}[step] == StepState.TERMINATED
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


async def test_a_cancel_that_arrives_together_with_the_termination_of_a_child_undoes_the_order(
    shop: Shop,
) -> None:
    """In one task: the SDK's core has a child that it knows as terminated be cancelled no more, and a parent
    that tried would fail that task for ever (found by chaos, seed 4)."""
    order = an_order()
    shop.stage.unreachable("buy_label")
    async with shop.open():
        await shop.client.submit(order)
        await eventually(lambda: shop.stage.called("before buy_label"), WAIT_SECONDS, "shipping to begin")
    shop.stage.mend()
    await shop.temporal.get_workflow_handle(step_workflow_id(Step.SHIPPING, order.order_id)).terminate()
    await shop.handle(order).cancel()
    async with shop.open():
        progress = await watched(shop, order)
    assert (progress.status, progress.failed_step) == (OrderStatus.CANCELLED, None)
    (await shop.accounts(order)).assert_undone()
    await shop.assert_clean()


# --- a bug in workflow code -----------------------------------------------------------------------


async def test_a_bug_in_workflow_code_moves_no_money_and_waits_for_its_fix(shop: Shop) -> None:
    from tests.fixtures.shops.buggy import BuggyPaymentWorkflow

    order = an_order()
    buggy = [BuggyPaymentWorkflow if found is PaymentWorkflow else found for found in WORKFLOWS]
    async with shop.open(workflows=buggy):
        await shop.client.submit(order)

        async def task_failed() -> bool:
            try:
                child = shop.temporal.get_workflow_handle(step_workflow_id(Step.PAYMENT, order.order_id))
                events = (await child.fetch_history()).events
            except RPCError:
                return False
            return any(event.HasField("workflow_task_failed_event_attributes") for event in events)

        await eventually(task_failed, WAIT_SECONDS, "the bug to show")
        assert (await shop.handle(order).describe()).status == WorkflowExecutionStatus.RUNNING
    assert 0 == shop.stage.calls["before charge"] == shop.stage.calls["before refund"]

    async with shop.open():
        assert (await watched(shop, order)).status == OrderStatus.FULFILLED
    await shop.assert_clean()
