"""Whether workers are there, by the server's word."""

import asyncio
from datetime import UTC, datetime

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from order_system import policy
from order_system.concerns import Concern, ConcernKind


async def workers_poll(temporal: Client, task_queue: str) -> bool:
    """Whether somebody has lately asked for workflow tasks, and for activities. True for a while after the
    last worker was killed."""
    since = datetime.now(UTC) - policy.POLLED_WITHIN

    async def polled(kind: TaskQueueType.ValueType) -> bool:
        request = DescribeTaskQueueRequest(
            namespace=temporal.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
        )
        queue = await temporal.workflow_service.describe_task_queue(request, timeout=policy.RPC)
        return any(poller.last_access_time.ToDatetime(UTC) > since for poller in queue.pollers)

    kinds = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
    return all(await asyncio.gather(*map(polled, kinds)))


def no_worker(task_queue: str, open_workflows: int) -> Concern:
    what = "1 workflow is open" if open_workflows == 1 else f"{open_workflows:,} workflows are open"
    return Concern(
        kind=ConcernKind.NO_WORKER,
        workflow_id="",
        reason=f"{what}, and nobody takes work from the task queue {task_queue}",
        commands=("python worker.py",),
    )
