"""Tells which workers take work from a task queue, as far as the server knows.

Each of our workers sends the server a heartbeat every policy.HEARTBEAT. A killed or frozen worker sends no
more, and a worker that is told to stop says so. Pollers tell less: a long poll takes a minute, and a dead
worker's poll stays listed. Pollers decide where no heartbeat is known: an old server takes none, nor does one
with `frontend.WorkerHeartbeatsEnabled` off (on by default in 1.32)."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType, WorkerStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.worker.v1 import WorkerHeartbeat
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    ListWorkersRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from order_system.domain.ids import step_queue
from order_system.domain.steps import Step
from order_system.infra import policy
from order_system.infra.temporal import visibility
from order_system.infra.temporal.deployment import in_full

_ACTIVITIES = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
_KINDS = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, _ACTIVITIES)
_NO_HEARTBEATS = (RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED)


class Workers:
    """The workers of one task queue. Ask one instance again and again: it sees who has sent a heartbeat since
    its last look, whatever the clock of that machine says. Raises the SDK's RPCError if the server fails."""

    def __init__(self, temporal: Client, task_queue: str) -> None:
        self._temporal = temporal
        self._task_queue = task_queue
        self._looked_at = float("-inf")
        self._beats: dict[str, datetime] = {}
        self.deployments: set[str] = set()
        """The deployments of the workers that the last look has seen."""

    async def at_work(self, version: str | None = None) -> int:
        """Count the workers that take work, in one look: all, or those of `version` (`name:build` or "")."""
        heartbeats = await self._heartbeats()
        if not heartbeats:
            # Count those that lately asked for both kinds of tasks. A killed worker counts, too, until work
            # has waited for a while.
            return min(map(len, await asyncio.gather(*map(self._asking_for, _KINDS))))
        looked_at, before = self._looked_at, self._beats
        self._looked_at = time.monotonic()
        self._beats = {beat.worker_instance_key: _sent_at(beat) for beat in heartbeats}
        self.deployments = {beat.deployment_version.deployment_name for beat in heartbeats} - {""}
        lately = self._looked_at - looked_at < policy.WORKER_SILENT.total_seconds()

        def takes_work(beat: WorkerHeartbeat) -> bool:
            key, sent_at = beat.worker_instance_key, _sent_at(beat)
            has_sent_another = lately and before.get(key, sent_at) != sent_at
            return beat.status == WorkerStatus.WORKER_STATUS_RUNNING and (has_sent_another or _is_fresh(beat))

        return sum(
            takes_work(beat) for beat in heartbeats if version in (None, in_full(beat.deployment_version))
        )

    async def at_all_queues(self) -> int:
        """Return `at_work`, but 0 if activities wait on the queue of their step and no worker takes them."""
        at_work, deserted = await asyncio.gather(self.at_work(), self.deserted())
        return 0 if deserted else at_work

    async def deserted(self) -> list[str]:
        """Name the steps' queues where work waits and no worker polls. Open orders keep their old queues."""
        queues = [step_queue(self._task_queue, step) for step in Step]
        waiting = await asyncio.gather(*(self._describe(_ACTIVITIES, queue) for queue in queues))
        told = zip(queues, waiting, strict=True)
        return [name for name, queue in told if queue.stats.approximate_backlog_count and not _asking(queue)]

    async def surely_at_work(self, version: str | None = None) -> int:
        """Return `at_work`, and 0 only if it was 0 for a heartbeat's time: a worker may have just started."""
        until = time.monotonic() + policy.WORKER_HEARD.total_seconds()
        while True:
            at_work = await self.at_work(version)
            if at_work or time.monotonic() > until:
                return at_work
            await asyncio.sleep(policy.WORKER_SEEN.total_seconds())

    async def identities(self) -> set[str]:
        """Return the identities of the workers that poll for activities."""
        return await self._asking_for(_ACTIVITIES)

    async def _heartbeats(self) -> list[WorkerHeartbeat]:
        """Return the last heartbeat of each of the queue's workers, but no old ones that the server keeps."""
        since = datetime.now(UTC) - policy.HEARTBEATS_KNOWN
        queue = f"TaskQueue = {visibility.quoted(self._task_queue)}"
        request = ListWorkersRequest(
            namespace=self._temporal.namespace,
            query=f"{queue} AND HeartbeatTime >= {visibility.quoted(since.isoformat())}",
        )
        try:
            answer = await self._temporal.workflow_service.list_workers(
                request, retry=True, timeout=policy.RPC
            )
        except RPCError as error:
            if error.status in _NO_HEARTBEATS:
                return []
            raise
        return [worker.worker_heartbeat for worker in answer.workers_info]

    async def seen(self) -> list[WorkerHeartbeat]:
        """Return the last heartbeat of each worker that takes work; none if the server has no heartbeats."""
        running = WorkerStatus.WORKER_STATUS_RUNNING
        return [beat for beat in await self._heartbeats() if beat.status == running and _is_fresh(beat)]

    async def backlog(self) -> dict[str, tuple[int, float]]:
        """Return by kind of task about how many wait for a worker, and the age of the oldest in seconds."""
        of_steps = [(_ACTIVITIES, step_queue(self._task_queue, step)) for step in Step]
        asked = [(kind, self._task_queue) for kind in _KINDS] + of_steps
        queues = await asyncio.gather(*(self._describe(kind, queue) for kind, queue in asked))
        counts = [queue.stats.approximate_backlog_count for queue in queues]
        ages = [queue.stats.approximate_backlog_age.ToTimedelta().total_seconds() for queue in queues]
        return {"workflow": (counts[0], ages[0]), "activity": (sum(counts[1:]), max(ages[1:]))}

    async def _describe(self, kind: TaskQueueType.ValueType, queue: str = "") -> DescribeTaskQueueResponse:
        request = DescribeTaskQueueRequest(
            namespace=self._temporal.namespace,
            task_queue=TaskQueue(name=queue or self._task_queue),
            task_queue_type=kind,
            report_stats=True,
            report_config=True,
        )
        return await self._temporal.workflow_service.describe_task_queue(
            request, retry=True, timeout=policy.RPC
        )

    async def _asking_for(self, kind: TaskQueueType.ValueType) -> set[str]:
        return _asking(await self._describe(kind))


def _asking(queue: DescribeTaskQueueResponse) -> set[str]:
    throttled = queue.config.queue_rate_limit.HasField("rate_limit")  # then work may wait for the limit
    work_waits = not throttled and queue.stats.approximate_backlog_age.ToTimedelta() > policy.WORKER_SILENT
    since = datetime.now(UTC) - (policy.WORKER_SILENT if work_waits else policy.POLLED_WITHIN)
    return {each.identity for each in queue.pollers if each.last_access_time.ToDatetime(UTC) > since}


def _sent_at(beat: WorkerHeartbeat) -> datetime:
    return beat.heartbeat_time.ToDatetime(UTC)


def _is_fresh(beat: WorkerHeartbeat) -> bool:
    """Whether the heartbeat is recent, by our clock and the worker's. An older version sends one a minute:
    the pause before its last heartbeat shows this."""
    pause: timedelta = beat.elapsed_since_last_heartbeat.ToTimedelta()
    return abs(datetime.now(UTC) - _sent_at(beat)) < max(policy.WORKER_SILENT, 2 * pause)
