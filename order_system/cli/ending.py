"""How the program ends: always with an exit code and one clear line for people, never with a traceback."""

import asyncio
import codecs
import errno
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

from order_system.cli.options import ATTENTION, INVALID, UNREACHABLE
from order_system.domain.errors import OrderSystemError, ServerUnreachable
from order_system.infra import policy
from order_system.infra.process import PROGRAM

SIGNALLED = 128
"""This plus a signal's number is the exit code of a program that the signal stopped."""

_MARKS = {"✓": "+", "✗": "x", "·": "-", "▸": ">", "↩": "<-", "…": "."}
"""For a terminal without UTF-8."""

_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

log = logging.getLogger(__name__)

Command = Callable[[], Coroutine[Any, Any, int]]


def run_to_exit_code(command: Command) -> int:
    """Run the command. Ctrl-C and SIGTERM cancel it, so that it closes all that it has opened."""
    for stream in (sys.stdout, sys.stderr):
        never_fails_to_encode(stream)
    received: list[int] = []
    try:
        return asyncio.run(_cancelled_by_signals(command, received))
    except (asyncio.CancelledError, KeyboardInterrupt):
        code, message = SIGNALLED + (received[0] if received else signal.SIGINT), "stopped"
    except (BrokenPipeError, SystemExit):
        # The reader of our output has left (`| head`); rich raises SystemExit then. Print nothing more, not
        # even what is still in the buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SIGNALLED + signal.SIGPIPE
    except ServerUnreachable as unreachable:
        code, message = UNREACHABLE, str(unreachable)
    except OrderSystemError as error:
        code, message = INVALID, str(error)
    except Exception as bug:
        log.debug("a command failed", exc_info=True)
        what = f"{type(bug).__name__}: {bug}"
        code, message = ATTENTION, f"this should not happen: {what} (ORDER_LOG_LEVEL=DEBUG tells where)"
        if isinstance(bug, OSError) and bug.errno in _DISK_IS_FULL:
            message = f"not all could be written: {bug.strerror}"
    print(f"{PROGRAM}: {message}", file=sys.stderr)  # noqa: T201 - for people, beside the log
    return code


def never_fails_to_encode(stream: object) -> None:
    """Have the stream write other marks, and else a `?`, where it cannot encode a character."""

    def replaced(failure: Any) -> tuple[str, int]:
        unknown = failure.object[failure.start : failure.end]
        return "".join(_MARKS.get(each, "?") for each in unknown), failure.end

    codecs.register_error(PROGRAM, replaced)
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors=PROGRAM)


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
        # The SDK's threads may still release Python objects. If the interpreter ends meanwhile, the process
        # aborts (`PyGILState_Release`, status 134) in a fair share of short runs; measured.
        await asyncio.sleep(policy.LAST_BREATH.total_seconds())


async def until_interrupted(work: Awaitable[object] | None = None) -> None:
    """Do the `work` until its end or Ctrl-C, which is a normal end here. Without `work`, wait for Ctrl-C."""
    try:
        await (work or asyncio.Event().wait())
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None:
            task.uncancel()


@contextmanager
def dying_at_once() -> Generator[None]:
    """Let signals end the program at once, as they end any other. This is for a read that blocks the event
    loop, which notices no signal then."""
    at_once = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in at_once.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
