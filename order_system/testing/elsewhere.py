"""Another Python process, which opens the same gateway by the same settings."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from order_system.bootstrap import open_order_system
from order_system.gateways.loading import Port
from order_system.infra.logs import configure_logging
from order_system.infra.settings import Settings
from order_system.testing import policy
from order_system.testing.playing import carry_out


@asynccontextmanager
async def other_process(settings: Settings, port: Port) -> AsyncGenerator[Connection]:
    """Yield a pipe to another process, which takes a Call and returns its Answer; EOFError if it cannot."""
    context = get_context("spawn")  # a fork would share the gateway's connections
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, settings, port), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours  # pyright: ignore[reportReturnType] - another class on Windows
    finally:
        ours.close()
        await asyncio.to_thread(process.join, policy.OTHER_PROCESS_ENDS.total_seconds())


def _serve(pipe: Connection, settings: Settings, port: Port) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it stops our parent, and then we end
    configure_logging(settings)
    asyncio.run(_answer(pipe, settings, port))


async def _answer(pipe: Connection, settings: Settings, port: Port) -> None:
    async with open_order_system(settings) as system:
        try:
            while True:
                call = await asyncio.to_thread(pipe.recv)
                pipe.send(await carry_out(getattr(system.world, port), call))
        except (EOFError, OSError):
            return  # the parent asks no more
