"""Moves open workflows to this build's version. A pinned workflow's activities are pinned with it, so only a
move brings what was mended to a stuck undo."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution as ExecutionKey
from temporalio.api.deployment.v1 import WorkerDeploymentVersion as ApiVersion
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client, WorkflowExecution
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError

from order_system.attention.client import AttentionClient
from order_system.attention.concerns import ConcernKind as Kind
from order_system.attention.stuck import order_id_of
from order_system.domain.errors import InvalidUsage
from order_system.domain.ids import batch_workflow_id, step_queue
from order_system.domain.search_attributes import BATCH_NAME, ORDER_ID
from order_system.domain.steps import Step
from order_system.infra import policy
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import has_gone, reaching_server
from order_system.infra.temporal.deployment import in_full, is_not_on, is_on
from order_system.infra.temporal.workers import Workers
from order_system.rollouts.gate import replay_all

_WAITS = (Kind.HELD, Kind.STUCK_UNDO, Kind.STUCK_REFUND, Kind.UNKNOWN_NEED, Kind.BUG, Kind.NO_PROGRESS)


@dataclass(frozen=True)
class Mover:
    temporal: Client
    attention: AttentionClient
    to: WorkerDeploymentVersion

    async def move(self, of_build: str | None) -> dict[str, str]:
        """Move the workflows that `attention` lists as held or stuck; with `of_build`, all that are open on
        that build. Workflows that are here already are left alone, so it is safe to repeat.

        An order moves with its open children and refunds, or none does; its batch moves if it can. All are
        replayed first. Returns why each was not moved, if so. Raises InvalidUsage, ServerUnreachable."""
        async with reaching_server():
            await self._check_workers()
            found = [run async for run in self._chosen(of_build)]
            replayed = await replay_all(self.temporal, found)
            together, came = defaultdict[str, list[WorkflowExecution]](list), dict[str, str]()
            for run in found:
                together[order_id_of(run)].append(run)
            for unit in together.values():
                broken = [each for run in unit if replayed.get(each := f"{run.id}/{run.run_id}")]
                why = f"{broken[0]} does not replay: {replayed[broken[0]]}" if broken else ""
                came |= {run.id: why or await self._moved(run) for run in unit}
            return came

    async def _check_workers(self) -> None:
        """Make sure that our workers serve each queue that others serve, or in which work waits."""
        queue, version = self.attention.task_queue, in_full(self.to)
        in_use = [queue, *await self.attention.workers.deserted()]
        for each in (queue, *(step_queue(queue, step) for step in Step)):
            workers = Workers(self.temporal, each)
            if (each in in_use or await workers.at_work()) and not await workers.surely_at_work(version):
                cure = "start its workers" + (" with ORDER_QUEUES_BY_STEP=true" if each != queue else "")
                raise InvalidUsage(f"no worker of {version} takes work from {each}: {cure}")

    async def _chosen(self, of_build: str | None) -> AsyncIterator[WorkflowExecution]:
        if of_build is not None:
            async for run in self._open(is_on(in_full(replace(self.to, build_id=of_build)))):
                yield run
            return
        waits = [each async for each in self.attention.attention() if each.kind in _WAITS]
        batches = {each.batch for each in waits}
        orders = sorted({each.order_id for each in waits if each.order_id})
        for first in range(0, len(orders), policy.ORDERS_PER_LOOK):
            some = ", ".join(map(visibility.quoted, orders[first : first + policy.ORDERS_PER_LOOK]))
            async for run in self._open(f"{ORDER_ID.name} IN ({some})"):
                yield run
                batches.add(run.typed_search_attributes.get(BATCH_NAME))
        if names := [batch_workflow_id(name) for name in batches if name]:
            async for run in self._open(visibility.with_ids(names)):
                yield run

    def _open(self, which: str) -> AsyncIterator[WorkflowExecution]:
        ours = visibility.on_queue(self.attention.task_queue)
        query = visibility.all_of(ours, visibility.RUNNING, which, is_not_on(in_full(self.to)))
        return self.temporal.list_workflows(query, rpc_timeout=policy.RPC)

    async def _moved(self, run: WorkflowExecution) -> str:
        """Move a run. Returns why it was not moved; empty if it was."""
        to = ApiVersion(deployment_name=self.to.deployment_name, build_id=self.to.build_id)
        # An override that stays would keep a batch from moving on when it continues as new.
        once = VersioningOverride(one_time=VersioningOverride.OneTimeOverride(target_deployment_version=to))
        request = UpdateWorkflowExecutionOptionsRequest(
            namespace=self.temporal.namespace,
            workflow_execution=ExecutionKey(workflow_id=run.id, run_id=run.run_id),
            workflow_execution_options=WorkflowExecutionOptions(versioning_override=once),
            update_mask=FieldMask(paths=["versioning_override"]),
        )
        update = self.temporal.workflow_service.update_workflow_execution_options
        try:
            answer = await update(request, retry=True, timeout=policy.RPC)
        except RPCError as refused:
            if has_gone(refused):
                raise
            return f"the server refuses: {refused.message}"
        taken = answer.workflow_execution_options.versioning_override.HasField("one_time")
        return "" if taken else "the server is too old: 1.32 is needed"
