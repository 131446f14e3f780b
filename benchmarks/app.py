"""The commands of `python -m benchmarks`."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number
from rich.console import Console

from benchmarks import batches, orders, plan, report
from benchmarks.batch_figures import Scale as BatchScale
from benchmarks.figures import BenchmarkFailed, Result
from benchmarks.machine import machine
from benchmarks.order_figures import Scale as OrderScale
from benchmarks.plan import Scale as PlanScale
from order_system import policy
from order_system.errors import InvalidUsage, OrderSystemError

HOLDS, BROKEN, MISUSED, INTERRUPTED = 0, 1, 2, 130
PLAIN_WIDTH = 160

QUICK_ORDERS = OrderScale(alone=20, turns=5, crowd=60)
QUICK_BATCHES = BatchScale(short=50, long=250, shorts=4, longs=1)
QUICK_PLAN = PlanScale(rows=100_000, rounds=1)
LONG_ORDERS = OrderScale(alone=50, turns=7, crowd=150)
LONG_BATCHES = BatchScale(short=200, long=2_000, shorts=6, longs=1)
LONG_PLAN = PlanScale(rows=1_000_000, rounds=2)

HELP = (
    "Measure how fast orders and batches are, and what they take.\n\n"
    "Without a command all benchmarks run, small enough for a few minutes; with --long at the sizes for "
    "which their bounds are stated."
)
EPILOGUE = """\
How to read it
  What can be a ratio inside one run is one. Its halves are measured in turns
  (A B A B) and compared by medians, since the machine may be slow, or busy with
  something else: columns say how many cores others kept busy, and how many
  million steps of a Python loop a core did in a second of its time. Processor
  time at that speed says what work costs, whatever else goes on.

  Each run makes a folder, a Temporal server, a database and a worker of its
  own, and removes them. No ORDER_ or TEMPORAL_ variable changes it. Linux only.

Examples
  python -m benchmarks
  python -m benchmarks --long --json figures.json
  python -m benchmarks batches --shorts 10 --longs 2
  python -m benchmarks plan --rows 200_000 --rounds 3
  python -m benchmarks --long --markdown docs/performance.md

Exit codes
  0    every bound that is stated for this size holds
  1    one does not, or nothing was measured that may count: an audit was not
       clean, a plan was wrong, a batch did not end
  2    invalid usage
  130  stopped by Ctrl-C
