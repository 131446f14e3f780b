"""Running the reconciler: on its schedule, and now."""

import uuid
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode

from order_system.domain import policy
from order_system.domain.errors import ReconciliationFailed
from order_system.domain.ids import RECONCILIATION
from order_system.domain.reconciliation import ReconciliationReport, ReconciliationRequest
from order_system.infra import policy as infra_policy
from order_system.infra.temporal.connection import reaching_server
from order_system.infra.temporal.executions import root_cause
from workflows.reconciliation import ReconciliationWorkflow

ReconciliationHandle = WorkflowHandle[ReconciliationWorkflow, ReconciliationReport]


class ReconciliationClient:
    """Over a Temporal client. Raises ServerUnreachable if the server cannot be reached."""

    def __init__(self, temporal: Client, *, task_queue: str) -> None:
        self._temporal = temporal
        self._task_queue = task_queue

    async def start(self) -> ReconciliationHandle:
        """A run of its own, that leaves out no submission for its age.

        It does not trigger the schedule, which may be off, paused, or busy with a run that has passed by
        what this one is started for; and which does not tell what a run that it starts came to. Two runs
        at once are safe.
        """
        async with reaching_server():
            return await self._temporal.start_workflow(
                ReconciliationWorkflow.run,
                ReconciliationRequest(),
                id=f"{RECONCILIATION}-now-{uuid.uuid4()}",
                task_queue=self._task_queue,
                run_timeout=policy.RECONCILE_RUN,
                static_summary="asked for by hand",
                rpc_timeout=infra_policy.RPC,
            )

    async def report(self, started: ReconciliationHandle) -> ReconciliationReport:
        """Wait for its end. Raises ReconciliationFailed."""
        async with reaching_server():
            try:
                return await started.result()
            except WorkflowFailureError as failure:
                why = f"the reconciliation {started.id} failed: {root_cause(failure)}"
                raise ReconciliationFailed(why) from failure

    async def ensure_schedule(self, every: timedelta) -> None:
        """One schedule in the namespace, whose interval is this; none if it is zero. Idempotent, also with
        several workers at once. A schedule that somebody has paused stays so."""
        async with reaching_server():
            if every <= timedelta(0):
                await self._delete_schedule()
                return
            schedule = self._schedule(every)

            def renewed(found: ScheduleUpdateInput) -> ScheduleUpdate:
                schedule.state = found.description.schedule.state
                return ScheduleUpdate(schedule)

            try:
                await self._temporal.create_schedule(RECONCILIATION, schedule, rpc_timeout=infra_policy.RPC)
            except ScheduleAlreadyRunningError:
                handle = self._temporal.get_schedule_handle(RECONCILIATION)
                await handle.update(renewed, rpc_timeout=infra_policy.RPC)

    async def _delete_schedule(self) -> None:
        try:
            await self._temporal.get_schedule_handle(RECONCILIATION).delete(rpc_timeout=infra_policy.RPC)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    def _schedule(self, every: timedelta) -> Schedule:
        # An order that is terminated is older than one interval when the second run from then begins, so
        # it is made whole within two runs.
        min_age = min(every, policy.RECONCILE_MIN_AGE)
        return Schedule(
            action=ScheduleActionStartWorkflow(
                ReconciliationWorkflow.run,
                ReconciliationRequest(min_age_seconds=min_age.total_seconds()),
                id=RECONCILIATION,
                task_queue=self._task_queue,
                run_timeout=policy.RECONCILE_RUN,
            ),
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
            policy=SchedulePolicy(
                overlap=ScheduleOverlapPolicy.SKIP, catchup_window=policy.RECONCILE_CATCH_UP
            ),
        )
