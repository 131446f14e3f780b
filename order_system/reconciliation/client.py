"""Running the reconciler: on its schedule, and now."""

import uuid
from datetime import timedelta

from temporalio.api.schedule.v1 import Schedule as RawSchedule
from temporalio.api.workflowservice.v1 import UpdateScheduleRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode

from order_system.domain import policy
from order_system.domain.errors import OrderSystemError, ReconciliationFailed
from order_system.domain.ids import RECONCILIATION
from order_system.domain.reconciliation import (
    AbandonedAnswer,
    ReconciliationReport,
    ReconciliationRequest,
)
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

    async def start(self, only: AbandonedAnswer | None = None) -> ReconciliationHandle:
        """A run of its own, that leaves out no submission for its age; or one for a person's answer alone.

        It does not trigger the schedule, which may be off, paused, or busy with a run that has passed by
        what this one is started for; and which does not tell what a run that it starts came to. Two runs
        at once are safe.
        """
        async with reaching_server():
            return await self._temporal.start_workflow(
                ReconciliationWorkflow.run,
                ReconciliationRequest(only=only),
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
        several workers at once. A schedule that somebody has paused stays so, also if that is done meanwhile.

        Raises OrderSystemError if others keep changing it.
        """
        async with reaching_server():
            if every <= timedelta(0):
                await self._delete_schedule()
                return
            schedule = self._schedule(every)
            try:
                await self._temporal.create_schedule(RECONCILIATION, schedule, rpc_timeout=infra_policy.RPC)
            except ScheduleAlreadyRunningError:
                await self._renew_schedule(schedule)

    async def _renew_schedule(self, schedule: Schedule) -> None:
        """With the server's token of what we have read. The server drops an update whose token is stale, and
        says nothing; so it is read again. The SDK's own update sends no token: it would undo a pause that
        comes between its reading and its writing."""
        renewed = await schedule._to_proto(self._temporal)  # pyright: ignore[reportPrivateUsage]
        handle = self._temporal.get_schedule_handle(RECONCILIATION)
        for _ in range(infra_policy.SCHEDULE_UPDATES + 1):
            found = (await handle.describe(rpc_timeout=infra_policy.RPC)).raw_description
            if _what_we_set(found.schedule) == _what_we_set(renewed):
                return
            renewed.state.CopyFrom(found.schedule.state)
            update = UpdateScheduleRequest(
                namespace=self._temporal.namespace,
                schedule_id=RECONCILIATION,
                schedule=renewed,
                conflict_token=found.conflict_token,
                identity=self._temporal.identity,
                request_id=str(uuid.uuid4()),
            )
            await self._temporal.workflow_service.update_schedule(
                update, retry=True, timeout=infra_policy.RPC
            )
        raise OrderSystemError("the reconciler's schedule is being changed by others, again and again")

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


def _what_we_set(schedule: RawSchedule) -> tuple[object, ...]:
    """The server adds defaults of its own, and whether it is paused is for people to say."""
    start = schedule.action.start_workflow
    return (
        list(schedule.spec.interval),
        schedule.policies,
        start.task_queue.name,
        start.input,
        start.workflow_run_timeout,
    )
