"""How the program ends: an exit code always, one clear line for people, and never a traceback."""

import asyncio
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from io import TextIOWrapper
from typing import Any

from order_system import policy
from order_system.cli_session import ATTENTION, INVALID, UNREACHABLE
from order_system.errors import InvalidOrder, OrderSystemError, ServerUnreachable
from order_system.settings import load_settings

Command = Callable[[], Coroutine[Any, Any, int]]


def run_to_exit_code(command: Command) -> int:
    """Run it; Ctrl-C and SIGTERM cancel it, so that whatever it has opened is closed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # better a `?` than no answer, on a terminal without UTF-8
    received: list[int] = []
    try:
        return asyncio.run(_cancelled_by_signals(command, received))
    except asyncio.CancelledError:
        _complain("stopped")
        return 128 + received[0]
    except ServerUnreachable as unreachable:
        _complain(str(unreachable))
        return UNREACHABLE
    except InvalidOrder as refused:
        _complain(f"nothing was submitted.\n{refused}")
        return INVALID
    except OrderSystemError as error:
        _complain(str(error))
        return INVALID
    except Exception as bug:
        _complain(f"this should not happen: {type(bug).__name__}: {bug}")
        return ATTENTION


async def _cancelled_by_signals(command: Command, received: list[int]) -> int:
    running = asyncio.create_task(command())

    def interrupt(number: int) -> None:
        received.append(number)
        running.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    try:
        return await running
    finally:
        # The SDK's own threads may still be letting go of Python objects. If the interpreter ends under
        # them, it aborts (`PyGILState_Release`, status 134) in a fair share of short runs; measured.
        await asyncio.sleep(policy.LAST_BREATH.total_seconds())


async def until_interrupted() -> None:
    """Wait for Ctrl-C, and take it as the answer instead of an interruption."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None:
            task.uncancel()


def _complain(message: str) -> None:
    print(f"starter.py: {message}", file=sys.stderr)  # noqa: T201 - for people, beside the log
    if sys.exc_info()[1] is not None and load_settings().log_level == "DEBUG":
        traceback.print_exc()
