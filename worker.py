"""Hosts every workflow and activity: `python worker.py`. SIGTERM or SIGINT drains it, exit code 0."""

import asyncio
import contextlib
import signal
import sys

import structlog
from temporalio.client import Client

from order_system import policy
from order_system.bootstrap import open_order_system
from order_system.connection import connect
from order_system.errors import OrderSystemError, ServerUnreachable
from order_system.logs import configure_logging
from order_system.registration import register_search_attributes
from order_system.settings import Settings, load_settings

log = structlog.stdlib.get_logger("worker")


async def run_worker(settings: Settings) -> None:
    """Serve until told to stop; then take nothing new, finish what runs, and return."""
    stop = _stop_signal()
    async with open_order_system(settings) as system:
        temporal = await _connect_when_up(stop)
        if temporal is None:
            return
        await register_search_attributes(temporal)
        async with system.serving(temporal):
            log.info(
                "worker ready",
                task_queue=settings.task_queue,
                server=temporal.service_client.config.target_host,
                namespace=temporal.namespace,
                faults=settings.faults,
                reconcile_every=settings.reconcile_every,
            )
            await stop.wait()
            log.info("draining: finishing what runs, taking nothing new")
    log.info("worker stopped")


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    return stop


async def _connect_when_up(stop: asyncio.Event) -> Client | None:
    """A worker outlives its server, so it waits for one. None if it is told to stop meanwhile."""
    while not stop.is_set():
        try:
            return await connect()
        except ServerUnreachable as unreachable:
            log.warning(f"waiting for the server: {unreachable}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), policy.CONNECT_AGAIN.total_seconds())
    return None


def main() -> int:
    try:
        settings = load_settings()
        configure_logging(settings)
        asyncio.run(run_worker(settings))
    except OrderSystemError as error:
        print(f"worker: {error}", file=sys.stderr)  # noqa: T201 - before or beside the log
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
