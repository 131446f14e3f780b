"""What does telemetry cost a worker? The same orders by three workers in turns: one that tells nothing, one
that shows metrics and is scraped, and one that sends its traces, too."""

import asyncio
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

from benchmarks.tools.figures import Result
from benchmarks.tools.stage import Stage, open_stage
from benchmarks.tools.workers import Ran, Scale, as_they_ran, in_turns, more_with

OFF, METRICS, TRACES = "off", "metrics", "metrics and traces"
NAMES = (OFF, METRICS, TRACES)
SCRAPED_EVERY = 5.0
"""Seconds: three times as often as Prometheus does by default."""
LOOPBACK = "127.0.0.1"


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as folder:
        async with AsyncExitStack() as opened:
            collector = opened.enter_context(_collecting())
            sent_to = {TRACES: {"OTEL_EXPORTER_OTLP_ENDPOINT": collector}}
            stages: dict[str, Stage] = {}
            ports: list[int] = []
            for name in NAMES:
                shown_at: dict[str, str] = {}
                if name != OFF:
                    ports.append(_unused_port())
                    shown_at = {"metrics_port": str(ports[-1])}
                place = Path(folder) / name.replace(" ", "-")
                stage = open_stage(place, besides=sent_to.get(name), **shown_at)
                stages[name] = await opened.enter_async_context(stage)
            await opened.enter_async_context(_scraped(ports))
            ran = await in_turns(stages, scale, "TELEMETRY")
    say(f"  {scale.turns} crowds of {scale.crowd} orders by each worker")
    return _result_of(scale, ran)


def _result_of(scale: Scale, ran: Sequence[Ran]) -> Result:
    figures = [more_with(name, OFF, ran, scale, at_most=1.05) for name in (METRICS, TRACES)]
    return Result(
        "telemetry",
        f"crowds of {scale.crowd} orders of two lines in turns, {scale.in_flight} under way, {scale.turns} "
        f"by each worker; metrics are scraped every {SCRAPED_EVERY:g} s, every order is traced; no faults, "
        "no latency; each worker has a server of its own; the audits are clean",
        figures,
        as_they_ran(ran),
    )


def _unused_port() -> int:
    with ThreadingHTTPServer((LOOPBACK, 0), BaseHTTPRequestHandler) as found:
        return found.server_port


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