"""


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """Where the results go besides the terminal."""

    as_json: Annotated[
        Path | None, Parameter(name="--json", help="A file for figures and samples, for programs.")
    ] = None
    markdown: Annotated[
        Path | None,
        Parameter(help="A document to write them into, at the place that it has marked for each benchmark."),
    ] = None


TERMINAL_ALONE = Output()

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
Measurement = Callable[[], Awaitable[Result]]


@app.default
async def everything(
    *,
    long: Annotated[bool, Parameter(help="At the sizes for which the bounds are stated.")] = False,
    output: Output = TERMINAL_ALONE,
) -> int:
    """All benchmarks, one after another."""
    of_orders = LONG_ORDERS if long else QUICK_ORDERS
    of_batches = LONG_BATCHES if long else QUICK_BATCHES
    of_plan = LONG_PLAN if long else QUICK_PLAN
    return await _run(
        {
            "orders": lambda: orders.measure(of_orders, _say),
            "batches": lambda: batches.measure(of_batches, _say),
            "plan": lambda: plan.measure(of_plan, _say),
        },
        output,
    )


@app.command(name="orders")
async def run_orders(
    *,
    alone: Annotated[Pair, Parameter(help="Orders alone, of each contestant.")] = QUICK_ORDERS.alone,
    turns: Annotated[Count, Parameter(help="Crowds of each contestant.")] = QUICK_ORDERS.turns,
    crowd: Annotated[Count, Parameter(help="Orders of a crowd.")] = QUICK_ORDERS.crowd,
    in_flight: Annotated[Count, Parameter(help="Of these, under way at once.")] = QUICK_ORDERS.in_flight,
    warm_up: Annotated[
        Count, Parameter(help="Orders of each before anything is timed.")
    ] = QUICK_ORDERS.warm_up,
    output: Output = TERMINAL_ALONE,
) -> int:
    """What does an order cost, against the least that Temporal can do and against a plain solution?

    Three contestants in turns: the floor, five activities that do nothing, and ours, on one embedded server;
    and a plain program on a stock one. Figures count only if the audit of ours is clean.
    """
    scale = OrderScale(alone, turns, crowd, in_flight, warm_up)
    return await _run({"orders": lambda: orders.measure(scale, _say)}, output)


@app.command(name="batches")
async def run_batches(
    *,
    short: Annotated[Count, Parameter(help="Orders of a short batch.")] = LONG_BATCHES.short,
    long: Annotated[Count, Parameter(help="Orders of a long batch.")] = LONG_BATCHES.long,
    shorts: Annotated[Pair, Parameter(help="How many short batches.")] = LONG_BATCHES.shorts,
    longs: Annotated[Count, Parameter(help="How many long ones, spread among them.")] = LONG_BATCHES.longs,
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
    scale = BatchScale(short, long, shorts, longs, window, continue_after, page_bytes)
    return await _run({"batches": lambda: batches.measure(scale, _say)}, output)


@app.command(name="plan")
async def run_plan(
    *,
    rows: Annotated[Count, Parameter(help="Of the file, three an order.")] = LONG_PLAN.rows,
    rounds: Annotated[Count, Parameter(help="Plans against each of the two books.")] = LONG_PLAN.rounds,
    output: Output = TERMINAL_ALONE,
) -> int:
    """How fast is `batch plan`, and how much memory does it take?

    Against an empty book and against one that knows most of the orders, each plan in a process of its own.
    """
    scale = PlanScale(rows, rounds)
    return await _run({"plan": lambda: plan.measure(scale, _say)}, output)


async def _run(measurements: dict[str, Measurement], output: Output) -> int:
    """Each result is shown as soon as it is there. Raises BenchmarkFailed, InvalidUsage."""
    if output.markdown is not None:
        report.check_markdown(output.markdown, list(measurements))
    if output.as_json is not None:
        report.check_json(output.as_json)
    on, results = machine(), list[Result]()
    for name, measure in measurements.items():
        _say(f"{name}: measuring")
        results.append(await measure())
        _console(stderr=False).print(report.view(results[-1]))
        # At once, in case that the next one fails.
        if output.as_json is not None:
            report.write_json(output.as_json, on, results)
        if output.markdown is not None:
            report.write_markdown(output.markdown, on, results[-1])
    return HOLDS if all(result.holds for result in results) else BROKEN


def _say(message: str) -> None:
    _console(stderr=True).print(message, style="dim", soft_wrap=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code."""
    try:
        return asyncio.run(_until_told_to_stop(arguments))
    except CycloptsError as misuse:
        code, message = MISUSED, f"{misuse} See python -m benchmarks --help."
    except InvalidUsage as misuse:
        code, message = MISUSED, str(misuse)
    except (BenchmarkFailed, OrderSystemError) as failed:
        code, message = BROKEN, str(failed)
    except (asyncio.CancelledError, KeyboardInterrupt):
        code, message = INTERRUPTED, "stopped"
    print(f"benchmarks: {message}", file=sys.stderr)
    return code


async def _until_told_to_stop(arguments: Sequence[str] | None) -> int:
    """SIGTERM ends it as Ctrl-C does: whatever was started is stopped, and the folder removed."""
    running = asyncio.current_task()
    if running is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        code: Any = await app.run_async(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
        return HOLDS if code is None else int(code)  # --help returns nothing
    finally:
        await asyncio.sleep(policy.LAST_BREATH.total_seconds())  # as every short client program does
