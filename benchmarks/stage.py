"""What is measured, in a folder of its own: a real embedded server, a SQLite book and world, and
`python worker.py` in a process of its own as in production. No faults, no simulated latency."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from benchmarks.figures import BenchmarkFailed
from benchmarks.machine import Meter, metering
from order_system.audit import audit_now
from order_system.bootstrap import OrderSystem, open_order_system
from order_system.child_process import dies_with_parent
from order_system.connection import connect
from order_system.devserver import EmbeddedServer
from order_system.settings import PREFIX, Settings, load_settings

WORKER = Path(__file__).parents[1] / "worker.py"
READY_SECONDS = 60
LOOK_SECONDS = 0.1
TOLD_LINES = 15


@dataclass(frozen=True)
class Stage:
    folder: Path
    system: OrderSystem
    temporal: Client
    meter: Meter
    """Of the processes `server` and `worker`."""

    async def check(self) -> None:
        """No figure counts unless book and world agree. Raises BenchmarkFailed."""
        report = await audit_now(self.system.book, self.system.world)
        broken = [line for check in report.checks for line in check.violations]
        left = len(report.open_submissions) + len(report.in_doubt)
        if broken or left:
            raise BenchmarkFailed(f"the audit is not clean: {[*broken, f'{left} left open or in doubt'][0]}")


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncGenerator[Stage]:
    """Raises BenchmarkFailed if the worker does not come up, EmbeddedServerFailed."""
    settings = settings_for(folder)
    async with (
        EmbeddedServer(folder, port=0, ui_port=0, headless=True) as server,
        open_order_system(settings) as system,
        _worker(folder, server.address) as worker,
    ):
        temporal = await connect(server.address, server.namespace)
        await _until_it_polls(worker, temporal, settings, folder)
        if server.pid is None:
            raise BenchmarkFailed(f"another process runs a server in {folder}")
        async with metering({"server": server.pid, "worker": worker.pid}) as meter:
            yield Stage(folder, system, temporal, meter)


def settings_for(folder: Path, *, files: Path | None = None) -> Settings:
    """With nothing of the environment's. Files of orders are in `files`, or else in `folder`."""
    return load_settings(database_url=None, **{**_settings(folder), "file_roots": str(files or folder)})


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


@asynccontextmanager
async def _worker(folder: Path, address: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "TEMPORAL_"))
    }
    ours = {f"{PREFIX}{name.upper()}": value for name, value in _settings(folder).items()}
    with _log(folder).open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(WORKER),
            env={**inherited, **ours, "TEMPORAL_ADDRESS": address, "TEMPORAL_CONFIG_FILE": os.devnull},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us, who then stop it
            preexec_fn=dies_with_parent(),
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


async def _until_it_polls(
    worker: asyncio.subprocess.Process, temporal: Client, settings: Settings, folder: Path
) -> None:
    request = DescribeTaskQueueRequest(
        namespace=temporal.namespace,
        task_queue=TaskQueue(name=settings.task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    deadline = time.monotonic() + READY_SECONDS
    while not (await temporal.workflow_service.describe_task_queue(request)).pollers:
        if worker.returncode is not None or time.monotonic() > deadline:
            log = _log(folder).read_text(errors="replace").splitlines()
            raise BenchmarkFailed("the worker did not come up:\n" + "\n".join(log[-TOLD_LINES:]))
        await asyncio.sleep(LOOK_SECONDS)


def _log(folder: Path) -> Path:
    return folder / "worker.log"
