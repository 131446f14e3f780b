"""Programs of Python in processes of their own: started with nothing of the environment's that is ours, and
stopped with us, however we end."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from benchmarks.tools.figures import BenchmarkFailed
from order_system.infra.process import dies_with_parent
from order_system.infra.settings import PREFIX

ROOT = Path(__file__).parents[2]
READY_SECONDS = 60
LOOK_SECONDS = 0.1
TOLD_LINES = 15


def environment(ours: Mapping[str, str] | None = None) -> dict[str, str]:
    """That of a program which is measured."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((PREFIX, "TEMPORAL_", "OTEL_"))
    }
    return {**inherited, "TEMPORAL_CONFIG_FILE": os.devnull, **(ours or {})}


@asynccontextmanager
async def running(
    program: Sequence[str | Path], log: Path, *, ours: Mapping[str, str] | None = None
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """For the length of the block; its output goes to `log`. `ours` are variables of its environment."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *program,
            cwd=ROOT,
            env=environment(ours),
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


def python(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, *arguments]


async def until_it_polls(
    worker: asyncio.subprocess.Process, temporal: Client, task_queue: str, log: Path
) -> None:
    """Until the server has heard from it. Raises BenchmarkFailed with the end of its log."""
    request = DescribeTaskQueueRequest(
        namespace=temporal.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    deadline = time.monotonic() + READY_SECONDS
    while not (await temporal.workflow_service.describe_task_queue(request)).pollers:
        if worker.returncode is not None or time.monotonic() > deadline:
            raise BenchmarkFailed(f"the worker did not come up:\n{_end_of(log)}")
        await asyncio.sleep(LOOK_SECONDS)


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-TOLD_LINES:])
