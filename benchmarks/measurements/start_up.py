"""How soon is a worker ready, and the embedded server? What Python and its imports take is told apart: bare
interpreters that import what `worker.py` imports, and workers, in turns."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.tools.figures import BenchmarkFailed, Figure, Result, Row
from benchmarks.tools.processes import READY_SECONDS, ROOT, environment, python
from benchmarks.tools.stage import environment_of_worker
from benchmarks.tools.turns import back_and_forth
from order_system.infra.process import dies_with_parent
from order_system.infra.temporal.embedded import EmbeddedServer

IMPORTED, READY = "imported", "worker ready"
BARE, WORKER = "bare", "worker"
FIRST, AGAIN = "first", "again"

COMMANDS = {
    BARE: python("-c", f"import worker; print({IMPORTED!r}, flush=True)"),
    WORKER: python(ROOT / "worker.py"),
}
SAYS = {BARE: IMPORTED, WORKER: READY}


@dataclass(frozen=True)
class Scale:
    rounds: int


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as name:
        folder = Path(name)
        servers = [
            (turn, way, await _server(folder / f"server-{turn}"))
            for turn in range(scale.rounds)
            for way in (FIRST, AGAIN)
        ]
        say(f"  {len(servers)} servers")
        async with EmbeddedServer(folder, port=0, ui_port=0, headless=True) as server:
            variables = environment_of_worker(folder, server.address)
            # A new database and a new server: its tables, its search attributes.
            first = await seconds_to_start(WORKER, variables)
            starts = [
                (turn, what, await seconds_to_start(what, variables))
                for turn, what in back_and_forth((BARE, WORKER), scale.rounds)
            ]
        say(f"  {len(starts)} interpreters and workers")
        return _result_of(scale, first, starts, servers)


async def _server(folder: Path) -> float:
    """Seconds until it answers."""
    began = time.perf_counter()
    async with EmbeddedServer(folder, port=0, ui_port=0, headless=True):
        return time.perf_counter() - began


async def seconds_to_start(what: str, variables: dict[str, str]) -> float:
    """Seconds from the start of the process until it has said that it is ready; then it is stopped."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *COMMANDS[what],
        cwd=ROOT,
        env=environment(variables),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=dies_with_parent(),
    )
    try:
        async with asyncio.timeout(READY_SECONDS):
            said = await _until_it_says(process, SAYS[what])
            taken = time.perf_counter() - began
            if said is not None:
                raise BenchmarkFailed(f"{what}: it ended before it was ready, with: {said}")
            if process.returncode is None and what == WORKER:
                process.send_signal(signal.SIGTERM)
            await process.communicate()
    except TimeoutError:
        raise BenchmarkFailed(f"{what}: not ready after {READY_SECONDS} seconds") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return taken


async def _until_it_says(process: asyncio.subprocess.Process, word: str) -> str | None:
    """None as soon as a line has the word in it; the last line if the output ends before."""
    if process.stdout is None:
        return ""
    last = ""
    async for line in process.stdout:
        last = line.decode(errors="replace").strip()
        if word in last:
            return None
    return last


Starts = Sequence[tuple[int, str, float]]


def _result_of(scale: Scale, first: float, starts: Starts, servers: Starts) -> Result:
    bare, worker = _seconds(starts, BARE), _seconds(starts, WORKER)
    times = [ready / imported for imported, ready in zip(bare, worker, strict=True)]
    figures = [
        Figure.of_turns(
            "worker.py from start to ready, over interpreter and the same imports", times, at_most=2
        ),
        Figure("worker.py from start to ready", median(worker), "s"),
        Figure("interpreter and the same imports", median(bare), "s"),
        Figure("worker.py with a new database", first, "s"),
        Figure(
            "embedded server in a new folder, from start to answer", median(_seconds(servers, FIRST)), "s"
        ),
        Figure("embedded server in its old folder", median(_seconds(servers, AGAIN)), "s"),
    ]
    return Result(
        "start",
        f"{scale.rounds} starts of each, in turns: worker.py against a server and a database that are there, "
        "a bare interpreter, and the embedded server",
        figures,
        {"Starts, as they ran": _table(bare, worker, servers)},
    )


def _seconds(starts: Starts, what: str) -> list[float]:
    return [seconds for _, each, seconds in sorted(starts) if each == what]


def _table(bare: Sequence[float], worker: Sequence[float], servers: Starts) -> list[Row]:
    first, again = _seconds(servers, FIRST), _seconds(servers, AGAIN)
    return [
        {
            "turn": turn,
            "imports, s": imports,
            "worker ready, s": ready,
            "server in a new folder, s": new,
            "server in its old folder, s": old,
        }
        for turn, (imports, ready, new, old) in enumerate(zip(bare, worker, first, again, strict=True), 1)
    ]
