"""What does an engine without a server of its own cost? The same order by ours and by DBOS, in turns."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks.contestants.contest import ours
from benchmarks.tools import pairs
from benchmarks.tools.figures import BenchmarkFailed, Result
from benchmarks.tools.machine import processor_seconds
from benchmarks.tools.processes import LOOK_SECONDS, READY_SECONDS, python, running
from benchmarks.tools.stage import open_stage

OURS, DBOS = "ours", "DBOS"
SOCKET = "orders.socket"
"""In the folder of `contestants.dbos_order`."""


async def measure(scale: pairs.Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    if find_spec("dbos") is None:
        raise BenchmarkFailed("DBOS is not installed: pip install -e '.[dbos]'")
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as name:
        folder = Path(name)
        async with open_stage(folder) as stage, _dbos(folder) as other:
            contestants = {OURS: pairs.Contestant(ours(stage).run, stage.used), DBOS: other}
            ran = await pairs.run_in_turns(contestants, scale)
            await stage.check()
    say(f"  {scale.turns} crowds of {scale.crowd} orders by each")
    return Result(
        "dbos",
        f"{scale.turns} times one order alone and {scale.crowd} with {scale.in_flight} in flight, by ours "
        "and by DBOS in turns; SQLite for both; no faults, no latency; the audit of ours is clean",
        pairs.compared(scale, ran, OURS, DBOS, "server and worker of ours"),
        pairs.as_they_ran(ran),
    )


@asynccontextmanager
async def _dbos(folder: Path) -> AsyncGenerator[pairs.Contestant]:
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

        yield pairs.Contestant(run, lambda: processor_seconds(process.pid))
