"""What does an engine without a server of its own cost? The same order by ours and by DBOS, in turns."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.contestants.contest import ours
from benchmarks.tools.crowds import RunOrder, run_crowd
from benchmarks.tools.figures import BenchmarkFailed, Figure, Result
from benchmarks.tools.machine import processor_seconds
from benchmarks.tools.processes import LOOK_SECONDS, READY_SECONDS, python, running
from benchmarks.tools.stage import open_stage
from benchmarks.tools.turns import back_and_forth, ratios_in_turns

OURS, DBOS = "ours", "dbos"
NAMES = (OURS, DBOS)
SOCKET = "orders.socket"
"""In the folder of `contestants.dbos_order`."""


@dataclass(frozen=True)
class Scale:
    turns: int = 5
    crowd: int = 60
    in_flight: int = 30


@dataclass(frozen=True)
class Contestant:
    run: RunOrder
    processes: Sequence[int]
    """PIDs of all that it needs."""


@dataclass(frozen=True)
class Ran:
    turn: int
    name: str
    alone_ms: float
    """Of one order, before the crowd."""
    cost_ms: float
    """Processor time of all its processes, an order of the crowd."""
    rate: float
    """Orders a second."""


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    if find_spec("dbos") is None:
        raise BenchmarkFailed("DBOS is not installed: pip install -e '.[dbos]'")
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as name:
        folder = Path(name)
        async with open_stage(folder) as stage, _dbos(folder) as other:
            contestants = {OURS: Contestant(ours(stage).run, [*stage.processes.values()]), DBOS: other}
            ran = [
                await _run(contestants[name], turn, name, scale)
                for turn, name in back_and_forth(NAMES, 1 + scale.turns)
            ]
            await stage.check()
    say(f"  {scale.turns} crowds of {scale.crowd} orders by each")
    return _result_of(scale, [each for each in ran if each.turn])  # the first ones warm up


@asynccontextmanager
async def _dbos(folder: Path) -> AsyncGenerator[Contestant]:
    """Raises BenchmarkFailed if it does not come up."""
    command = python("-m", "benchmarks.contestants.dbos_order", folder)
    async with running(command, folder / "dbos.log") as process:
        deadline = time.monotonic() + READY_SECONDS
        while not (folder / SOCKET).exists():
            if process.returncode is not None or time.monotonic() > deadline:
                raise BenchmarkFailed(f"DBOS did not come up: {(folder / 'dbos.log').read_text()[-500:]}")
            await asyncio.sleep(LOOK_SECONDS)

        async def run(order_id: str) -> None:
            reader, writer = await asyncio.open_unix_connection(folder / SOCKET)
            writer.write(f"{order_id}\n".encode())
            if (ended := (await reader.readline()).decode().strip()) != order_id:
                raise BenchmarkFailed(f"DBOS did not run {order_id}: {ended}")
            writer.close()

        yield Contestant(run, [process.pid])


async def _run(contestant: Contestant, turn: int, name: str, scale: Scale) -> Ran:
    def used() -> float:
        return sum(map(processor_seconds, contestant.processes))

    began = time.perf_counter()
    await run_crowd(contestant.run, [f"ALONE-{turn:02}"], 1)
    alone, before, began = time.perf_counter() - began, used(), time.perf_counter()
    ids = [f"CROWD-{turn:02}-{number:04}" for number in range(scale.crowd)]
    await run_crowd(contestant.run, ids, scale.in_flight)
    cost, took = used() - before, time.perf_counter() - began
    return Ran(turn, name, 1_000 * alone, 1_000 * cost / scale.crowd, scale.crowd / took)


def _result_of(scale: Scale, ran: Sequence[Ran]) -> Result:
    def over(value: Callable[[Ran], float]) -> list[float]:
        return ratios_in_turns([(each.turn, each.name, value(each)) for each in ran], OURS, DBOS)

    return Result(
        "dbos",
        f"{scale.turns} times one order alone and {scale.crowd} with {scale.in_flight} in flight, by ours "
        "and by DBOS in turns; SQLite for both; no faults, no latency; the audit of ours is clean",
        [
            Figure.of_turns(
                "processor time an order, server and worker of ours over DBOS",
                over(lambda each: each.cost_ms),
            ),
            Figure.of_turns("latency of one order alone, ours over DBOS", over(lambda each: each.alone_ms)),
            Figure.of_turns(
                f"orders/s at {scale.in_flight} in flight, ours over DBOS", over(lambda each: each.rate)
            ),
        ],
        {
            "Turns, as they ran": [
                {
                    "turn": each.turn,
                    "contestant": each.name,
                    "alone, ms": each.alone_ms,
                    "processor ms/order": each.cost_ms,
                    "orders/s": each.rate,
                }
                for each in ran
            ]
        },
    )
