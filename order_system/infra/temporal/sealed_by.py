"""Who still needs a key: what is open on the server, and holds something that the key has sealed."""

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, ScheduleListDescription, WorkflowExecution

from order_system.infra import policy
from order_system.infra.temporal.connection import if_there
from order_system.infra.temporal.executions import describe, side_by_side


async def needing_key(temporal: Client, key_id: str) -> list[str]:
    """`workflow order-ORDER-001`, `schedule reconciliation-1a2b3c4d`. Reads the history of every workflow
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
