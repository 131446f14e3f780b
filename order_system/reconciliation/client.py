"""The reconciler: its schedule, one for each book and namespace, set up by workers; and runs on demand."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog
import temporalio.client as sdk
from temporalio.api.schedule.v1 import Schedule as RawSchedule
from temporalio.api.workflowservice.v1 import UpdateScheduleRequest

from order_system.domain import policy, search_attributes
from order_system.domain.errors import OrderSystemError, ReconciliationFailed
from order_system.domain.ids import RECONCILIATION, reconciliation_id
from order_system.domain.messages import AnswerToNote
from order_system.domain.reconciliation import ReconciliationReport, ReconciliationRequest
from order_system.infra import policy as infra_policy
from order_system.infra.sealing.ring import SEALED
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import if_there, reaching_server
from order_system.infra.temporal.workers import Workers
from workflows.failures import root_cause
from workflows.reconciliation import ReconciliationWorkflow

ReconciliationHandle = sdk.WorkflowHandle[ReconciliationWorkflow, ReconciliationReport]

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Asleep:
    """A reconciler that has not run for policy.RECONCILER_ASLEEP of its periods."""

    schedule_id: str
    since: datetime
    """When its last run ended well; if none has, when its schedule was made."""
    why: Literal["paused", "no worker", "fails"]
    reason: str
    """One line."""


class Reconciler:
    """Controls the reconciler through a Temporal client. Raises ServerUnreachable if the server is away."""

    def __init__(
        self, temporal: sdk.Client, *, book_id: str, task_queue: str, forget_after: timedelta | None = None
    ) -> None:
        """With `forget_after`, this is another schedule, which forgets orders of that age."""
        self._temporal = temporal
        self._forget_after = forget_after
        self.id = reconciliation_id(book_id) if forget_after is None else f"forgetting-{book_id[:8]}"
        self._book_id = book_id
        self._task_queue = task_queue

    async def ensure(self, every: timedelta) -> None:
        """Make sure that there is a schedule with this interval; none if it is zero. Idempotent, also with
        several workers at once. A paused schedule stays paused, even if somebody pauses it meanwhile. A
        schedule on another task queue stays there as long as somebody takes work from that queue.

        Raises OrderSystemError if others keep changing it."""
        async with reaching_server():
            if every > timedelta(0):
                ours = self._schedule(every)
                try:
                    await self._temporal.create_schedule(self.id, ours, rpc_timeout=infra_policy.RPC)
                except sdk.ScheduleAlreadyRunningError:
                    await self._renew(ours)
            else:
                handle = self._temporal.get_schedule_handle(self.id)
                await if_there(handle.delete(rpc_timeout=infra_policy.RPC))

    async def asleep(self) -> Asleep | None:
        """Return why the schedule does not run. None if it runs, or will soon, or if there is none."""
        if (found := await self._described()) is None:
            return None
        last = await self._last_run("ExecutionStatus = 'Completed'")
        since = (last and last.close_time) or found.info.created_at
        periods = [interval.every for interval in found.schedule.spec.intervals]
        if not periods or datetime.now(UTC) - since < min(periods) * policy.RECONCILER_ASLEEP:
            return None
        queue = found.raw_description.schedule.action.start_workflow.task_queue.name
        if found.schedule.state.paused:
            note = found.schedule.state.note or "without a note"
            return Asleep(self.id, since, "paused", f"it was paused by hand: {note}")
        if not await Workers(self._temporal, queue).surely_at_work():
            return Asleep(self.id, since, "no worker", f"nobody takes work from its task queue {queue}")
        last = await self._last_run("ExecutionStatus != 'Running'")
        if last is None or last.status is sdk.WorkflowExecutionStatus.COMPLETED:
            return None  # the server was away, and the schedule with it: it will run soon
        ended = last.status.name.lower().replace("_", " ") if last.status else "unknown"
        return Asleep(self.id, since, "fails", f"its last run, {last.id}, ended as {ended}")

    async def _described(self) -> sdk.ScheduleDescription | None:
        handle = self._temporal.get_schedule_handle(self.id)
        return await if_there(handle.describe(rpc_timeout=infra_policy.RPC))

    async def is_sealed(self) -> bool:
        """True if the worker that set the schedule up last seals its data. False if there is no schedule.
        Raises ServerUnreachable."""
        async with reaching_server():
            found = await self._described()
        told = found.raw_description.schedule.action.start_workflow.input.payloads if found else ()
        return any(each.metadata.get("encoding") == SEALED.encode() for each in told)

    async def start(self, only: AnswerToNote | None = None) -> ReconciliationHandle:
        """Start a run that leaves out no submission for its age; or a run only for a person's answer.

        This does not trigger the schedule. That may be off, paused, or busy with a run that is past the point
        in question, and it does not tell how a run ended. Two runs at once are safe."""
        async with reaching_server():
            return await self._temporal.start_workflow(
                ReconciliationWorkflow.run,
                ReconciliationRequest(book=self._book_id, only=only),
                id=f"{RECONCILIATION}-now-{uuid.uuid4()}",
                task_queue=self._task_queue,
                run_timeout=policy.RECONCILE_RUN,
                static_summary="asked for by hand",
                search_attributes=search_attributes.of_child(only.submission.order_id) if only else None,
                rpc_timeout=infra_policy.RPC,
            )

    async def report(self, started: ReconciliationHandle) -> ReconciliationReport:
        """Wait for the end of a run, and return its report. Raises ReconciliationFailed."""
        async with reaching_server():
            try:
                return await started.result()
            except sdk.WorkflowFailureError as failure:
                why = f"the reconciliation {started.id} failed: {root_cause(failure)}"
                raise ReconciliationFailed(why) from failure

    async def _renew(self, schedule: sdk.Schedule) -> None:
        """Change the schedule with the server's token of what we have read. The server silently drops an
        update with a stale token, so we read the schedule again. The SDK's own update sends no token: it
        would undo a pause that comes between its reading and its writing."""
        renewed = await schedule._to_proto(self._temporal)  # pyright: ignore[reportPrivateUsage]
        handle = self._temporal.get_schedule_handle(self.id)
        for _ in range(infra_policy.SCHEDULE_UPDATES + 1):
            found = (await handle.describe(rpc_timeout=infra_policy.RPC)).raw_description
            if _what_we_set(found.schedule) == _what_we_set(renewed):
                return
            if not await self._may_change(found.schedule):
                return
            renewed.state.CopyFrom(found.schedule.state)
            update = UpdateScheduleRequest(
                namespace=self._temporal.namespace,
                schedule_id=self.id,
                schedule=renewed,
                conflict_token=found.conflict_token,
                identity=self._temporal.identity,
                request_id=str(uuid.uuid4()),
            )
            updating = self._temporal.workflow_service.update_schedule
            await updating(update, retry=True, timeout=infra_policy.RPC)
        raise OrderSystemError("the reconciler's schedule is being changed by others, again and again")

    async def _may_change(self, found: RawSchedule) -> bool:
        """True if it may move here. A worker with a mistyped queue, stopped soon, must not take it along."""
        queue = found.action.start_workflow.task_queue.name
        if queue == self._task_queue:
            return True
        if await Workers(self._temporal, queue).surely_at_work():
            log.warning("the reconciler stays on another task queue, whose workers run it", task_queue=queue)
            return False
        log.warning(
            "nobody takes work from the reconciler's task queue: it is moved",
            task_queue=queue,
            moved_to=self._task_queue,
        )
        return True

    async def _last_run(self, condition: str) -> sdk.WorkflowExecution | None:
        query = visibility.all_of(
            f"TemporalScheduledById = {visibility.quoted(self.id)}", visibility.NEWEST_RUNS, condition
        )
        listed = self._temporal.list_workflows(query, limit=1, rpc_timeout=infra_policy.RPC)
        return await anext(aiter(listed), None)

    def _schedule(self, every: timedelta) -> sdk.Schedule:
        # When the second run after an order's termination begins, the order is older than one interval. So
        # it is settled within two runs.
        min_age = min(every, policy.RECONCILE_MIN_AGE)
        return sdk.Schedule(
            action=sdk.ScheduleActionStartWorkflow(
                ReconciliationWorkflow.run,
                ReconciliationRequest(
                    book=self._book_id,
                    min_age_seconds=min_age.total_seconds(),
                    forget_after=self._forget_after,
                ),
                id=self.id,
                task_queue=self._task_queue,
                run_timeout=policy.RECONCILE_RUN,
            ),
            spec=sdk.ScheduleSpec(intervals=[sdk.ScheduleIntervalSpec(every=every)]),
            policy=sdk.SchedulePolicy(
                overlap=sdk.ScheduleOverlapPolicy.SKIP, catchup_window=policy.RECONCILE_CATCH_UP
            ),
        )


def _what_we_set(schedule: RawSchedule) -> tuple[object, ...]:
    """Return the parts of a schedule that we set. The server adds defaults, and people decide on pauses."""
    start = schedule.action.start_workflow
    return (
        list(schedule.spec.interval),
        schedule.policies,
        start.task_queue.name,
        start.input,
        start.workflow_run_timeout,
    )
