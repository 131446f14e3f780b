"""`temporal server start-dev` as it comes: in memory, with nothing tuned, and without the Web UI."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tools.figures import BenchmarkFailed
from benchmarks.tools.processes import running
from order_system.infra import policy
from order_system.infra.temporal.embedded_process import LOOPBACK, answers, find_programs


@dataclass(frozen=True)
class StockServer:
    address: str
    pid: int


@asynccontextmanager
async def stock_server(folder: Path) -> AsyncGenerator[StockServer]:
    """Raises BenchmarkFailed if it does not answer, EmbeddedServerFailed if there is no such program."""
    port, log = _free_port(), folder / "stock-server.log"
    command = [find_programs()[0], "server", "start-dev", "--headless", "--port", str(port)]
    async with running(command, log) as process:
        address = f"{LOOPBACK}:{port}"
        deadline = time.monotonic() + policy.EMBEDDED_START.total_seconds()
        while not await answers(address):
            if process.returncode is not None or time.monotonic() > deadline:
                raise BenchmarkFailed(f"the stock server did not come up: {log.read_text()[-500:]}")
            await asyncio.sleep(policy.EMBEDDED_POLL.total_seconds())
        yield StockServer(address, process.pid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
