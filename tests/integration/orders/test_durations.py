"""A step lasts as long as its child, and its parts make it up. How long whole orders last, whoever tells, is
looked at in tests/integration/telemetry, where fifty run."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowExecutionDescription

from order_system.domain.errors import ShippingRefused
from order_system.domain.listing import BatchOrder, LineStatus
from order_system.domain.messages import OrderStatus
from order_system.infra.database import Database
from tests.fixtures.shops.batch_shop import row
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.web.web import WebShop, text_of

WINDOW = 2
WAIT_SECONDS = 180


@pytest.fixture
def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> WebShop:
    return WebShop(sqlite_database, client, tmp_path)


async def closed(shop: WebShop, order_id: str) -> WorkflowExecutionDescription:
    handle = shop.temporal.get_workflow_handle(f"order-{order_id}")

    async def is_closed() -> bool:
        return (await handle.describe()).close_time is not None

    await eventually(is_closed, WAIT_SECONDS, f"{order_id} to be closed")
    return await handle.describe()


async def test_the_parts_of_a_steps_time_make_it_up(shop: WebShop) -> None:
    order = an_order()
    shop.stage.unreachable("reserve", 2)
    async with shop.open():
        await shop.client.submit(order)
        await closed(shop, order.order_id)

        async def shown() -> bool:
            query = f"WorkflowId = 'notification-{order.order_id}' AND CloseTime IS NOT NULL"
            return (await shop.temporal.count_workflows(query)).count == 1

        await eventually(shown, WAIT_SECONDS, "visibility to show the last child's end")
        details = await shop.client.in_full(await shop.client.status(order.order_id))
        for step in details.children:
            child = await shop.temporal.get_workflow_handle(step.workflow_id).describe()
            assert (step.started_at, step.closed_at) == (child.start_time, child.close_time)
    for step, bar in zip(details.children, details.timeline.bars, strict=True):
        assert None not in (bar.tried_ms, bar.paused_ms, bar.waited_ms)
        assert sum((bar.tried_ms or 0, bar.paused_ms or 0, bar.waited_ms or 0)) == step.duration_ms
        assert ((bar.paused_ms or 0) >= 1_400) is (step.step == "inventory"), "0.5 s and 1 s"


async def test_the_steps_of_an_order_that_waits_for_a_person_last_as_long_as_their_children(
    shop: WebShop,
) -> None:
    order = an_order(hold_on_failure=timedelta(hours=1))
    shop.stage.fail("before dispatch", lambda: ShippingRefused("on strike"))
    async with shop.open():
        await shop.client.submit(order)

        async def waits() -> bool:
            held = (await shop.client.status(order.order_id)).status is OrderStatus.NEEDS_ATTENTION
            query = f"WorkflowId = 'shipping-{order.order_id}' AND CloseTime IS NOT NULL"
            return held and (await shop.temporal.count_workflows(query)).count == 1

        await eventually(waits, WAIT_SECONDS, "the hold, and visibility to show the end of shipping")
        steps = (await shop.client.status(order.order_id)).children[:3]
        for step in steps:
            child = await shop.temporal.get_workflow_handle(step.workflow_id).describe()
            assert (step.started_at, step.closed_at) == (child.start_time, child.close_time)
        await shop.handle(order).terminate()
        ended = await shop.client.status(order.order_id)
    assert ended.status is OrderStatus.TERMINATED
    assert ended.held_until is None, "nobody has to answer, and nothing waits until then"
    assert [hold.ended_at for hold in ended.holds] == [ended.closed_at]


async def test_an_order_of_a_batch_has_begun_once_its_workflow_has_in_sums_and_rows_alike(
    shop: WebShop, tmp_path: Path
) -> None:
    ids = [f"BEGUN-{number}" for number in range(5)]
    file = tmp_path / "begun.csv"
    file.write_bytes(text_of(row(order_id) for order_id in ids))
    hold, next_one = shop.stage.hold("before open charge"), shop.stage.hold("before reserve")
    async with shop.open():
        await shop.batches.start(await shop.request("begun", file, window=WINDOW))
        await hold.reached()
        rows: list[BatchOrder] = []

        async def shown() -> bool:
            rows[:] = (await shop.services.lists.batch_orders("begun")).rows
            return Counter(each.status for each in rows)[LineStatus.RUNNING] == WINDOW

        await eventually(shown, WAIT_SECONDS, "a window full of orders to run")
        progress = await shop.batches.progress("begun")
        assert (progress.counts.running, progress.counts.not_started) == (WINDOW, len(ids) - WINDOW)
        assert all((each.opened_at is None) is (each.status is LineStatus.NOT_STARTED) for each in rows)
        assert all((each.submission is None) is (each.opened_at is None) for each in rows)
        hold.let_go()
        next_one.let_go()
        assert (await shop.followed("begun")).counts.fulfilled == len(ids)
