"""How a process is told to stop: by SIGTERM or SIGINT, however often."""

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager

_TOLD_BY = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signal() -> Generator[asyncio.Event]:
    """An event that is set when we are told to stop. A second signal changes nothing.

    To be entered in the main thread, by what the process is there for. From the end of the block on the
    signals are ignored: all is finished, and one that comes while the interpreter ends must not make a clean
    end look like a death by signal.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _TOLD_BY:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in _TOLD_BY:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
