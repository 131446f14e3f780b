"""The least that a Temporal program of this shape can do: a parent, its four children one after another,
five activities that do nothing. Dataclasses, no sandbox, no search attributes, nothing logged.

    python -m benchmarks.contestants.floor ADDRESS TASK_QUEUE
"""

import asyncio
import sys
from dataclasses import dataclass

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.service import GrpcCompression
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from order_system.domain import policy


@dataclass(frozen=True)
class OrderLine:
    sku: str
    quantity: int
    unit_price: int


@dataclass(frozen=True)
class Order:
    order_id: str
    lines: list[OrderLine]


@dataclass(frozen=True)
class Request:
    order_id: str


@dataclass(frozen=True)
class Receipt:
    id: str


@activity.defn
async def charge(request: Request) -> Receipt:
    return Receipt(request.order_id)


@activity.defn
async def reserve(request: Request) -> Receipt:
    return Receipt(request.order_id)


@activity.defn
async def buy_label(request: Request) -> Receipt:
    return Receipt(request.order_id)


@activity.defn
async def dispatch(request: Request) -> Receipt:
    return Receipt(request.order_id)


@activity.defn
async def notify(request: Request) -> Receipt:
    return Receipt(request.order_id)


@workflow.defn
class Payment:
    @workflow.run
    async def run(self, request: Request) -> Receipt:
        return await workflow.execute_activity(charge, request, start_to_close_timeout=policy.EFFECT_ATTEMPT)


@workflow.defn
class Inventory:
    @workflow.run
    async def run(self, request: Request) -> Receipt:
        return await workflow.execute_activity(reserve, request, start_to_close_timeout=policy.EFFECT_ATTEMPT)


@workflow.defn
class Shipping:
    @workflow.run
    async def run(self, request: Request) -> Receipt:
        await workflow.execute_activity(buy_label, request, start_to_close_timeout=policy.EFFECT_ATTEMPT)
        return await workflow.execute_activity(
            dispatch, request, start_to_close_timeout=policy.EFFECT_ATTEMPT
        )


@workflow.defn
class Notification:
    @workflow.run
    async def run(self, request: Request) -> Receipt:
        return await workflow.execute_activity(notify, request, start_to_close_timeout=policy.EFFECT_ATTEMPT)


@workflow.defn
class FloorOrder:
    @workflow.run
    async def run(self, order: Order) -> Receipt:
        request = Request(order.order_id)
        await workflow.execute_child_workflow(Payment.run, request, id=f"payment-{order.order_id}")
        await workflow.execute_child_workflow(Inventory.run, request, id=f"inventory-{order.order_id}")
        await workflow.execute_child_workflow(Shipping.run, request, id=f"shipping-{order.order_id}")
        return await workflow.execute_child_workflow(
            Notification.run, request, id=f"notification-{order.order_id}"
        )


async def main(address: str, task_queue: str) -> None:
    worker = Worker(
        await Client.connect(address, grpc_compression=GrpcCompression.NONE),
        task_queue=task_queue,
        workflows=[FloorOrder, Payment, Inventory, Shipping, Notification],
        activities=[charge, reserve, buy_label, dispatch, notify],
        workflow_runner=UnsandboxedWorkflowRunner(),
        # As ours, and as the SDK recommends: the two are to differ in what they do, not in how they ask.
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
