"""Orders on the real server: parents and children, their budget of events, and a bug in workflow code."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from order_system.book.order_book import SqlOrderBook
from order_system.domain import policy
from order_system.domain.answers import GiveUp
from order_system.domain.errors import InvalidSettings, PaymentDeclined, ShippingRefused, UnknownOrder
from order_system.domain.ids import order_workflow_id, step_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.progress import StepState, UndoState
from order_system.domain.steps import Step
from order_system.domain.wording import milliseconds_between
from order_system.infra import policy as infra_policy
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.orders.client import CancelAnswer
from order_system.orders.lists import OrderLists
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.shops.watched import WAIT_SECONDS, submitted, watched
from tests.fixtures.steering.resets import forget
from tests.fixtures.steering.waiting import eventually
from workflows.payment import PaymentWorkflow
from workflows.registry import WORKFLOWS

MOST_EVENTS = 92
MOST_BYTES = 19_000


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
    events = [event for history in histories for event in history.events]
    assert len(events) <= MOST_EVENTS
    assert sum(event.ByteSize() for event in events) <= MOST_BYTES


async def test_the_web_ui_is_told_the_story(shop: Shop) -> None:
    order = an_order()
    async with shop.open():
        await submitted(shop, order)
        description = await shop.handle(order).describe()
        assert order.order_id in (await description.static_summary() or "")
        story = await shop.handle(order).query("__temporal_workflow_metadata")
        assert "fulfilled" in str(story)


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


async def test_a_terminated_order_took_as_long_as_it_did_and_no_list_calls_it_running(
    shop: Shop, sqlite_database: Database
) -> None:
    order = an_order()
    hold = shop.stage.hold("before reserve")
    lists = OrderLists(SqlOrderBook(sqlite_database), shop.temporal, shop.task_queue)

    async def status_in_list() -> OrderStatus:
        rows = {row.order_id: row for row in (await lists.orders()).rows}
        return rows[order.order_id].status

    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        assert await status_in_list() == OrderStatus.RUNNING
        await shop.handle(order).terminate("by the operator")
        closed_at = (await shop.handle(order).describe()).close_time
        status = await shop.client.status(order.order_id)

        async def told() -> bool:
            return await status_in_list() == OrderStatus.TERMINATED

        await eventually(told, WAIT_SECONDS, "the list to know")
        assert not (await lists.orders(status=OrderStatus.RUNNING)).rows
        [row] = (await lists.orders(status=OrderStatus.TERMINATED)).rows
        assert (row.order_id, row.status) == (order.order_id, OrderStatus.TERMINATED), "and it is in one"
        await forget(shop, order)
        for wanted in (None, OrderStatus.TERMINATED):
            [row] = (await lists.orders(status=wanted)).rows
            assert row.status == OrderStatus.TERMINATED, "nor one whose workflow is gone"
            assert "the reconciler settles it" in (row.reason or "")
        counts = await lists.counts()
        assert (counts[OrderStatus.RUNNING], counts[OrderStatus.TERMINATED]) == (0, 1)
        hold.let_go()
    inventory = {step.step: step for step in status.children}[Step.INVENTORY]
    assert (inventory.status, inventory.closed_at) == (StepState.TERMINATED, closed_at)
    assert closed_at is not None
    assert inventory.started_at is not None
    taken = status.taken(closed_at + timedelta(hours=1))
    assert taken is not None
    assert (taken or 0) >= milliseconds_between(inventory.started_at, closed_at) > 0


async def test_an_order_whose_last_undo_ends_after_its_workflow_was_terminated_has_failed(shop: Shop) -> None:
    """As the book has it by then, and its customer was told."""
    order = an_order()
    shop.stage.fail("before buy_label", lambda: ShippingRefused("too heavy"))
    hold = shop.stage.hold("after refund")
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        await shop.handle(order).terminate("by the operator")
        assert (await shop.client.status(order.order_id)).status is OrderStatus.TERMINATED
        hold.let_go()

        async def has_failed() -> bool:
            return (await shop.client.status(order.order_id)).status is OrderStatus.FAILED

        await eventually(has_failed, WAIT_SECONDS, "the book's word to count")
        told = await shop.client.status(order.order_id)
    assert "too heavy" in (told.reason or "")
    assert {undo.status for undo in told.undos} == {UndoState.DONE}


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


async def test_a_gateway_that_is_away_shows_on_the_order_and_a_cancel_waits_for_no_pause(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra_policy, "STEP_TAKES_LONG", timedelta(0))
    shop.patience = policy.PATIENCE
    shop.stage.unreachable("reserve")
    order = an_order()
    async with shop.open():
        await shop.client.submit(order)

        async def told() -> bool:
            steps = {step.step: step.reason for step in (await shop.client.status(order.order_id)).children}
            return "NotReached: reserve: connection refused" in (steps[Step.INVENTORY] or "")

        await eventually(told, WAIT_SECONDS, "the order to say why its step takes long")
        async with asyncio.timeout(WAIT_SECONDS):
            answer, _ = await shop.client.cancel(order.order_id)
    assert answer is CancelAnswer.UNDONE
    (await shop.accounts(order)).assert_undone()


async def test_a_namespace_that_is_not_there_is_no_word_about_any_order(
    shop: Shop, sqlite_database: Database, dev_server: EmbeddedServer
) -> None:
    """Neither "already closed" nor "forgotten": the order is open, and waits."""
    order = an_order()
    hold = shop.stage.hold("before reserve")
    elsewhere = Shop(sqlite_database, await connect(dev_server.address, "nope"))
    async with shop.open():
        await shop.client.submit(order)
        await hold.reached()
        for question in (
            elsewhere.client.cancel(order.order_id),
            elsewhere.client.status(order.order_id),
            elsewhere.client.submit(order),
            elsewhere.client.parent(order.order_id),
            elsewhere.attention.answer(order.order_id, GiveUp(who="ada", note="")),
        ):
            with pytest.raises(InvalidSettings, match=r"nope is not found.*TEMPORAL_NAMESPACE"):
                await question
        hold.let_go()
        assert (await watched(shop, order)).status == OrderStatus.FULFILLED
