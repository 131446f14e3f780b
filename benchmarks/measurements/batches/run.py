"""Is a long batch as fast as a short one? Batches of 200 and of 2,000 orders in turns on one server, whose
database and book grow meanwhile; and what a batch adds to the history of its orders."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from temporalio.client import WorkflowFailureError

from benchmarks.contestants.contest import ours
from benchmarks.measurements.batches.figures import Batch, Scale, result_of
from benchmarks.measurements.batches.histories import runs_of
from benchmarks.tools.crowds import run_crowd
from benchmarks.tools.figures import BenchmarkFailed, Result
from benchmarks.tools.machine import Meter, metering
from benchmarks.tools.order_files import order_id, write_orders
from benchmarks.tools.stage import Stage, open_stage
from benchmarks.tools.turns import in_turns
from order_system.domain.batch import BatchRequest
from order_system.domain.ids import batch_workflow_id
from workflows.batch import BatchFulfillmentWorkflow

ROWS_PER_ORDER = 2
SECONDS_PER_ORDER = 3
"""An order that takes longer, on the average, means that something is stuck."""


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as folder:
        async with open_stage(Path(folder)) as stage, metering(stage.processes) as meter:
            await _run(stage, meter, "warm-up", scale, is_long=False)
            batches, over_crowds = list[Batch](), list[float]()
            for number, is_long in enumerate(in_turns(scale.shorts, scale.longs)):
                batch = await _run(stage, meter, f"batch-{number:02}", scale, is_long=is_long)
                say(f"  {batch.orders:,} orders: {batch.rate:.1f} a second")
                batches.append(batch)
                if not is_long:
                    over_crowds.append(batch.rate / await _rate_of_crowd(stage, f"crowd-{number:02}", scale))
            await stage.check()
            return result_of(meter, scale, batches, over_crowds)


async def _rate_of_crowd(stage: Stage, name: str, scale: Scale) -> float:
    """Orders a second of as many orders as a short batch has, each submitted by itself, as many at once."""
    ids = [f"{name}-{number:04}" for number in range(scale.short)]
    began = time.perf_counter()
    await run_crowd(ours(stage).run, ids, scale.window)
    return scale.short / (time.perf_counter() - began)


async def _run(stage: Stage, meter: Meter, name: str, scale: Scale, *, is_long: bool) -> Batch:
    orders = scale.long if is_long else scale.short
    path = write_orders(
        stage.folder / f"{name}.csv", name, orders * ROWS_PER_ORDER, rows_per_order=ROWS_PER_ORDER
    )
    request = BatchRequest(
        name=name,
        file=await stage.system.files.inspect(str(path)),
        window=scale.window,
        continue_after_events=scale.continue_after,
        page_bytes=scale.page_bytes,
    )
    workflow_id = batch_workflow_id(name)
    handle = stage.temporal.get_workflow_handle_for(BatchFulfillmentWorkflow.run, workflow_id)
    began = meter.read()
    await stage.system.batch_client(stage.temporal).start(request)
    first_run_id = (await handle.describe()).run_id
    # The result, and not the progress again and again: queries would be work for server and worker.
    try:
        progress = await asyncio.wait_for(handle.result(), orders * SECONDS_PER_ORDER + 60)
    except TimeoutError:
        raise BenchmarkFailed(f"{name}, of {orders} orders, does not end") from None
    except WorkflowFailureError as failure:
        raise BenchmarkFailed(f"{name} failed: {failure.cause}") from failure
    ended = meter.read()
    if progress.counts.fulfilled != orders:
        raise BenchmarkFailed(f"{name}: {progress.counts.fulfilled} of {orders} orders were fulfilled")
    records = await stage.system.book.find([order_id(name, number) for number in range(orders)])
    return Batch(
        is_long,
        orders,
        began,
        ended,
        sorted(record.closed_at.timestamp() for record in records.values() if record.closed_at),
        [run async for run in runs_of(stage.temporal, workflow_id, first_run_id)],
    )
