"""The reconciler while something fails: a look-up, an undo, the server itself."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.service import RPCError

from order_system.domain import policy
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import ReconciliationFailed
from order_system.domain.ids import order_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.search_attributes import of_new_order
from order_system.orders.on_server import TemporalOrderRuns
from order_system.reconciliation.client import Reconciler
from tests.fixtures.shops.abandoned import (
    ended,
    named,
    status_in_book,
    terminated_at,
)
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.waiting import eventually
from workflows.order import OrderFulfillmentWorkflow

THREE_QUICK_ATTEMPTS = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=3)


async def test_look_ups_that_fail_are_repeated(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "RECONCILE_RETRY", THREE_QUICK_ATTEMPTS)
    abandoned, running = an_order(), an_order()
    async with shop.open():
        await terminated_at(shop, "before claim label", abandoned)
        hold = shop.stage.hold("before reserve")
        await shop.client.submit(running)
        await hold.reached()
        for look_up in ("open_submissions", "current_run", "keys_in_doubt"):
            shop.stage.unreachable(look_up, times=1)
        report = await shop.reconcile()
        assert (named(report, "settled"), named(report, "left_alone")) == (
            [abandoned.order_id],
            [running.order_id],
        )
        hold.let_go()
        assert await ended(shop, running) == OrderStatus.FULFILLED


@pytest.mark.parametrize("look_up", ["open_submissions", "current_run"])
async def test_a_look_up_that_never_works_fails_the_run_and_touches_nothing(
    shop: Shop, look_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "RECONCILE_RETRY", THREE_QUICK_ATTEMPTS)
    order = an_order()
    reconciler = Reconciler(shop.temporal, book_id=shop.book.book_id, task_queue=shop.task_queue)
    async with shop.open():
        await terminated_at(shop, "after charge", order)
        shop.stage.unreachable(look_up)
        with pytest.raises(ReconciliationFailed, match="connection refused"):
            await reconciler.report(await reconciler.start())
        assert await status_in_book(shop, order) == SubmissionStatus.OPEN
        assert shop.stage.calls["before fence"] == 0
        shop.stage.mend()
        assert named(await reconciler.report(await reconciler.start()), "settled") == [order.order_id]


async def test_an_undo_that_keeps_failing_holds_up_no_other_order_and_not_the_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "RECONCILE_RETRY", THREE_QUICK_ATTEMPTS)
    stuck, other = an_order(payment_method="pm_refund_never"), an_order()
    async with shop.open():
        for order in (stuck, other):
            await terminated_at(shop, "before claim label", order)
            shop.stage.forget_holds()
        report = await shop.reconcile()
        assert (named(report, "not_yet"), named(report, "settled")) == ([stuck.order_id], [other.order_id])
        assert report.unsettled == 1
        assert report.not_yet.orders[0].detail.startswith("refund: ")
        assert (await shop.accounts(stuck)).reservations == ["released"], "the stock does not wait for it"
        assert await status_in_book(shop, stuck) == SubmissionStatus.OPEN


async def test_an_order_that_the_servers_list_has_and_the_server_has_not_stops_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a crash of a server that was deleting it."""

    async def stale(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield SimpleNamespace(id="order-GONE", run_id=str(uuid.uuid4()))

    monkeypatch.setattr(Client, "list_workflows", stale)
    order = an_order()
    async with shop.open():
        await terminated_at(shop, "after reserve", order)
        assert named(await shop.reconcile(), "settled") == [order.order_id]


async def test_a_server_without_our_namespace_has_not_forgotten_our_orders(client: Client) -> None:
    elsewhere = Client(client.service_client, namespace="nowhere")
    with pytest.raises(RPCError, match="nowhere"):
        await TemporalOrderRuns(elsewhere).current_run("ORDER-1")
    assert await TemporalOrderRuns(client).current_run("NEVER-SUBMITTED") is None


async def test_an_order_whose_first_task_the_server_has_forgotten_is_woken(shop: Shop) -> None:
    """A start that is delayed looks the same: it runs, and no task of it was ever scheduled."""
    order = an_order()
    workflow = await shop.temporal.start_workflow(
        OrderFulfillmentWorkflow.run,
        order,
        id=order_workflow_id(order.order_id),
        task_queue=shop.task_queue,
        start_delay=timedelta(hours=1),
        search_attributes=of_new_order(order.order_id, "a-batch"),
    )

    async def is_woken() -> bool:
        await shop.reconcile()
        return (await workflow.describe()).history_length > 1

    async with shop.open():
        await eventually(is_woken, 60, "the reconciler to see and wake it")
        await shop.reconcile()
    assert [event.event_type async for event in workflow.fetch_history_events()] == [
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    ], "once"
    await workflow.terminate()
