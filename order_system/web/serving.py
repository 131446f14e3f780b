"""HTTP for as long as a block lasts, in the event loop that is there already."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator

from fastapi import FastAPI
from uvicorn import Config, Server

from order_system import policy


class _OurServer(Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """They are the command's, as with every command."""
        yield


@contextlib.asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket) -> AsyncGenerator[None]:
    """`listener` is bound. At the end streams end at once, and other requests within policy.WEB_CLOSE."""
    config = Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=policy.CONNECTIONS_AT_ONCE,
        timeout_graceful_shutdown=int(policy.WEB_CLOSE.total_seconds()),
    )
    server = _OurServer(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        app.state.services.closing.set()
        server.should_exit = True
        await _ended(server, running)


async def _ended(server: Server, running: asyncio.Task[None]) -> None:
    """A second Ctrl-C waits for nobody."""
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        server.force_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(running)
        raise
