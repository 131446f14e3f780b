"""Does a worker grow with the orders that it has run? Its memory after 500 and after 2,000 of them, with its
cache of workflows full all the time: fewer places in it than workflows are under way."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contestants.contest import ours
from benchmarks.tools.crowds import run_crowd
from benchmarks.tools.figures import Figure, Result, Row
from benchmarks.tools.machine import memory_mb
from benchmarks.tools.processes import python
from benchmarks.tools.stage import open_stage

CONTRACT = (500, 2_000)
"""Orders for which the bound is stated."""
ROW_EVERY = 100


@dataclass(frozen=True)
class Scale:
    early: int = CONTRACT[0]
    late: int = CONTRACT[1]
    in_flight: int = 30
    cached: int = 30
    """Workflows in the cache; an order under way has two, or three for a moment."""
    neighbours: int = 25
    """So many orders before and after an order count for what a worker takes by then."""


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    worker = python("-m", "benchmarks.measurements.small_cache_worker", str(scale.cached))
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as folder:
        async with open_stage(Path(folder), worker) as stage:
            contestant, memory = ours(stage), [memory_mb(stage.processes["worker"])]

            async def run(order_id: str) -> None:
                await contestant.run(order_id)
                memory.append(memory_mb(contestant.worker))
                if len(memory) % ROW_EVERY == 1:
                    say(f"  {len(memory) - 1:,} orders: {memory[-1]:.0f} MB")

            # Still as many under way when the last one that counts has ended.
            orders = scale.late + scale.neighbours + scale.in_flight
            await run_crowd(run, [f"MEMORY-{number:05}" for number in range(orders)], scale.in_flight)
            await stage.check()
            return result_of(scale, memory)


def result_of(scale: Scale, memory: Sequence[float]) -> Result:
    """`memory`: MB at the start, and after each order."""
    early, late = _after(scale, scale.early, memory), _after(scale, scale.late, memory)
    name = f"worker memory after {scale.late:,} orders over after {scale.early:,}, cache full in both"
    ratio = Figure(name, late / early, at_most=1.15)
    return Result(
        "memory",
        f"{scale.late:,} orders of two lines, {scale.in_flight} under way, by one worker with {scale.cached} "
        "workflows in its cache; no faults, no latency; the audit is clean afterwards",
        [
            ratio if (scale.early, scale.late) == CONTRACT else ratio.unbound(),
            Figure("worker memory when it is ready", memory[0], "MB"),
            Figure(f"worker memory after {scale.early:,} orders", early, "MB"),
            Figure(f"worker memory after {scale.late:,} orders", late, "MB"),
        ],
        {"Memory of the worker": _table(scale, memory)},
    )


def _after(scale: Scale, orders: int, memory: Sequence[float]) -> float:
    neighbours = min(scale.neighbours, orders)
    return median(memory[orders - neighbours : orders + neighbours + 1])


def _table(scale: Scale, memory: Sequence[float]) -> list[Row]:
    return [
        {"orders": orders, "MB": _after(scale, orders, memory)}
        for orders in range(0, scale.late + 1, ROW_EVERY)
    ]
