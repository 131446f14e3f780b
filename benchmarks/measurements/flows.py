"""What does the parallel flow save, and what does it cost? The same order alone in each flow, in turns,
while the simulated gateways take as long as they do in the demo."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contestants.orders import a_document
from benchmarks.measurements.orders.footprint import footprint_of
from benchmarks.tools.figures import Figure, Result, Row
from benchmarks.tools.stage import Stage, open_stage
from benchmarks.tools.turns import back_and_forth
from order_system.domain.ids import order_workflow_id
from order_system.domain.order import Flow
from order_system.domain.steps import Step
from order_system.infra.settings import Settings
from order_system.intake.reader import OrderForm

WARM_UP = -1
"""The turn that does not count."""
DEMO = Settings.model_fields
PACE: dict[str, Any] = {name: str(DEMO[name].default) for name in ("latency_min", "latency_max")}
"""Seconds."""


@dataclass(frozen=True)
class Scale:
    orders: int
    """Of each flow."""


@dataclass(frozen=True)
class Run:
    turn: int
    flow: str
    milliseconds: float
    steps: dict[Step, int]
    """How long each took, in milliseconds."""
    events: int
    """Of parent and children."""


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    turns = [(WARM_UP, str(flow)) for flow in Flow] + back_and_forth(list(map(str, Flow)), scale.orders)
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as folder:
        async with open_stage(Path(folder), **PACE) as stage:
            runs = [await _run(stage, turn, flow) for turn, flow in turns]
            await stage.check()
    say(f"  {scale.orders} orders alone in each flow")
    return _result_of(scale, [run for run in runs if run.turn != WARM_UP])


async def _run(stage: Stage, turn: int, flow: str) -> Run:
    order_id, client = f"FLOW-{flow}-{turn}", stage.system.client(stage.temporal)
    order = OrderForm.model_validate({**a_document(order_id), "flow": flow}).to_order()
    began = time.perf_counter()
    await client.submit(order)
    await stage.temporal.get_workflow_handle(order_workflow_id(order_id)).result()
    taken = 1_000 * (time.perf_counter() - began)
    steps = {each.step: each.duration_ms or 0 for each in (await client.status(order_id)).children}
    return Run(turn, flow, taken, steps, (await footprint_of(stage.temporal, order_id)).events)


def _result_of(scale: Scale, runs: Sequence[Run]) -> Result:
    one, both = ([run for run in runs if run.flow == flow] for flow in Flow)
    sequential, parallel = (median(run.milliseconds for run in each) for each in (one, both))
    shorter = median(min(run.steps[Step.PAYMENT], run.steps[Step.INVENTORY]) for run in one)
    more = median(run.events for run in both) - median(run.events for run in one)
    figures = [
        Figure("latency of an order in the sequential flow", sequential, "ms"),
        Figure("latency of an order in the parallel flow", parallel, "ms"),
        Figure("the shorter one of payment and inventory", float(shorter), "ms"),
        Figure("of that, saved by the parallel flow", (sequential - parallel) / shorter, at_least=0.9),
        Figure("events that the parallel flow has more", float(more), "events", at_most=6),
    ]
    return Result(
        "flows",
        f"{scale.orders} orders of two lines alone in each flow, in turns; calls of the simulated gateways "
        f"take {PACE['latency_min']} to {PACE['latency_max']} s; the audit is clean",
        figures,
        {"Orders, as they ran": [_row(run) for run in runs]},
    )


def _row(run: Run) -> Row:
    steps = {f"{step}, ms": taken for step, taken in run.steps.items()}
    return {"turn": run.turn + 1, "flow": run.flow, "ms": run.milliseconds, **steps, "events": run.events}
