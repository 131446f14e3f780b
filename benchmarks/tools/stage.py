"""What is measured, in a folder of its own: a real embedded server, a SQLite book and world, and
`python worker.py` in a process of its own as in production. No faults, no simulated latency."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from benchmarks.tools.figures import BenchmarkFailed
from benchmarks.tools.machine import processor_seconds
from benchmarks.tools.processes import ROOT, python, running, until_it_polls
from order_system.audit.report import audit_now
from order_system.bootstrap import OrderSystem, open_order_system
from order_system.infra.settings import PREFIX, Settings, load_settings
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer

WORKER = python(ROOT / "worker.py")


@dataclass(frozen=True)
class Stage:
    folder: Path
    system: OrderSystem
    address: str
    temporal: Client
    processes: Mapping[str, int]
    """The PIDs of `server` and `worker`."""

    def used(self) -> float:
        """Processor seconds so far, of server and worker."""
        return sum(map(processor_seconds, self.processes.values()))

    async def check(self) -> None:
        """Raises BenchmarkFailed unless the audit is clean."""
        await check_audit(self.system)


async def check_audit(system: OrderSystem) -> None:
    """No figure counts unless book and world agree. Raises BenchmarkFailed."""
    report = await audit_now(system.book, system.world)
    broken = [line for check in report.checks for line in check.violations]
    left = len(report.open_submissions) + len(report.in_doubt)
    if broken or left:
        raise BenchmarkFailed(f"the audit is not clean: {[*broken, f'{left} left open or in doubt'][0]}")


@asynccontextmanager
async def open_stage(
    folder: Path,
    worker: Sequence[str | Path] = WORKER,
    *,
    besides: Mapping[str, str] | None = None,
    **of_worker: str,
) -> AsyncGenerator[Stage]:
    """`of_worker`: settings of its own; `besides`: variables that are not ours.

    Raises BenchmarkFailed if the worker does not come up, EmbeddedServerFailed."""
    log = folder / "worker.log"
    settings = settings_for(folder, database_url=of_worker.get("database_url"))
    async with (
        EmbeddedServer(folder, port=0, ui_port=0, headless=True) as server,
        open_order_system(settings) as system,
        running(
            worker,
            log,
            ours={**environment_of_worker(folder, server.address, **of_worker), **(besides or {})},
        ) as process,
    ):
        temporal = await connect(server.address, server.namespace)
        await until_it_polls(process, temporal, system.task_queue, log)
        if server.pid is None:
            raise BenchmarkFailed(f"another process runs a server in {folder}")
        yield Stage(folder, system, server.address, temporal, {"server": server.pid, "worker": process.pid})


def settings_for(folder: Path, *, files: Path | None = None, database_url: str | None = None) -> Settings:
    """With nothing of the environment's. Files of orders are in `files`, or else in `folder`."""
    return load_settings(
        database_url=database_url, **{**_settings(folder), "file_roots": str(files or folder)}
    )


def environment_of_worker(folder: Path, address: str, **others: str) -> dict[str, str]:
    """The same settings for `worker.py`, but for some, and the server that it is to work for."""
    ours = {f"{PREFIX}{name.upper()}": value for name, value in {**_settings(folder), **others}.items()}
    return {**ours, "TEMPORAL_ADDRESS": address}


def _settings(folder: Path) -> Mapping[str, str]:
    return {
        "data_dir": str(folder),
        "file_roots": str(folder),
        "task_queue": "benchmark",
        "faults": "none",
        "latency_min": "0",
        "latency_max": "0",
        "strict_stock": "false",
        "log_level": "INFO",
        "log_format": "json",
    }
