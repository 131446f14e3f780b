"""Identifies the Temporal server that a client speaks to, as the order book tells servers apart. Also finds
the server that the workers on a folder's order book serve, for commands that would start one of their own.

Each worker holds a shared lock on `worker.lock`, and the last one that started has written its server there.
The kernel drops a lock with its process, so what a dead worker has written misleads nobody."""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from order_system.domain.book import Server
from order_system.domain.errors import ServerUnreachable
from order_system.infra import policy
from order_system.infra.temporal.connection import connect


async def server_of(temporal: Client) -> Server:
    """Identify the client's server. Raises the SDK's RPCError when the server fails."""
    request = DescribeNamespaceRequest(namespace=temporal.namespace)
    try:
        answer = await temporal.workflow_service.describe_namespace(request, retry=True, timeout=policy.RPC)
    except RPCError as error:
        if error.status is not RPCStatusCode.UNIMPLEMENTED:
            raise
        return Server(temporal.namespace)  # the time-skipping test server
    kept = answer.config.workflow_execution_retention_ttl.ToTimedelta()
    return Server(temporal.namespace, answer.namespace_info.id or None, kept or None)


class KnownServer:
    """Identifies the client's server, but asks at most once in policy.SERVER_KNOWN: for use with every order.

    It does not ask just once, since a worker outlives its server, and another may take over the address."""

    def __init__(self, temporal: Client) -> None:
        self._temporal = temporal
        self._known: Server | None = None
        self._asked_at = 0.0

    async def __call__(self) -> Server:
        asked_at = time.monotonic()
        if self._known is None or asked_at - self._asked_at > policy.SERVER_KNOWN.total_seconds():
            self._known, self._asked_at = await server_of(self._temporal), asked_at
        return self._known


@contextmanager
def serving_from(folder: Path | None, temporal: Client) -> Generator[None]:
    """Note in the folder, during the block, which server this process's worker serves. None: do nothing."""
    if folder is None:
        yield
        return
    with (folder / "worker.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with suppress(OSError):  # the disk is full: a worker works without the note, too
            written = f"{temporal.service_client.config.target_host} {temporal.namespace}"
            (folder / "worker.lock").write_text(written)
        yield


async def server_of_a_worker(folder: Path | None, *, lazy: bool = False) -> Client | None:
    """Connect to the server of the folder's workers; None if no worker runs. Raises ServerUnreachable, unless
    the client is to be `lazy`, which connects with its first call."""
    served = _served_from(folder / "worker.lock") if folder else []
    if not served:
        return None
    address, namespace = served
    try:
        return await connect(address, namespace, lazy=lazy)
    except ServerUnreachable as unreachable:
        raise ServerUnreachable(
            f"a worker is at work on these orders for the Temporal server at {address}, which does not "
            "answer. Start that server or stop the worker: --embedded starts no second one"
        ) from unreachable


def _served_from(lock_file: Path) -> list[str]:
    """Return address and namespace; empty if no worker holds the lock.

    Another command that looks has the lock for a moment, as if it were a worker. It removes what a dead
    worker has written, and we wait for that."""
    with suppress(FileNotFoundError), lock_file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
        else:
            with suppress(OSError):
                os.truncate(lock_file, 0)
        return lock.read().split(maxsplit=1)
    return []
