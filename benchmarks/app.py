"""The commands of `python -m benchmarks`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from benchmarks import sizes
from benchmarks.help import EPILOGUE, HELP
from benchmarks.measurements import (
    calls,
    dbos,
    fairness,
    flows,
    lists,
    memory,
    postgresql,
    restart,
    sealing,
    start_up,
    telemetry,
)
from benchmarks.measurements.batches import run as batches
from benchmarks.measurements.orders import capacity
from benchmarks.measurements.orders import run as orders
from benchmarks.measurements.plan import run as plan
from benchmarks.session import (
    TERMINAL_ALONE,
    Measurement,
    Output,
    publish,
    run,
    say,
)
from benchmarks.tools import pairs, workers
from order_system.domain import policy

app = App(
    name="python -m benchmarks",
    help=HELP,
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    version_flags=[],
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative=""),
)

Count = Annotated[int, Parameter(validator=Number(gte=1))]
Pair = Annotated[int, Parameter(validator=Number(gte=2))]
"""One before and one after."""
Continue = Annotated[int, Parameter(validator=Number(gte=40))]
"""With fewer events a run of a batch would continue as new before it has done anything."""


@app.default
async def everything(
    *,
    long: Annotated[bool, Parameter(help="At the sizes for which the bounds are stated.")] = False,
    output: Output = TERMINAL_ALONE,
) -> int:
    """All benchmarks, one after another."""
    of_orders = sizes.LONG_ORDERS if long else sizes.QUICK_ORDERS
    of_calls = sizes.LONG_CALLS if long else sizes.QUICK_CALLS
    of_flows = sizes.LONG_FLOWS if long else sizes.QUICK_FLOWS
    of_starts = sizes.LONG_STARTS if long else sizes.QUICK_STARTS
    of_batches = sizes.LONG_BATCHES if long else sizes.QUICK_BATCHES
    of_plan = sizes.LONG_PLAN if long else sizes.QUICK_PLAN
    measurements: dict[str, Measurement] = {
        "orders": lambda: orders.measure(of_orders, say),
        "calls": lambda: calls.measure(of_calls, say),
        "flows": lambda: flows.measure(of_flows, say),
        "start": lambda: start_up.measure(of_starts, say),
        "batches": lambda: batches.measure(of_batches, say),
        "plan": lambda: plan.measure(of_plan, say),
    }
    if long:
        measurements["memory"] = lambda: memory.measure(sizes.LONG_MEMORY, say)
        measurements["restart"] = lambda: restart.measure(sizes.LONG_RESTART, say)
    return await run(measurements, output)


@app.command(name="orders")
async def run_orders(
    *,
    alone: Annotated[Pair, Parameter(help="Orders alone, of each contestant.")] = sizes.QUICK_ORDERS.alone,
    turns: Annotated[Count, Parameter(help="Crowds of each contestant.")] = sizes.QUICK_ORDERS.turns,
    crowd: Annotated[Count, Parameter(help="Orders of a crowd.")] = sizes.QUICK_ORDERS.crowd,
    in_flight: Annotated[
        Count, Parameter(help="Of these, under way at once.")
    ] = sizes.QUICK_ORDERS.in_flight,
    warm_up: Annotated[
        Count, Parameter(help="Orders of each before anything is timed.")
    ] = sizes.QUICK_ORDERS.warm_up,
    output: Output = TERMINAL_ALONE,
) -> int:
    """What does an order cost, against the least that Temporal can do and against a plain solution?

    Four contestants in turns: the floor, five activities that do nothing, and ours, whose first attempts are
    regular activities or local ones, on one embedded server; and a plain program on a stock one. Figures
    count only if the audit of ours is clean.
    """
    scale = sizes.OrderScale(alone, turns, crowd, in_flight, warm_up)
    return await run({"orders": lambda: orders.measure(scale, say)}, output)


@app.command(name="calls")
async def run_calls(
    *,
    orders: Annotated[Count, Parameter(help="Orders of a round.")] = sizes.LONG_CALLS.orders,
    rounds: Annotated[
        Count, Parameter(help="Rounds one after another, and many at once.")
    ] = sizes.LONG_CALLS.rounds,
    at_once: Annotated[
        Count, Parameter(help="Orders at once, in every other round.")
    ] = sizes.LONG_CALLS.at_once,
    output: Output = TERMINAL_ALONE,
) -> int:
    """What do book and world take by themselves, without Temporal?"""
    scale = sizes.CallScale(orders, rounds, at_once)
    return await run({"calls": lambda: calls.measure(scale, say)}, output)


@app.command(name="flows")
async def run_flows(
    *,
    orders: Annotated[Pair, Parameter(help="Orders alone, of each flow.")] = sizes.QUICK_FLOWS.orders,
    output: Output = TERMINAL_ALONE,
) -> int:
    """What does the parallel flow save, and how many events does it cost? At the demo's pace."""
    return await run({"flows": lambda: flows.measure(sizes.FlowScale(orders), say)}, output)


