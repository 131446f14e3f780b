"""Looks at workflows on the server: at one, at many side by side, or at all that need a certain key."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client, ScheduleListDescription, WorkflowExecution, WorkflowExecutionDescription

from order_system.domain.errors import KeyTrouble
from order_system.infra import policy
from order_system.infra.temporal.connection import if_there

Item = TypeVar("Item")
Found = TypeVar("Found")


class WorkflowState(StrEnum):
    """The states of a workflow; the members have Temporal's names. A completed order is fulfilled."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "cancelled"
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"


def state_of(execution: WorkflowExecution) -> WorkflowState:
    """Return the workflow's state. One that has continued as new is running."""
    name = execution.status.name if execution.status else ""
    return WorkflowState.__members__.get(name, WorkflowState.RUNNING)


async def describe(
    temporal: Client, workflow_id: str, run_id: str | None = None
) -> WorkflowExecutionDescription | None:
    """Describe that run, or the newest one, with readable messages of the activities that fail in it. None
    only if the server says that there is no such workflow. Raises the SDK's RPCError otherwise."""
    handle = temporal.get_workflow_handle(workflow_id, run_id=run_id)
    described = await if_there(handle.describe(rpc_timeout=policy.RPC))
    for activity in described.raw_description.pending_activities if described else ():
        await open_failure(temporal, activity.last_failure)
    return described


async def open_failure(temporal: Client, failure: Failure) -> None:
    """Put the message of a sealed failure, or why it cannot be read, where an unsealed failure has it."""
    if failure.HasField("encoded_attributes"):
        try:
            [told] = await temporal.data_converter.decode([failure.encoded_attributes])
            failure.message = told["message"]
        except KeyTrouble as trouble:
            failure.message = str(trouble)


async def memo_of(execution: WorkflowExecution, key: str) -> str:
    """Return that part of its memo; blank if it has none, or if it is sealed by a key that we lack."""
    with suppress(KeyTrouble):
        return str(await execution.memo_value(key, default=""))
    return ""


def first_run(described: WorkflowExecutionDescription) -> str:
    """Return `first_execution_run_id`, which stays the same after a reset and after continuing as new."""
    return described.raw_description.workflow_execution_info.first_run_id or described.run_id


async def side_by_side(look: Callable[[Item], Awaitable[Found]], items: Iterable[Item]) -> list[Found]:
    """Return what each look finds, in the order of the items. At most policy.WATCH_AT_ONCE run at once."""
    places = asyncio.Semaphore(policy.WATCH_AT_ONCE)

    async def one(item: Item) -> Found:
        async with places:
            return await look(item)

    return await asyncio.gather(*map(one, items))


async def needing_key(temporal: Client, key_id: str) -> list[str]:
    """Name what is open and holds something that the key has sealed, such as `workflow order-ORDER-001` or
    `schedule reconciliation-1a2b3c4d`. Reads the history of every open workflow in the namespace. Raises the
    SDK's RPCError when the server fails."""
    # The bytes of this entry in any payload's metadata. The ID's length is in them: no longer ID matches.
    sign = Payload(metadata={"encryption-key-id": key_id.encode()}).SerializeToString()[2:]

    async def by_run(run: WorkflowExecution) -> str | None:
        described = await describe(temporal, run.id, run.run_id)
        if described is None or described.close_time:
            return None
        handle = temporal.get_workflow_handle(run.id, run_id=run.run_id)
        told = [described.raw_description, *[each async for each in handle.fetch_history_events()]]
        return f"workflow {run.id}" if any(sign in each.SerializeToString() for each in told) else None

    async def by_schedule(schedule: ScheduleListDescription) -> str | None:
        handle = temporal.get_schedule_handle(schedule.id)
        found = await if_there(handle.describe(rpc_timeout=policy.RPC))
        return (
            f"schedule {schedule.id}" if found and sign in found.raw_description.SerializeToString() else None
        )

    schedules = [each async for each in await temporal.list_schedules(rpc_timeout=policy.RPC)]
    listed = temporal.list_workflows("ExecutionStatus = 'Running'", rpc_timeout=policy.RPC)
    runs = [run async for run in listed]
    found = await side_by_side(by_schedule, schedules) + await side_by_side(by_run, runs)
    return [each for each in found if each]
