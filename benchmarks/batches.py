"""Is a long batch as fast as a short one? Batches of 200 and of 2,000 orders in turns on one server, whose
database and book grow meanwhile; and what a batch adds to the history of its orders."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.figures import BenchmarkFailed, Figure, Result, Row
from benchmarks.histories import Run, runs_of
from benchmarks.order_files import order_id, write_orders
from benchmarks.stage import Stage, open_stage
from benchmarks.turns import in_turns, ratio_of_few
from order_system import policy
from order_system.batches import BatchRequest
from order_system.ids import batch_workflow_id
from workflows.batch import BatchFulfillmentWorkflow

CONTRACT = (200, 2_000)
"""Orders of a short and a long batch for which the bounds are stated."""
ROWS_PER_ORDER = 2
SECONDS_PER_ORDER = 3
"""An order that takes longer, on the average, means that something is stuck."""
PARTS = ("beginning", "middle", "end")


@dataclass(frozen=True)
class Scale:
    short: int
    long: int
    shorts: int
    """How many short batches."""
    longs: int
    window: int = policy.BATCH_WINDOW
    continue_after: int = policy.BATCH_HISTORY_EVENTS
    """Events of a run of the batch; it goes on to the end of the page."""
    page_bytes: int = policy.BATCH_PAGE_BYTES


@dataclass(frozen=True)
class Batch:
    """One that has run."""

    is_long: bool
    orders: int
    began: float
    ended: float
    """`time.time()`."""
    closings: list[float]
    """When its orders ended, in order."""
    runs: list[Run]

    @property
    def rate(self) -> float:
        """Orders a second."""
        return self.orders / (self.ended - self.began)

    @property
    def events_per_order(self) -> float:
        return sum(run.events for run in self.runs) / self.orders

    def pauses(self) -> list[float]:
        """Seconds without a start at each continue-as-new: the window empties, a new run begins."""
        return [
            after.starts[0] - before.starts[-1]
            for before, after in pairwise(self.runs)
            if before.starts and after.starts
        ]

    def parts(self) -> list[tuple[str, float, float, int]]:
        """Name, beginning and end of each third of its orders, and how many these are."""
        bounds = [round(part * self.orders / len(PARTS)) for part in range(len(PARTS) + 1)]
        times = [self.began, *(self.closings[bound - 1] for bound in bounds[1:])]
        return [
            (name, times[part], times[part + 1], bounds[part + 1] - bounds[part])
            for part, name in enumerate(PARTS)
        ]


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as folder:
        async with open_stage(Path(folder)) as stage:
            await _run(stage, "warm-up", scale, is_long=False)
            batches: list[Batch] = []
            for number, is_long in enumerate(in_turns(scale.shorts, scale.longs)):
                batch = await _run(stage, f"batch-{number:02}", scale, is_long=is_long)
                say(f"  {batch.orders:,} orders: {batch.rate:.1f} a second")
                batches.append(batch)
            await stage.check()
            return _result(stage, scale, batches)


async def _run(stage: Stage, name: str, scale: Scale, *, is_long: bool) -> Batch:
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
    began = stage.meter.read()
    await stage.system.batch_client(stage.temporal).start(request)
    first_run_id = (await handle.describe()).run_id
    # The result, and not the progress again and again: queries would be work for server and worker.
    try:
        progress = await asyncio.wait_for(handle.result(), orders * SECONDS_PER_ORDER + 60)
    except TimeoutError:
        raise BenchmarkFailed(f"{name}, of {orders} orders, does not end") from None
    ended = stage.meter.read()
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


# --- what it comes to -----------------------------------------------------------------------------


def _result(stage: Stage, scale: Scale, batches: Sequence[Batch]) -> Result:
    long = [batch for batch in batches if batch.is_long]
    pauses = [pause for batch in long for pause in batch.pauses()]
    figures = [
        Figure(
            f"throughput of {scale.long:,} orders over that of {scale.short:,}",
            ratio_of_few([(batch.is_long, batch.rate) for batch in batches]),
            at_least=0.9,
        ),
        Figure(
            "the same by work: processor time at the speed of a core meanwhile",
            ratio_of_few([(batch.is_long, 1 / _work(stage, batch)) for batch in batches]),
        ),
        Figure("continue-as-new in a long batch", min(len(each.runs) - 1 for each in long), at_least=2),
        Figure(
            "longest history of a run of a batch",
            max(run.events for batch in batches for run in batch.runs),
            "events",
            at_most=10_000,
        ),
        Figure(
            "history that a long batch adds",
            max(batch.events_per_order for batch in long),
            "events/order",
            at_most=8,
        ),
        Figure("no starts at a continue-as-new", median(pauses) if pauses else 0.0, "s"),
        Figure(
            "of a long batch's time",
            100 * sum(pauses) / sum(batch.ended - batch.began for batch in long),
            "%",
        ),
    ]
    if (scale.short, scale.long) != CONTRACT:
        figures = [figure.unbound() for figure in figures]
    return Result(
        "batches",
        f"{scale.shorts} batches of {scale.short:,} orders and {scale.longs} of {scale.long:,}, in turns on "
        f"one server; {scale.window} orders under way; no faults, no latency; the audit is clean afterwards",
        figures,
        {
            "Batches, as they ran": _table_of_batches(stage, batches),
            "Long batches, a third of their orders at a time": _table_of_parts(stage, long),
        },
    )


def _work(stage: Stage, batch: Batch) -> float:
    """Of server and worker for an order, in million steps."""
    used = stage.meter.used(batch.began, batch.ended)
    seconds = (used["server"] + used["worker"]) / batch.orders
    return seconds * stage.meter.speed(batch.began, batch.ended)


def _table_of_batches(stage: Stage, batches: Sequence[Batch]) -> list[Row]:
    return [
        {
            **_pace(stage, batch.orders, batch.began, batch.ended),
            "runs": len(batch.runs),
            "events/order": batch.events_per_order,
        }
        for batch in batches
    ]


def _table_of_parts(stage: Stage, batches: Sequence[Batch]) -> list[Row]:
    return [
        {"batch": number, "part": name, **_pace(stage, orders, began, ended)}
        for number, batch in enumerate(batches, 1)
        for name, began, ended, orders in batch.parts()
    ]


def _pace(stage: Stage, orders: int, began: float, ended: float) -> Row:
    used = stage.meter.used(began, ended)
    return {
        "orders": orders,
        "seconds": ended - began,
        "orders/s": orders / (ended - began),
        "worker ms/order": 1_000 * used["worker"] / orders,
        "server ms/order": 1_000 * used["server"] / orders,
        "core speed": stage.meter.speed(began, ended),
        "cores busy for others": used["others"] / (ended - began),
    }
