"""What waits for a worker is taken in this order: undos, orders by hand, orders of batches, which take turns.
With one place for activities, so that all of it waits."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities import batch_activities
from order_system.domain.ids import order_workflow_id
from order_system.infra.database import Database
from order_system.orders.on_server import TemporalOrderRuns
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders
from tests.fixtures.shops.shop import an_order
from tests.fixtures.shops.stage import Hold
from tests.fixtures.steering.waiting import eventually
from workflows.registry import WORKFLOWS

SECONDS = 180
UNDO, BY_HAND, BATCH = 1, 2, 4
TOO_LONG = "x" * 90
"""In the name of a batch: no fairness key may be as long."""


@workflow.defn
class InTheWay:
    """Takes the one place, for longer than an effect may."""

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity("stay", start_to_close_timeout=timedelta(seconds=10 * SECONDS))


class Taken(Interceptor):
    """Which activity of which workflow, in turn."""

    def __init__(self) -> None:
        self.turns: list[tuple[str, str]] = []

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        turns = self.turns

        class Noting(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
                info = activity.info()
                turns.append((info.activity_type, info.workflow_id or ""))
                return await super().execute_activity(input)

        return Noting(next)


async def waiting(shop: BatchShop, priority: int, activities: int) -> None:
    """At least so many of them."""
    request = DescribeTaskQueueRequest(
        namespace=shop.temporal.namespace,
        task_queue=TaskQueue(name=shop.task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_stats=True,
    )

    async def so_many() -> bool:
        # Tried again: a server closes a connection after five minutes, with the call that it meets.
        told = await shop.temporal.workflow_service.describe_task_queue(request, retry=True)
        return told.stats_by_priority_key[priority].approximate_backlog_count >= activities

    await eventually(so_many, SECONDS, f"{activities} of priority {priority}")


async def test_undos_overtake_orders_by_hand_which_overtake_batches_which_take_turns(
    client: Client, sqlite_database: Database, tmp_path: Path
) -> None:
    shop, taken, place = BatchShop(sqlite_database, client, tmp_path), Taken(), Hold()
    cancelled, by_hand = an_order(), an_order()
    batches = {f"big-{shop.task_queue}": 6, f"small-{shop.task_queue}-{TOO_LONG}"[:100]: 2}
    for name, orders in batches.items():
        rows = [row(f"{name[:40]}-{number}", card="pm_card_declined") for number in range(orders)]
        request = await shop.request(name, write_orders(tmp_path / f"{name}.csv", rows))
        await shop.batches.start(request)
        await shop.batches.pause(name)

    @activity.defn
    async def stay() -> None:
        await place.stop_here()

    of_batches = batch_activities(shop.batch_book, shop.files, TemporalOrderRuns(client))
    async with shop.open(
        max_concurrent_activities=1,
        interceptors=[taken],
        workflows=[*WORKFLOWS, InTheWay],
        activities=[*shop.activities(), *of_batches, stay],
    ):
        for name, orders in batches.items():

            async def is_read(name: str = name, orders: int = orders) -> bool:
                return (await shop.batches.progress(name)).counts.not_started == orders

            await eventually(is_read, SECONDS, f"{name} to be read")
        place_id = f"in-the-way-{shop.task_queue}"
        await client.start_workflow(InTheWay.run, id=place_id, task_queue=shop.task_queue)
        await place.reached()
        so_far = 0
        for name, orders in batches.items():
            so_far += orders
            await shop.batches.resume(name)
            await waiting(shop, BATCH, so_far)
        for order in (cancelled, by_hand):
            await shop.client.submit(order)
        await waiting(shop, BY_HAND, 2)
        await shop.handle(cancelled).cancel()
        await waiting(shop, UNDO, 1)
        before = len(taken.turns)
        place.let_go()
        for name, orders in batches.items():
            assert (await shop.followed(name)).counts.failed == orders
        for order in (cancelled, by_hand):
            await shop.ended(shop.handle(order))

    turns = taken.turns[before:]
    assert turns[0] == ("void_shipment", order_workflow_id(cancelled.order_id))
    charged = [workflow_id for name, workflow_id in turns if name == "charge"]
    assert charged[0] == f"payment-{by_hand.order_id}"
    small = [at for at, workflow_id in enumerate(charged) if "small" in workflow_id]
    assert small[-1] <= 4, f"the small batch has not waited for the big one: {charged}"
