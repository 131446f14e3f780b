"""How long does an order by hand take beside a batch whose window is full? With priorities and without, in
turns. The worker has few places for activities, so that what is ready waits for one."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from unittest.mock import patch

from temporalio.client import Client
from temporalio.common import Priority

from benchmarks.contestants.orders import a_document
from benchmarks.tools.figures import BenchmarkFailed, Figure, Result, Row
from benchmarks.tools.order_files import write_orders
from benchmarks.tools.stage import check_audit, settings_for
from benchmarks.tools.turns import back_and_forth, ratios_in_turns
from order_system.bootstrap import OrderSystem, open_order_system
from order_system.domain import policy
from order_system.domain.batch import BatchRequest
from order_system.domain.ids import batch_workflow_id, order_workflow_id
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.intake.reader import OrderForm

WITH, WITHOUT = "with priorities", "without"
CALL_SECONDS = 0.2
"""Of each call to a gateway: so the worker is bound by its places, and not by the machine."""
CONTRACT = 20
"""Orders in the batch's window for which the bound is stated, at least."""
BATCH_SECONDS = 600


@dataclass(frozen=True)
class Scale:
    turns: int = 5
    window: int = 20
    places: int = 2
    """For activities, in the one worker."""


@dataclass(frozen=True)
class Ran:
    turn: int
    name: str
    seconds: float
    """Of the order by hand."""
    left: int
    """Orders of the batch that had not ended when it did."""


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    ran: list[Ran] = []
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as place:
        folder = Path(place)
        settings = settings_for(folder).model_copy(update={"latency_min": CALL_SECONDS})
        settings = settings.model_copy(update={"latency_max": CALL_SECONDS})
        async with (
            EmbeddedServer(folder, port=0, ui_port=0, headless=True) as server,
            open_order_system(settings) as system,
        ):
            temporal = await connect(server.address)
            async with system.worker(temporal, max_concurrent_activities=scale.places):
                for turn, name in back_and_forth((WITH, WITHOUT), scale.turns):
                    with _without_priorities() if name == WITHOUT else nullcontext():
                        ran.append(await _run(system, temporal, turn, name, scale))
                    say(f"  {name}: {ran[-1].seconds:.1f} s")
            await check_audit(system)
    return _result_of(scale, ran)


def _without_priorities() -> AbstractContextManager[object]:
    """Of client and worker alike, which are in this process."""

    def of_batch(_name: str) -> Priority:
        return Priority.default

    none = Priority.default
    return patch.multiple(policy, UNDO_FIRST=none, BY_HAND=none, batch_priority=of_batch)


async def _run(system: OrderSystem, temporal: Client, turn: int, name: str, scale: Scale) -> Ran:
    batches, batch = system.batch_client(temporal), f"batch-{turn}-{name.replace(' ', '-')}"
    orders = scale.window * 3 // 2  # so that it is filled up, too
    file = write_orders(system.settings.data_dir / f"{batch}.csv", batch, orders, rows_per_order=1)
    ref = await system.files.inspect(str(file))
    await batches.start(BatchRequest(name=batch, file=ref, window=scale.window))
    async with asyncio.timeout(BATCH_SECONDS):
        async for progress in batches.watch(batch):
            if progress.counts.running >= scale.window:
                break
        order = OrderForm.model_validate(a_document(f"BY-HAND-{batch}")).to_order()
        began = time.perf_counter()
        await system.client(temporal).submit(order)
        await temporal.get_workflow_handle(order_workflow_id(order.order_id)).result()
        taken = time.perf_counter() - began
        left = orders - (await batches.progress(batch)).counts.ended
        await temporal.get_workflow_handle(batch_workflow_id(batch)).result()
    if not left:
        raise BenchmarkFailed(f"{batch} ended before the order by hand: take a larger window")
    return Ran(turn, name, taken, left)


def _result_of(scale: Scale, ran: Sequence[Ran]) -> Result:
    measured = [(each.turn, each.name, each.seconds) for each in ran]
    ratio = Figure.of_turns(
        "latency of an order by hand beside a full batch, over that without priorities",
        ratios_in_turns(measured, WITH, WITHOUT),
        at_most=0.5,
    )
    medians = [
        Figure(
            f"latency of an order by hand, {name}",
            median(each.seconds for each in ran if each.name == name),
            "s",
        )
        for name in (WITH, WITHOUT)
    ]
    rows: list[Row] = [
        {"turn": each.turn, "how": each.name, "seconds": each.seconds, "left of the batch": each.left}
        for each in ran
    ]
    return Result(
        "fairness",
        f"an order by hand while a batch keeps {scale.window} orders under way, {scale.places} places for "
        f"activities in one worker, calls of {CALL_SECONDS:g} s, {scale.turns} turns of each; no faults; the "
        "audit is clean",
        [ratio if scale.window >= CONTRACT else ratio.unbound(), *medians],
        {"Orders by hand, as they ran": rows},
    )
