"""Looking at workflows on the server: at one, at many of them side by side, or for what a key has sealed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from typing import TypeVar

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import (
    Client,
    ScheduleListDescription,
    WorkflowExecution,
    WorkflowExecutionDescription,
)

from order_system.domain.errors import KeyTrouble
from order_system.infra import policy
from order_system.infra.temporal.connection import if_there

Item = TypeVar("Item")
Found = TypeVar("Found")


class WorkflowState(StrEnum):
    """Each has the name that Temporal has for it. An order that is completed is fulfilled."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "cancelled"
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"


def state_of(execution: WorkflowExecution) -> WorkflowState:
    """Continued as new, it runs on."""
    name = execution.status.name if execution.status else ""
    return WorkflowState.__members__.get(name, WorkflowState.RUNNING)


async def describe(
    temporal: Client, workflow_id: str, run_id: str | None = None
) -> WorkflowExecutionDescription | None:
    """That run, or the newest one, with the words of what fails in it. None only if the server says that
    there is no such workflow.

    Raises the SDK's RPCError for every other trouble."""
    handle = temporal.get_workflow_handle(workflow_id, run_id=run_id)
    described = await if_there(handle.describe(rpc_timeout=policy.RPC))
    for activity in described.raw_description.pending_activities if described else ():
        await open_failure(temporal, activity.last_failure)
    return described


async def open_failure(temporal: Client, failure: Failure) -> None:
    """Puts the message of a sealed failure where it stands in one that is not; or why it cannot be read."""
    if failure.HasField("encoded_attributes"):
        try:
            [told] = await temporal.data_converter.decode([failure.encoded_attributes])
            failure.message = told["message"]
        except KeyTrouble as trouble:
            failure.message = str(trouble)


def first_run(described: WorkflowExecutionDescription) -> str:
    """`first_execution_run_id`: the same through a reset and through continuing as new."""
    return described.raw_description.workflow_execution_info.first_run_id or described.run_id


async def side_by_side(look: Callable[[Item], Awaitable[Found]], items: Iterable[Item]) -> list[Found]:
    """What each look finds, in the order of the items; policy.WATCH_AT_ONCE are under way at once."""
    places = asyncio.Semaphore(policy.WATCH_AT_ONCE)

    async def one(item: Item) -> Found:
        async with places:
            return await look(item)

    return await asyncio.gather(*map(one, items))


async def needing_key(temporal: Client, key_id: str) -> list[str]:
    """What is open and holds something that the key has sealed: `workflow order-ORDER-001`, say, or
    `schedule reconciliation-1a2b3c4d`. Reads the history of every workflow
    that is open in the namespace. Raises the SDK's RPCError when the server fails."""
    # As an entry of a payload's metadata is written, wherever one is; before the ID stands its length.
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
