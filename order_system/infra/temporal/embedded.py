"""The embedded Temporal server: a real server for one machine, shared by all commands on one data folder.

The first process starts the server and owns it; later ones become its clients. Two lock files tell them
apart, since the kernel drops a lock with the process that held it, however that process ended:

- `temporal.lock`, exclusive: a server runs on this folder. Its owner holds the lock, the server inherits it.
- `temporal.users`, shared: a process uses a server that another process owns. Before the owner stops the
  server, it waits until it can take this lock exclusively.

`temporal.json` tells clients the address. It counts only while `temporal.lock` is held and the server
answers, so a file that a crash has left behind misleads nobody."""

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog
from pydantic import BaseModel, ValidationError

from order_system.domain.errors import EmbeddedServerFailed, InvalidSettings
from order_system.infra import policy
from order_system.infra.temporal import embedded_process

log = structlog.stdlib.get_logger(__name__)


class ServerState(BaseModel):
    address: str
    ui_url: str | None


@dataclass
class EmbeddedServer(embedded_process.ServerOptions):
    """`async with EmbeddedServer(data_dir) as server:` a server answers at `server.address`.

    Entering raises InvalidSettings if the folder cannot be used, EmbeddedServerFailed if there is no server
    within policy.EMBEDDED_START. Leaving stops the server if we own it and nobody else uses it any more."""

    namespace = embedded_process.NAMESPACE

    def __post_init__(self) -> None:
        self.data_dir = self.data_dir.absolute()
        self._state_file = self.data_dir / "temporal.json"
        self._leaving = AsyncExitStack()
        self._process: embedded_process.ServerProcess | None = None
        self.address: str
        self.ui_url: str | None
        """Both are set within the block; `ui_url` is None if the server was started without its Web UI."""

    @property
    def has_run(self) -> bool:
        """Whether a server has run on this folder before, and may have orders that no other server has."""
        return (self.data_dir / "temporal.db").exists()

    @property
    def owned(self) -> bool:
        """Whether this process started the server, and will stop it."""
        return self._process is not None

    @property
    def runs_already(self) -> bool:
        """Whether some process runs a server on this folder."""
        self._make_folder()
        lock = self._try_lock("temporal.lock", fcntl.LOCK_SH)
        if lock is not None:
            os.close(lock)
        return lock is None

    def ui_at(self, address: str) -> str | None:
        """Return its Web UI's URL, if some process runs a server on this folder at this address."""
        state = self._state() if self.has_run and self.runs_already else None
        here = state and address in (
            state.address,
            state.address.replace(embedded_process.LOOPBACK, "localhost"),
        )
        return state.ui_url if state and here else None

    @property
    def pid(self) -> int | None:
        """The server's process ID, if we own the server."""
        return self._process.process.pid if self._process else None

    async def __aenter__(self) -> Self:
        self._make_folder()
        deadline = asyncio.get_running_loop().time() + policy.EMBEDDED_START.total_seconds()
        while not (await self._own() or await self._join()):
            if asyncio.get_running_loop().time() > deadline:
                raise EmbeddedServerFailed(
                    f"Another process runs an embedded Temporal server in {self.data_dir}, "
                    f"but it does not answer. See {embedded_process.log_file(self.data_dir)}."
                )
            await asyncio.sleep(policy.EMBEDDED_POLL.total_seconds())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leaving.aclose()

    @asynccontextmanager
    async def kept_running(self) -> AsyncGenerator[None]:
        """During the block, start our server again when it ends by itself: nobody else can, while we live."""
        keeping = asyncio.create_task(self._start_again_and_again())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _start_again_and_again(self) -> None:
        while self._process is not None:
            exit_code = await self._process.process.wait()
            log.error("the embedded Temporal server has ended: starting it again", exit_code=exit_code)
            try:
                server = await embedded_process.start_server(self, self._lock)
                if server.address != self.address:
                    await server.stop()
                    raise EmbeddedServerFailed(f"Another program has taken {self.address}.")
                self._process = server
            except EmbeddedServerFailed as failed:
                log.error("the embedded Temporal server could not be started again", reason=str(failed))
                await asyncio.sleep(policy.EMBEDDED_START.total_seconds())

    async def _stop(self) -> None:
        if self._process is not None:
            await self._process.stop()

    def _make_folder(self) -> None:
        try:
            self.data_dir.mkdir(0o700, parents=True, exist_ok=True)
            os.close(self._open("temporal.lock"))
        except OSError as refused:
            raise InvalidSettings(
                f"ORDER_DATA_DIR={self.data_dir}: {refused.strerror}. Name a folder that you may write to."
            ) from None

    async def _own(self) -> bool:
        """Start the server, unless one runs on this folder."""
        async with AsyncExitStack() as failing:
            lock = self._try_lock("temporal.lock", fcntl.LOCK_EX)
            if lock is None:
                return False
            failing.callback(os.close, lock)
            others = failing.enter_context(ExitStack())
            self._state_file.unlink(missing_ok=True)
            self._process = await embedded_process.start_server(self, lock)
            failing.push_async_callback(self._stop)
            self.address, self.ui_url = self._process.address, self._process.ui_url
            self._lock, self.port = lock, int(self.address.rpartition(":")[2])
            complete = self._state_file.with_suffix(".new")
            complete.write_text(ServerState(address=self.address, ui_url=self.ui_url).model_dump_json())
            complete.replace(self._state_file)
            self._leaving = failing.pop_all()
            self._leaving.callback(self._state_file.unlink, missing_ok=True)
            self._leaving.push_async_callback(self._until_nobody_else_uses_it, others)
        return True

    async def _join(self) -> bool:
        """Become a client, unless the owner is still starting the server or already stopping it."""
        async with AsyncExitStack() as failing:
            users = self._try_lock("temporal.users", fcntl.LOCK_SH)
            if users is None:
                return False
            failing.callback(os.close, users)
            state = self._state()
            if state is None or not await embedded_process.answers(state.address):
                return False
            self.address, self.ui_url = state.address, state.ui_url
            self._leaving = failing.pop_all()
        return True

    def _state(self) -> ServerState | None:
        with suppress(OSError, ValidationError):
            return ServerState.model_validate_json(self._state_file.read_text())
        return None

    async def _until_nobody_else_uses_it(self, others: ExitStack) -> None:
        """Wait until all others have left, or Ctrl-C. Once they have, `others` lets no new ones join."""
        told = False
        while (users := self._try_lock("temporal.users", fcntl.LOCK_EX)) is None:
            if not told:
                log.warning(
                    "waiting: other commands still use this embedded server, which stops with us; "
                    "Ctrl-C stops it now",
                    server=self.address,
                )
                told = True
            await asyncio.sleep(policy.EMBEDDED_POLL.total_seconds())
        others.callback(os.close, users)

    def _try_lock(self, name: str, kind: int) -> int | None:
        """Return a file descriptor that holds the lock until it is closed; None if another process has it."""
        descriptor = self._open(name)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _open(self, name: str) -> int:
        return os.open(self.data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
