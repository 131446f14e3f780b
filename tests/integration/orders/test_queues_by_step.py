"""Each step's activities on a task queue of their own, so that Temporal's limits slow one gateway alone."""

from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import RateLimit
from temporalio.api.workflowservice.v1 import UpdateTaskQueueConfigRequest
from temporalio.client import Client

from order_system.bootstrap import open_order_system
from order_system.domain.ids import order_workflow_id, step_queue
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Flow, Handling
from order_system.domain.progress import StepState
from order_system.domain.steps import Step
from order_system.infra.database import Database
from order_system.infra.settings import load_settings
from order_system.orders.client import OrderClient
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.waiting import eventually

SECONDS = 180


async def limit(client: Client, queue: str, a_second: float | None) -> None:
    """What `temporal task-queue config set --queue-rps-limit` sends; None takes the limit away."""
    rate = None if a_second is None else RateLimit(requests_per_second=a_second)
    request = UpdateTaskQueueConfigRequest(
        namespace=client.namespace,
        task_queue=queue,
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        update_queue_rate_limit=UpdateTaskQueueConfigRequest.RateLimitUpdate(rate_limit=rate, reason="test"),
    )
    await client.workflow_service.update_task_queue_config(request)


async def test_a_limit_on_the_queue_of_a_step_stops_that_step_alone(client: Client, tmp_path: Path) -> None:
    settings = load_settings(
        data_dir=tmp_path, queues_by_step=True, faults="none", latency_min=0, latency_max=0, reconcile_every=0
    )
    order = an_order(flow=Flow.PARALLEL)
    async with open_order_system(settings) as system, system.serving(client):
        orders, payments = system.client(client), step_queue(system.task_queue, Step.PAYMENT)
        await limit(client, payments, 0)
        await orders.submit(order)

        async def reserved() -> bool:
            states = {each.step: each.status for each in (await orders.status(order.order_id)).children}
            assert states.get(Step.PAYMENT) is not StepState.COMPLETED
            return states.get(Step.INVENTORY) is StepState.COMPLETED

        await eventually(reserved, SECONDS, "inventory to be done, while payment waits")
        await limit(client, payments, None)
        await client.get_workflow_handle(order_workflow_id(order.order_id)).result()
        assert (await orders.status(order.order_id)).status is OrderStatus.FULFILLED


async def test_a_queue_of_a_step_that_nobody_serves_is_told(shop: Shop, sqlite_database: Database) -> None:
    """As after the setting was taken back while such orders were open."""
    by_step = Handling(queues_by_step=True)
    client = OrderClient(shop.temporal, shop.book, task_queue=shop.task_queue, defaults=by_step)
    order, queue = an_order(), step_queue(shop.task_queue, Step.PAYMENT)
    async with shop.open():
        await client.submit(order)

        async def told() -> bool:
            reasons = [each.reason async for each in shop.attention.attention()]
            return reasons == [f"activities wait on the task queue {queue}, and nobody takes them"]

        await eventually(told, SECONDS, "the queue to be listed")

        async def is_counted() -> bool:
            workers = shop.attention.workers
            return (await workers.at_all_queues(), (await workers.backlog())["activity"][0]) == (0, 1)

        await eventually(is_counted, SECONDS, "what waits there to be counted")
        async with shop.open(task_queue=queue, workflows=[]):
            await eventually(lambda: _charged(shop), SECONDS, "the charge")
    await shop.handle(order).terminate()


async def _charged(shop: Shop) -> bool:
    return shop.stage.calls["after charge"] == 1
