"""How long does a worker take that is started again under many open orders? Killed, and with nothing in its
cache, it plays each of them again from its history: held orders, and some whose undo is stuck.

The same server and book twice: with some of the orders, and with all of them."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client

from benchmarks.contestants.orders import a_document
from benchmarks.tools.crowds import run_crowd
from benchmarks.tools.figures import BenchmarkFailed, Figure, Result
from benchmarks.tools.machine import processor_seconds
from benchmarks.tools.processes import running, until_it_polls
from benchmarks.tools.stage import WORKER, environment_of_worker, settings_for
from order_system.bootstrap import open_order_system
from order_system.domain.ids import order_workflow_id
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.intake.reader import OrderForm
from workflows.order import OrderFulfillmentWorkflow

LOOK_SECONDS = 0.2
STUCK_EVERY = 11
"""Of so many orders one has a stuck undo: of 2,200 orders 200."""


@dataclass(frozen=True)
class Scale:
    few: int = 550
    many: int = 2_200
    in_flight: int = 30


@dataclass(frozen=True)
class Place:
    folder: Path
    address: str
    temporal: Client
    task_queue: str


@dataclass(frozen=True)
class Restarted:
    orders: int
    first: float
    """Seconds until the first order had answered: the server does not ask the killed worker any more."""
    rest: float
    """And from then on until all had."""
    processor: float
    """Seconds of the worker, for both."""


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as name:
        folder = Path(name)
        async with (
            EmbeddedServer(folder, port=0, ui_port=0, headless=True) as server,
            open_order_system(settings_for(folder)) as system,
        ):
            temporal = await connect(server.address, server.namespace)
            client = system.client(temporal)
            place = Place(folder, server.address, temporal, system.task_queue)

            async def open_one(order_id: str) -> None:
                await client.submit(OrderForm.model_validate(_document(order_id)).to_order())
                while not await _waits(temporal, order_id):  # noqa: ASYNC110 - nothing tells us of it
                    await asyncio.sleep(LOOK_SECONDS)

            restarts: list[Restarted] = []
            for before, orders in ((0, scale.few), (scale.few, scale.many)):
                async with _worker(place):
                    ids = [f"RESTART-{number:05}" for number in range(before, orders)]
                    await run_crowd(open_one, ids, scale.in_flight)
                restarts.append(await _restart(place, orders, scale))
                say(f"  {orders:,} open orders: {restarts[-1].rest:.0f} seconds")
    return result_of(scale, restarts)


async def _restart(place: Place, orders: int, scale: Scale) -> Restarted:
    answered = list[float]()

    async def ask(order_id: str) -> None:
        if not await _waits(place.temporal, order_id):
            raise BenchmarkFailed(f"{order_id} does not wait any more")
        answered.append(time.perf_counter())

    began = time.perf_counter()
    async with _worker(place) as pid:
        await run_crowd(ask, [f"RESTART-{number:05}" for number in range(orders)], scale.in_flight)
        first = answered[0] - began
        return Restarted(orders, first, answered[-1] - answered[0], processor_seconds(pid))


@asynccontextmanager
async def _worker(place: Place) -> AsyncGenerator[int]:
    """Its PID; killed at the end of the block."""
    log, variables = place.folder / "worker.log", environment_of_worker(place.folder, place.address)
    async with running(WORKER, log, ours=variables) as process:
        await until_it_polls(process, place.temporal, place.task_queue, log)
        yield process.pid


async def _waits(temporal: Client, order_id: str) -> bool:
    """Whether the order says that it is held, or that it has an undo under way that has failed."""
    handle = temporal.get_workflow_handle_for(OrderFulfillmentWorkflow.run, order_workflow_id(order_id))
    progress = await handle.query(OrderFulfillmentWorkflow.progress)
    return progress.held_until is not None or bool(progress.undos)


def _document(order_id: str) -> dict[str, Any]:
    document = a_document(order_id)
    if int(order_id[-5:]) % STUCK_EVERY:
        return document | {"payment_method": "pm_card_declined", "hold_on_failure": "1h"}
    nowhere = document["shipping_address"] | {"postal_code": "00000"}
    return document | {"payment_method": "pm_refund_never", "shipping_address": nowhere}


def result_of(scale: Scale, restarts: list[Restarted]) -> Result:
    few, many = restarts
    each = [1_000 * restart.rest / restart.orders for restart in restarts]
    longer = Figure(
        f"time to play an order again: of {many.orders:,} open ones, over of {few.orders:,}",
        each[1] / each[0],
        at_most=1.25,
    )
    return Result(
        "restart",
        f"a worker killed and started again under {few.orders:,} and {many.orders:,} open orders: one in "
        f"{STUCK_EVERY} has a stuck undo, the others are held; {scale.in_flight} at once are asked how they "
        "stand, and all answer as before",
        [
            longer if scale == Scale() else longer.unbound(),
            Figure(f"first answer of {many.orders:,} open orders", many.first, "s"),
            Figure(f"from the first answer of {many.orders:,} to the last", many.rest, "s"),
        ],
        {"Restarts": list(_rows(restarts))},
    )


def _rows(restarts: list[Restarted]) -> Iterator[dict[str, Any]]:
    for restart in restarts:
        yield {
            "open orders": restart.orders,
            "first answer, s": restart.first,
            "the rest, s": restart.rest,
            "ms an order": 1_000 * restart.rest / restart.orders,
            "worker ms/order": 1_000 * restart.processor / restart.orders,
        }
