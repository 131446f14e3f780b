"""Looking at workflows on the server: at one, or at many of them side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from temporalio.client import Client, WorkflowExecutionDescription

from order_system.infra import policy
from order_system.infra.temporal.connection import if_there

Item = TypeVar("Item")
Found = TypeVar("Found")


async def describe(
    temporal: Client, workflow_id: str, run_id: str | None = None
) -> WorkflowExecutionDescription | None:
    """That run, or the newest one. None only if the server says that there is no such workflow.

    Raises the SDK's RPCError for every other trouble."""
    handle = temporal.get_workflow_handle(workflow_id, run_id=run_id)
    return await if_there(handle.describe(rpc_timeout=policy.RPC))


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
