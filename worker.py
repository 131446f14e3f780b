"""Hosts every workflow and activity: `python worker.py`. SIGTERM or SIGINT drains it, exit code 0.

`--processes N` runs N such processes under a supervisor; `--help` says when to do so.
"""

import gc
import signal

gc.disable()  # while modules load, since they make no garbage; `main` enables it again
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a load as SIGTERM does, without a traceback

from order_system.infra.process import collect_less_garbage, event_loop_factory, load, stop_signal, wait_for

load(
    "order_system.bootstrap", "worker.py"
)  # this imports all that a worker needs, and ends in one line if something is missing

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NoReturn, TypeVar

import structlog
from temporalio.worker import WorkerDeploymentConfig

from order_system.bootstrap import OrderSystem, open_order_system
from order_system.domain.errors import DatabaseUnreachable, OrderSystemError, ServerUnreachable
from order_system.gateways.loading import chosen, not_simulated
from order_system.infra import policy
from order_system.infra.logs import configure_logging
from order_system.infra.settings import SIMULATED, Settings, load_settings
from order_system.infra.supervisor import REFUSED, Supervised, supervise
from order_system.infra.telemetry.process import TELEMETRY
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.deployment import deployment_config
from order_system.infra.temporal.registration import register_search_attributes

T = TypeVar("T")

log = structlog.stdlib.get_logger("worker")


async def run_worker(settings: Settings) -> None:
    """Serve until told to stop; then take nothing new, finish what runs, and return. Raises BookGone."""
    deployment = deployment_config()
    with stop_signal() as stop:
        async with contextlib.AsyncExitStack() as opened:

            async def open_system() -> OrderSystem:
                return await opened.enter_async_context(open_order_system(settings))

            system = await _when_up("database", open_system, stop)
            if system is not None:
                await _when_up("server", partial(_serve, system, deployment, stop), stop)
        log.info("worker stopped")


async def _serve(system: OrderSystem, deployment: WorkerDeploymentConfig | None, stop: asyncio.Event) -> None:
    """Serve until told to stop. Raises BookGone, and ServerUnreachable if no server answers at first."""
    temporal = await connect()
    await register_search_attributes(temporal)
    async with system.serving(temporal, deployment_config=deployment):
        collect_less_garbage()
        gc.collect()
        gc.freeze()  # what is loaded by now stays, so the collector need not look at it again
        log.info(
            "worker ready",
            task_queue=system.task_queue,
            book=system.book.book_id,
            database=system.database.shown,
            server=temporal.service_client.config.target_host,
            namespace=temporal.namespace,
            gateways=not_simulated(chosen(system.settings)) or SIMULATED,
            faults=system.settings.faults,
            reconcile_every=system.settings.reconcile_every,
            build=deployment and deployment.version.build_id,
        )
        await _until_told(stop, system)
        log.info("draining: finishing what runs, taking nothing new")


async def _until_told(stop: asyncio.Event, system: OrderSystem) -> None:
    """Wait until told to stop. Raises BookGone: then end, since only a worker that has the book may work."""
    while not stop.is_set():
        await wait_for(stop, policy.BOOK_LOOK)
        if not stop.is_set():
            await system.database.check_book()


async def _when_up(what: str, attempt: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T | None:
    """Attempt it until server or database can be reached: a worker outlives both, so it waits for them.

    Returns None if told to stop meanwhile. Raises the errors that waiting does not cure.
    """
    while not stop.is_set():
        try:
            return await attempt()
        except (ServerUnreachable, DatabaseUnreachable) as unreachable:
            log.warning(f"waiting for the {what}: {unreachable}")
            await wait_for(stop, policy.CONNECT_AGAIN)
    return None


async def run_workers(processes: int) -> bool:
    """Serve in so many processes until told to stop. Returns whether each of them drained cleanly.

    Raises OrderSystemError.
    """
    with stop_signal() as stop:
        return await supervise([sys.executable, __file__], processes, stop)


def serve(processes: int = 1, *, number: int | None = None) -> int:
    """Serve until told to stop. `number` is this process's own, among several. Returns the exit code."""
    settings = load_settings()
    if processes == 1:
        TELEMETRY.turn_on("order-worker", number=number or 1)
    configure_logging(settings, process=number)
    if processes > 1:
        return 0 if asyncio.run(run_workers(processes)) else 1
    with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
        runner.run(run_worker(settings))
    TELEMETRY.close()
    return 0


def main(arguments: Sequence[str] = ()) -> int:
    gc.enable()
    supervised = Supervised.read(arguments)
    try:
        if supervised:
            return serve(number=supervised.number)
        if not arguments:
            return serve()
        # Imported only here: a worker without arguments, which must start fast, does not need it.
        from order_system.cli.worker import run_command  # noqa: PLC0415

        return run_command(arguments, serve)
    except OrderSystemError as error:
        if supervised:
            supervised.refuse(str(error))
        else:
            print(f"worker: {error}", file=sys.stderr)  # noqa: T201 - before or beside the log
        return REFUSED


def _leave(exit_code: int) -> NoReturn:
    """Exit without shutting the interpreter down: the SDK's threads may still release Python objects, which
    would then abort the process (`PyGILState_Release`, SIGABRT), in one drain of ten; measured."""
    logging.shutdown()
    with contextlib.suppress(OSError):  # the reader of our output has left
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(exit_code)


if __name__ == "__main__":
    _leave(main(sys.argv[1:]))