@app.command(name="telemetry")
async def run_telemetry(
    *,
    turns: Annotated[Count, Parameter(help="Crowds of each worker.")] = workers.Scale.turns,
    crowd: Annotated[Count, Parameter(help="Orders of a crowd.")] = workers.Scale.crowd,
    output: Output = TERMINAL_ALONE,
) -> int:
    """How much of a worker's processor time do metrics and traces take? Three workers in turns."""
    scale = workers.Scale(turns, crowd)
    return await run({"telemetry": lambda: telemetry.measure(scale, say)}, output)


@app.command(name="sealing")
async def run_sealing(
    *,
    turns: Annotated[Count, Parameter(help="Crowds of each worker.")] = workers.Scale.turns,
    crowd: Annotated[Count, Parameter(help="Orders of a crowd.")] = workers.Scale.crowd,
    output: Output = TERMINAL_ALONE,
) -> int:
    """How much of a worker's processor time does sealing take? With and without keys in turns."""
    scale = workers.Scale(turns, crowd)
    return await run({"sealing": lambda: sealing.measure(scale, say)}, output)


@app.command(name="fairness")
async def run_fairness(
    *,
    turns: Annotated[Count, Parameter(help="Batches with priorities, and as many without.")] = (
        fairness.Scale.turns
    ),
    window: Annotated[Count, Parameter(help="Orders of the batch under way.")] = fairness.Scale.window,
    output: Output = TERMINAL_ALONE,
) -> int:
    """How long does an order by hand take beside a batch that is larger than the worker? At most half of what
    it would take without priorities."""
    scale = fairness.Scale(turns, window)
    return await run({"fairness": lambda: fairness.measure(scale, say)}, output)


@app.command(name="dbos")
async def run_dbos(
    *,
    turns: Annotated[Count, Parameter(help="Crowds of each.")] = pairs.Scale.turns,
    crowd: Annotated[Count, Parameter(help="Orders of a crowd.")] = pairs.Scale.crowd,
    output: Output = TERMINAL_ALONE,
) -> int:
    """What does an engine without a server cost? Ours and DBOS in turns. Needs the extra `dbos`."""
    scale = pairs.Scale(turns, crowd)
    return await run({"dbos": lambda: dbos.measure(scale, say)}, output)


@app.command(name="postgresql")
async def run_postgresql(
    *,
    database_url: Annotated[str, Parameter(help="An empty database on this machine.")],
    turns: Annotated[Count, Parameter(help="Crowds on each.")] = pairs.Scale.turns,
    crowd: Annotated[Count, Parameter(help="Orders of a crowd.")] = pairs.Scale.crowd,
    output: Output = TERMINAL_ALONE,
) -> int:
    """What does an order cost with its book in PostgreSQL? With SQLite and with PostgreSQL in turns."""
    scale = pairs.Scale(turns, crowd)
    return await run({"postgresql": lambda: postgresql.measure(scale, database_url, say)}, output)


@app.command(name="start")
async def run_start(
    *,
    rounds: Annotated[Count, Parameter(help="Starts of each.")] = sizes.LONG_STARTS.rounds,
    output: Output = TERMINAL_ALONE,
) -> int:
    """How soon is a worker ready, and the embedded server?"""
    return await run({"start": lambda: start_up.measure(sizes.StartScale(rounds), say)}, output)


