"""The four, ready and warm before anything is timed. Ours has one worker process for both its kinds of first
attempts, and each other one its own."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import GrpcCompression

from benchmarks.contestants import floor
from benchmarks.contestants.orders import a_document, floor_order, plain_order
from benchmarks.contestants.plain.workflows import OrderWorkflow as PlainOrder
from benchmarks.contestants.stock_server import stock_server
from benchmarks.tools.machine import Meter, metering
from benchmarks.tools.processes import python, running, until_it_polls
from benchmarks.tools.stage import Stage, open_stage
from order_system.domain.ids import order_workflow_id
from order_system.domain.order import FirstAttempts
from order_system.intake.reader import OrderForm
from workflows.order import OrderFulfillmentWorkflow

FLOOR, OURS, LOCAL, PLAIN = "floor", "ours", "local", "plain"
NAMES = (FLOOR, OURS, LOCAL, PLAIN)
"""In this order they take turns: neighbours are compared. `local` is ours with ORDER_FIRST_ATTEMPTS=local."""

Handle = WorkflowHandle[Any, Any]


@dataclass(frozen=True)
class Contestant:
    name: str
    temporal: Client
    worker: int
    """PID."""
    start: Callable[[str], Awaitable[Handle]]
    """Starts the order of this ID, of two lines, as its own client programs would."""
    server: str
    """Name of its server's process in the meter."""

    async def run(self, order_id: str) -> None:
        await (await self.start(order_id)).result()


@dataclass(frozen=True)
class Contest:
    contestants: Mapping[str, Contestant]
    meter: Meter
    """Of each worker, under its contestant's name, and of the servers `embedded` and `stock`."""
    check: Callable[[], Awaitable[None]]
    """Raises BenchmarkFailed unless the audit of ours is clean."""


@asynccontextmanager
async def open_contest(folder: Path) -> AsyncGenerator[Contest]:
    """Floor and ours on one embedded server, plain on a stock one. Raises BenchmarkFailed."""
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(open_stage(folder))
        stock = await stack.enter_async_context(stock_server(folder))
        contestants = [
            await _floor(stack, stage, folder),
            ours(stage),
            ours(stage, LOCAL, FirstAttempts.LOCAL),
            await _plain(stack, stock.address, folder),
        ]
        processes = {each.name: each.worker for each in contestants if each.name != LOCAL}
        servers = {"embedded": stage.processes["server"], "stock": stock.pid}
        meter = await stack.enter_async_context(metering(processes | servers))
        yield Contest({each.name: each for each in contestants}, meter, stage.check)


async def _floor(stack: AsyncExitStack, stage: Stage, folder: Path) -> Contestant:
    temporal = await Client.connect(stage.address, grpc_compression=GrpcCompression.NONE)
    command = python("-m", "benchmarks.contestants.floor", stage.address, FLOOR)
    worker = await _worker(stack, command, temporal, folder / f"{FLOOR}.log")

    async def start(order_id: str) -> Handle:
        return await temporal.start_workflow(
            floor.FloorOrder.run, floor_order(order_id), id=order_workflow_id(order_id), task_queue=FLOOR
        )

    return Contestant(FLOOR, temporal, worker, start, "embedded")


def ours(stage: Stage, name: str = OURS, first_attempts: FirstAttempts = FirstAttempts.REGULAR) -> Contestant:
    """The real thing, from reading the order to its end."""
    client = stage.system.client(stage.temporal)

    async def start(order_id: str) -> Handle:
        order = OrderForm.model_validate(a_document(order_id)).to_order()
        await client.submit(order.model_copy(update={"first_attempts": first_attempts}))
        return stage.temporal.get_workflow_handle_for(
            OrderFulfillmentWorkflow.run, order_workflow_id(order_id)
        )

    return Contestant(name, stage.temporal, stage.processes["worker"], start, "embedded")


async def _plain(stack: AsyncExitStack, address: str, folder: Path) -> Contestant:
    temporal = await Client.connect(address, data_converter=pydantic_data_converter)
    command = python("-m", "benchmarks.contestants.plain.worker", address, PLAIN)
    worker = await _worker(stack, command, temporal, folder / f"{PLAIN}.log")

    async def start(order_id: str) -> Handle:
        return await temporal.start_workflow(
            PlainOrder.run, plain_order(order_id), id=order_workflow_id(order_id), task_queue=PLAIN
        )

    return Contestant(PLAIN, temporal, worker, start, "stock")


async def _worker(stack: AsyncExitStack, command: Sequence[str | Path], temporal: Client, log: Path) -> int:
    """Its PID, as soon as it asks for work; its task queue is the last word of the command."""
    process = await stack.enter_async_context(running(command, log))
    await until_it_polls(process, temporal, str(command[-1]), log)
    return process.pid
