"""Real processes on this machine: a Temporal server that can be killed, workers that are started again
whenever they end, and a database file that can be locked."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from order_system.bootstrap import OrderSystem, open_order_system
from order_system.domain import policy
from order_system.domain.errors import ServerUnreachable
from order_system.infra.settings import Settings
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.chaos.diary import Diary, DiaryReader
from tests.chaos.stage import Stage
from tests.fixtures.processes.forking import ForkedProcess, forked

ROOT = Path(__file__).parents[2]
RECONCILE_SECONDS = 20
ROLLED_SECONDS = 5
LATENCY = (0.01, 0.05)
"""Seconds that a call to the outside world takes."""


class Arena:
    """One run's processes and files. Enter it with `open_arena`."""

    def __init__(self, folder: Path, system: OrderSystem, *, pace: float, source: Path) -> None:
        self.folder = folder
        self.system = system
        self.pace = pace
        self.stage = Stage(folder / "stage")
        self.stage.prepare()
        self.diary = Diary(self.stage.diaries / "director.jsonl")
        self.entries = DiaryReader(self.stage.diaries)
        self.address = ""
        self.starts = 0
        """Of worker processes."""
        self.troubles: list[str] = []
        """What went wrong with the harness itself."""
        self.patient = False
        """Workers have the patience of real gateways, and not the demo's, whose attempts our cases use up."""
        self.deployment: str | None = None
        """Its name, if workers have versions: each slot has its own, and each is current in its turn."""
        self.book_is_there = asyncio.Event()
        """Whether its file is in its place, or another book's."""
        self.book_is_there.set()
        self.commands_may_start = asyncio.Event()
        self.commands_may_start.set()
        self.commands = 0
        """That run, and would take another book for theirs."""
        self.commands_ended = asyncio.Condition()
        self._source = source
        self._servers = AsyncExitStack()
        self._server: EmbeddedServer | None = None
        self._workers: list[asyncio.Task[None]] = []
        self._processes: set[ForkedProcess] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the server ------------------------------------------------------------------------------

    async def start_server(self) -> None:
        """On the port of the one before, where workers and clients look for it."""
        port = int(self.address.rpartition(":")[2]) if self.address else 0
        self._server = EmbeddedServer(self.folder, port=port, ui_port=0, headless=True)
        await self._servers.enter_async_context(self._server)
        assert self.address in ("", self._server.address), "the server's port was taken meanwhile"
        self.address = self._server.address

    async def kill_server(self) -> None:
        assert self._server is not None
        assert self._server.pid is not None
        os.kill(self._server.pid, signal.SIGKILL)
        await self._servers.aclose()
        self.diary.write("server killed")

    async def temporal(self) -> Client:
        return await connect(self.address)

    # --- workers ---------------------------------------------------------------------------------

    def start_workers(self, count: int) -> None:
        self._workers = [asyncio.create_task(self._keep_running(slot)) for slot in range(count)]
        if self.deployment:
            self._workers.append(asyncio.create_task(self._roll(self.deployment, count)))

    async def _roll(self, deployment: str, builds: int) -> None:
        """Out and back: new orders go to another build every ROLLED_SECONDS."""
        turn = 0
        while True:
            request = SetWorkerDeploymentCurrentVersionRequest(
                namespace="default", deployment_name=deployment, build_id=f"v{turn % builds}"
            )
            with contextlib.suppress(RPCError, ServerUnreachable):  # or it is not known yet
                temporal = await self.temporal()
                await temporal.workflow_service.set_worker_deployment_current_version(request)
                self.diary.write(f"current version {request.build_id}")
                turn += 1
            await asyncio.sleep(ROLLED_SECONDS if turn else 0.5)

    async def _keep_running(self, slot: int) -> None:
        """However it ends, as an operator's service manager does."""
        while True:
            await self.book_is_there.wait()
            self.starts += 1
            build = {"TEMPORAL_WORKER_BUILD_ID": f"v{slot}"} if self.deployment else {}
            process = await self.start_worker(f"worker-{slot}-{self.starts:03d}", **build)
            self._processes.add(process)
            try:
                code = await process.wait()
            finally:
                self._processes.discard(process)
                await kill(process)
            self.diary.write(f"worker ended with {code}")
            if code not in (0, -signal.SIGKILL):
                await asyncio.sleep(0.5)

    async def start_worker(self, name: str, **environment: str) -> ForkedProcess:
        diary = self.stage.diaries / f"{name}.jsonl"
        with (self.folder / "worker.log").open("ab") as log:
            return await forked(
                *("-m", "tests.chaos.worker", str(self.stage.folder), str(diary), str(self.pace)),
                env={**self.environment(), **environment},
                output=log,
                folder=self._source,
            )

    def environment(self) -> dict[str, str]:
        ours = {
            key: value for key, value in os.environ.items() if not key.startswith(("ORDER_", "TEMPORAL_"))
        }
        settings = self.system.settings
        return {
            **ours,
            "PYTHONPATH": str(self._source),
            "TEMPORAL_ADDRESS": self.address,
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "ORDER_DATABASE_URL": settings.database,
            "ORDER_TASK_QUEUE": self.system.task_queue,
            "ORDER_FILE_ROOTS": ",".join(settings.file_roots),
            "ORDER_FAULTS": "none",
            "ORDER_LATENCY_MIN": str(LATENCY[0]),
            "ORDER_LATENCY_MAX": str(LATENCY[1]),
            "ORDER_LOG_LEVEL": "ERROR",
            "ORDER_LOG_FORMAT": "json",
            "ORDER_RECONCILE_EVERY": str(settings.reconcile_every),
            **(
                {"TEMPORAL_DEPLOYMENT_NAME": self.deployment, "TEMPORAL_WORKER_BUILD_ID": "v0"}
                if self.deployment
                else {}
            ),
            **({"ORDER_PATIENCE": str(max(policy.PATIENCE.values()))} if self.patient else {}),
        }

    def wake(self, pid: int) -> None:
        """Only a worker of ours that still runs, so that no stranger with a used-up ID is meant."""
        if any(process.pid == pid and process.returncode is None for process in self._processes):
            os.kill(pid, signal.SIGCONT)

    # --- the database ----------------------------------------------------------------------------

    async def lock_database(self, seconds: float) -> None:
        """Hold SQLite's one write lock, as a backup or a stuck writer does. Returns once it is held."""
        held = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hold() -> None:
            with contextlib.closing(sqlite3.connect(self.database_file, timeout=30)) as connection:
                connection.isolation_level = None
                connection.execute("BEGIN IMMEDIATE")
                loop.call_soon_threadsafe(held.set)
                time.sleep(seconds)
                connection.execute("ROLLBACK")

        self.in_background(asyncio.to_thread(hold))
        await held.wait()

    def exists_for(self, file: Path, seconds: float) -> None:
        """Whatever the workers are refused meanwhile."""
        file.touch()

        async def allow_again() -> None:
            await asyncio.sleep(seconds)
            file.unlink(missing_ok=True)

        self.in_background(allow_again())

    @property
    def database_file(self) -> Path:
        return Path(str(self.system.database.url.database))

    @asynccontextmanager
    async def book_stays(self) -> AsyncGenerator[None]:
        """While a command of ours runs."""
        await self.commands_may_start.wait()
        self.commands += 1
        try:
            yield
        finally:
            self.commands -= 1
            async with self.commands_ended:
                self.commands_ended.notify_all()

    @property
    def working(self) -> bool:
        """Whether any worker process of ours runs."""
        return bool(self._processes)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self.troubles.append(repr(failure))

    async def close(self) -> None:
        for task in self._workers:
            task.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._servers.aclose()


async def kill(process: ForkedProcess) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


@asynccontextmanager
async def open_arena(
    folder: Path,
    *,
    pace: float,
    task_queue: str = "chaos",
    source: Path = ROOT,
    address: str | None = None,
) -> AsyncGenerator[Arena]:
    """With an `address` on a server that others use too: then without the reconciler's schedule, of which a
    server has one. Without workers yet."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        data_dir=folder,
        task_queue=task_queue,
        faults="none",
        file_roots=(str(folder),),
        latency_min=0,
        latency_max=0,
        reconcile_every=RECONCILE_SECONDS if address is None else 0,
    )
    async with open_order_system(settings) as system:
        arena = Arena(folder, system, pace=pace, source=source)
        try:
            if address is None:
                await arena.start_server()
            else:
                arena.address = address
            yield arena
        finally:
            await arena.close()