@app.command(name="memory")
async def run_memory(
    *,
    early: Annotated[Count, Parameter(help="Orders before the first look.")] = sizes.LONG_MEMORY.early,
    late: Annotated[Count, Parameter(help="Orders before the second look.")] = sizes.LONG_MEMORY.late,
    in_flight: Annotated[Count, Parameter(help="Orders under way at once.")] = sizes.LONG_MEMORY.in_flight,
    cached: Annotated[Count, Parameter(help="Workflows in the worker's cache.")] = sizes.LONG_MEMORY.cached,
    output: Output = TERMINAL_ALONE,
) -> int:
    """Does a worker grow with the orders that it has run?"""
    scale = sizes.MemoryScale(early, late, in_flight, cached)
    return await run({"memory": lambda: memory.measure(scale, say)}, output)


@app.command(name="restart")
async def run_restart(
    *,
    few: Annotated[Count, Parameter(help="Open orders the first time.")] = sizes.LONG_RESTART.few,
    many: Annotated[Count, Parameter(help="Open orders the second time.")] = sizes.LONG_RESTART.many,
    in_flight: Annotated[Count, Parameter(help="Orders asked at once.")] = sizes.LONG_RESTART.in_flight,
    output: Output = TERMINAL_ALONE,
) -> int:
    """How long does a worker take that is started again under many open orders?"""
    scale = sizes.RestartScale(few, many, in_flight)
    return await run({"restart": lambda: restart.measure(scale, say)}, output)


@app.command(name="batches")
async def run_batches(
    *,
    short: Annotated[Count, Parameter(help="Orders of a short batch.")] = sizes.LONG_BATCHES.short,
    long: Annotated[Count, Parameter(help="Orders of a long batch.")] = sizes.LONG_BATCHES.long,
    shorts: Annotated[Pair, Parameter(help="How many short batches.")] = sizes.LONG_BATCHES.shorts,
    longs: Annotated[
        Count, Parameter(help="How many long ones, spread among them.")
    ] = sizes.LONG_BATCHES.longs,
    window: Annotated[Count, Parameter(help="Orders under way at once.")] = policy.BATCH_WINDOW,
    continue_after: Annotated[
        Continue, Parameter(help="Events after which a batch continues as new.")
    ] = policy.BATCH_HISTORY_EVENTS,
    page_bytes: Annotated[Count, Parameter(help="Of the file in one page.")] = policy.BATCH_PAGE_BYTES,
    output: Output = TERMINAL_ALONE,
) -> int:
    """Is a long batch as fast as a short one, and what does a batch add to the history of its orders?

    One server, SQLite, a worker of its own; no faults, no latency. Figures count only if the audit is clean.
    """
    scale = sizes.BatchScale(short, long, shorts, longs, window, continue_after, page_bytes)
    return await run({"batches": lambda: batches.measure(scale, say)}, output)


@app.command(name="plan")
async def run_plan(
    *,
    rows: Annotated[Count, Parameter(help="Of the file, three an order.")] = sizes.LONG_PLAN.rows,
    rounds: Annotated[Count, Parameter(help="Plans against each of the two books.")] = sizes.LONG_PLAN.rounds,
    output: Output = TERMINAL_ALONE,
) -> int:
    """How fast is `batch plan`, and how much memory does it take?

    Against an empty book and against one that knows most of the orders, each plan in a process of its own.
    """
    scale = sizes.PlanScale(rows, rounds)
    return await run({"plan": lambda: plan.measure(scale, say)}, output)


@app.command(name="lists")
async def run_lists(
    *,
    orders: Annotated[Count, Parameter(help="Closed orders in the book.")] = sizes.LONG_LISTS.orders,
    rounds: Annotated[Count, Parameter(help="Requests for each list.")] = sizes.LONG_LISTS.rounds,
    database_url: Annotated[
        str | None, Parameter(help="An empty PostgreSQL database; by default SQLite.")
    ] = None,
    output: Output = TERMINAL_ALONE,
) -> int:
    """How long do pages and API take for a list, when the book holds many orders? Needs the extra `web`."""
    scale = sizes.ListScale(orders, rounds, database_url)
    return await run({"lists": lambda: lists.measure(scale, say)}, output)


@app.command(name="capacity")
def plan_capacity(
    figures: Annotated[Path, Parameter(help="What a run has written with --json.")],
    /,
    *,
    output: Output = TERMINAL_ALONE,
) -> int:
    """What do 10, 1,000 and 100,000 orders a second take, by what a run has measured? Measures nothing."""
    on, cost = capacity.read_cost(figures)
    return publish(on, capacity.plan(cost), output)
