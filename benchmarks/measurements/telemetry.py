"""What does telemetry cost a worker? The same orders by three workers in turns: one that tells nothing, one
that shows metrics and is scraped, and one that sends its traces, too."""

import asyncio
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

from benchmarks.contestants.contest import Contestant, ours
from benchmarks.tools.crowds import run_crowd
from benchmarks.tools.figures import Figure, Result, Row
from benchmarks.tools.machine import core_speed, processor_seconds
from benchmarks.tools.stage import Stage, open_stage
from benchmarks.tools.turns import back_and_forth, ratios_in_turns

OFF, METRICS, TRACES = "off", "metrics", "metrics and traces"
NAMES = (OFF, METRICS, TRACES)
CONTRACT = 30
"""Orders of a crowd for which the bound is stated, at least."""
SCRAPED_EVERY = 5.0
"""Seconds: three times as often as Prometheus does by default."""
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Scale:
    turns: int = 9
    crowd: int = 60
    in_flight: int = 10


@dataclass(frozen=True)
class Ran:
    turn: int
    name: str
    milliseconds: float
    """Of the worker's processor time, an order, at the speed that a core had."""


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as folder:
        async with AsyncExitStack() as opened:
            port, collector = _unused_port(), opened.enter_context(_collecting())
            ours_on = {METRICS: {"metrics_port": str(port)}, TRACES: {"metrics_port": str(port + 1)}}
            sent_to = {TRACES: {"OTEL_EXPORTER_OTLP_ENDPOINT": collector}}
            stages: dict[str, Stage] = {}
            for name in NAMES:
                place = Path(folder) / name.replace(" ", "-")
                stage = open_stage(place, besides=sent_to.get(name), **ours_on.get(name, {}))
                stages[name] = await opened.enter_async_context(stage)
            await opened.enter_async_context(_scraped((port, port + 1)))
            contestants = {name: ours(stage) for name, stage in stages.items()}
            ran = [
                await _run(contestants[name], turn, name, scale)
                for turn, name in back_and_forth(NAMES, 1 + scale.turns)
            ]
            for stage in stages.values():
                await stage.check()
    say(f"  {scale.turns} crowds of {scale.crowd} orders by each worker")
    return _result_of(scale, [each for each in ran if each.turn])  # the first ones warm up


async def _run(contestant: Contestant, turn: int, name: str, scale: Scale) -> Ran:
    ids = [f"TELEMETRY-{turn:02}-{number:04}" for number in range(scale.crowd)]
    speed, before = core_speed(), processor_seconds(contestant.worker)
    await run_crowd(contestant.run, ids, scale.in_flight)
    used = processor_seconds(contestant.worker) - before
    return Ran(turn, name, 1_000 * used * (speed + core_speed()) / 2 / scale.crowd)


def _result_of(scale: Scale, ran: Sequence[Ran]) -> Result:
    measured = [(each.turn, each.name, each.milliseconds) for each in ran]
    figures: list[Figure] = []
    for name in (METRICS, TRACES):
        more = Figure.of_turns(
            f"a worker's processor time an order with {name}, over that without",
            ratios_in_turns(measured, name, OFF),
            at_most=1.05,
        )
        figures.append(more if scale.crowd >= CONTRACT else more.unbound())
    rows: list[Row] = [
        {"turn": each.turn, "worker": each.name, "million steps an order": each.milliseconds / 1_000}
        for each in ran
    ]
    return Result(
        "telemetry",
        f"crowds of {scale.crowd} orders of two lines in turns, {scale.in_flight} under way, {scale.turns} "
        f"by each worker; metrics are scraped every {SCRAPED_EVERY:g} s, every order is traced; no faults, "
        "no latency; each worker has a server of its own; the audits are clean",
        figures,
        {"Crowds, as they ran": rows},
    )


def _unused_port() -> int:
    """With another one behind it."""
    with ThreadingHTTPServer((LOOPBACK, 0), BaseHTTPRequestHandler) as found:
        return min(found.server_port, 65_534)


@contextmanager
def _collecting() -> Generator[str]:
    """The address of one who takes whatever is sent."""

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    with ThreadingHTTPServer((LOOPBACK, 0), Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()


@asynccontextmanager
async def _scraped(ports: Sequence[int]) -> AsyncGenerator[None]:
    def scrape() -> None:
        for port in ports:
            with urlopen(f"http://{LOOPBACK}:{port}/metrics") as shown:
                shown.read()

    async def again_and_again() -> None:
        while True:
            await asyncio.to_thread(scrape)
            await asyncio.sleep(SCRAPED_EVERY)

    scraping = asyncio.create_task(again_and_again())
    try:
        yield
    finally:
        scraping.cancel()
