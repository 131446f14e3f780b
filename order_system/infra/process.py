"""How a process loads our code, which event loop it runs, how it is told to stop, or ends with its parent."""

import asyncio
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from order_system.domain.errors import InvalidSettings

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_prctl = ctypes.PyDLL(None).prctl if sys.platform == "linux" else None

_TOLD_BY = (signal.SIGTERM, signal.SIGINT)

PROGRAM = "order-system" if Path(sys.argv[0]).name == "order-system" else "starter.py"
"""The command line's name. Where our package is installed, there is no starter.py."""
_TYPED = sys.orig_argv[0] if sys.orig_argv[1:2] == [PROGRAM] and sys.orig_argv[0][:1] != "/" else "python"
STARTER = PROGRAM if PROGRAM == "order-system" else f"{_TYPED} {PROGRAM}"
"""What people type to run it, for messages to copy from: `.venv/bin/python starter.py` if that was typed."""
WORKER = "python -m worker" if PROGRAM == "order-system" else f"{_TYPED} worker.py"


def load_extra(module: str, extra: str, because: str) -> ModuleType:
    """Import a module of ours that needs the `extra`. Raises InvalidSettings if that is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        raise InvalidSettings(f"{because}, and {missing.name} is missing: {installing(extra)}") from missing


def installing(extra: str) -> str:
    return f"pip install -e '.[{extra}]'"


def load(module: str, program: str) -> ModuleType:
    """Import a module of ours. If it needs a missing one, end the program with one line and exit code 2: our
    documents say `python starter.py`, and that may run the system's Python. Streams that the shell has closed
    (`2>&-`) lead nowhere from now on: all that writes expects one, and the next file would take its place."""
    for name, mode in {"stdin": "r", "stdout": "w", "stderr": "w"}.items():
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        cure = f"run it as .venv/bin/python {program}; `make demo` makes .venv"
        sys.stderr.write(f"{program}: this Python has no module {missing.name}: {cure}\n")
        raise SystemExit(2) from None


def collect_less_garbage() -> None:
    """Look for cyclic garbage less often: orders and rows of files make many objects, hardly any in cycles.
    By default Python looks whenever 700 more objects have come than gone, some 6 % of a plan's time."""
    gc.set_threshold(20_000, 20, 20)


def dies_with_parent(by: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Return a `preexec_fn`: the kernel sends the child the signal when the *thread* that started it ends.

    Only Linux offers this; elsewhere the function does nothing, and a killed parent leaves its child running.
    The function runs between fork and exec, where other threads' locks may be held for ever. So it makes
    only system calls, which were looked up beforehand."""
    parent = os.getpid()

    def arrange() -> None:
        if _prctl is None:
            return
        _prctl(_PR_SET_PDEATHSIG, by.value)
        if os.getppid() != parent:  # the parent died between the fork and the line above
            os.kill(os.getpid(), by)

    return arrange


def event_loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return uvloop's factory if it is installed (the extra `fast`), or else asyncio's. A worker turns its
    loop some 700 times for each order, so a faster loop saves much processor time."""
    if find_spec("uvloop") is None:
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 - an extra

    return uvloop.new_event_loop


async def wait_for(event: asyncio.Event, at_most: timedelta) -> None:
    """Wait until the event is set or the time is up. Look at the event to see which it was."""
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most.total_seconds()):
            await event.wait()


@contextmanager
def stop_signal() -> Generator[asyncio.Event]:
    """Yield an event that is set when we are told to stop. A second signal changes nothing.

    Enter it in the main thread, around the whole work of the process. After the block the signals are
    ignored: the work is finished, and a signal that comes while the interpreter ends must not make a clean
    end look like a death by signal."""
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
