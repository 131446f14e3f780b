"""Which server the workers on a folder's order book serve, for commands that would bring one of their own.

A worker holds `worker.lock`, shared with other workers, for as long as it lives: the kernel drops a lock with
its process. `worker.json` tells the server of the worker that came last; it counts while the lock is held.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError
from temporalio.client import Client

from order_system.domain.errors import ServerUnreachable
from order_system.infra.temporal.connection import connect


class ServedServer(BaseModel):
    address: str
    namespace: str

    async def client(self) -> Client:
        """Raises ServerUnreachable, which says what else is to be done."""
        try:
            return await connect(self.address, self.namespace)
        except ServerUnreachable as unreachable:
            raise ServerUnreachable(
                f"a worker is at work on these orders for the Temporal server at {self.address}, which does "
                "not answer. Start that server or stop the worker: --embedded starts no second one"
            ) from unreachable


@contextmanager
def serving_from(folder: Path | None, temporal: Client) -> Generator[None]:
    """For the length of the block a worker of this process serves the book in the folder, if it is in one."""
    if folder is None:
        yield
        return
    lock = _open(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        served = ServedServer(
            address=temporal.service_client.config.target_host, namespace=temporal.namespace
        )
        with suppress(OSError):  # a full disk: it works without the note
            complete = folder / f"worker.{os.getpid()}.new"
            complete.write_text(served.model_dump_json())
            complete.replace(folder / "worker.json")
        yield
    finally:
        os.close(lock)


def served_server(folder: Path | None) -> ServedServer | None:
    """None if no worker is at work on the book in the folder."""
    if folder is None or not (folder / "worker.lock").exists():
        return None
    lock = _open(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return ServedServer.model_validate_json((folder / "worker.json").read_text())
        except (OSError, ValidationError):  # it is about to write it for the first time
            return None
    else:
        return None
    finally:
        os.close(lock)


def _open(folder: Path) -> int:
    return os.open(folder / "worker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
