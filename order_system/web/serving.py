"""Serves HTTP during a block, in the event loop that runs already."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator

from fastapi import FastAPI
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from order_system.web import policy


class _PromptProtocol(H11Protocol):
    """Closes a connection on which no request comes. Uvicorn waits for a first head without end, and any byte
    stops its clock: one client could take all connections for nothing, and keep out everybody else."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._answering:  # the next request may have come already
            self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete  # None before the first request

    def _wait_for_request(self) -> None:
        self._stop_waiting()
        self._patience = self.loop.call_later(policy.HEAD_WITHIN.total_seconds(), self.transport.close)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class _OurServer(Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to the command, as everywhere."""
        yield


@contextlib.asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket) -> AsyncGenerator[None]:
    """Serve on the bound `listener`. At the end streams stop at once, other requests in policy.WEB_CLOSE."""
    config = Config(
        app,
        http=_PromptProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",  # it would announce its start in colours; the command tells the address
        access_log=False,
        server_header=False,
        limit_concurrency=policy.CONNECTIONS_AT_ONCE,
        timeout_graceful_shutdown=int(policy.WEB_CLOSE.total_seconds()),
    )
    app.openapi()  # made once now: else each of the first requests would make it, in a thread of its own
    server = _OurServer(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        services = getattr(app.state, "services", None)  # only pages and API have them
        if services:
            services.closing.set()
        server.should_exit = True
        try:  # to wait for the requests under way; a second Ctrl-C ends them
            await asyncio.shield(running)
        except asyncio.CancelledError:
            server.force_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(running)
            raise
        if services:
            services.waiting.end()
