"""Keeps several worker processes running, since one Python process keeps one core busy at most.

A process that ends is started again; if it dies at once again and again, the pauses grow. When the supervisor
is told to stop, it has all processes drain. A process that refuses its settings ends them all, since all have
the same settings.

The supervisor gives each process a number and a file on the command line, where `ps` shows the number, too. A
process that cannot start with its settings writes the reason into the file, which all share, and exits with
REFUSED. So the supervisor reports once what each process would report."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import structlog

from order_system.domain.errors import OrderSystemError
from order_system.infra import policy
from order_system.infra.process import dies_with_parent, wait_for

log = structlog.stdlib.get_logger(__name__)

FLAG = "--supervised"

REFUSED = 2
"""The exit code of a process that neither waiting nor another start can help."""

_END = "\0"


async def supervise(command: Sequence[str], processes: int, stop: asyncio.Event) -> bool:
    """Run `command` in so many processes until `stop` is set; then end them all. Returns whether each ended
    cleanly when it was told to. Raises OrderSystemError with what a process refused, once all have ended."""
    with os.fdopen(os.memfd_create("refusals"), "rb") as refusals:  # a disk may be full, or read-only
        supervisor = _Supervisor(command, stop, refusals.fileno())
        clean = await supervisor.run(processes)
        if supervisor.refused:
            refusals.seek(0)
            told = refusals.read().decode().partition(_END)[0]
            silent = f"process {supervisor.refused} ended with exit code {REFUSED}, without a word"
            raise OrderSystemError(told or silent)
        return clean


def next_pause(before: timedelta, lived: timedelta) -> timedelta:
    """Return how long to wait before a process that has lived so long is started again, after the pause
    before: none for one that had settled, and for any other twice as long as before."""
    if lived >= policy.PROCESS_SETTLED:
        return timedelta(0)
    return min(2 * before, policy.PROCESS_AGAIN_LIMIT) if before else policy.PROCESS_AGAIN


@dataclass(frozen=True)
class Supervised:
    number: int
    file: int

    @classmethod
    def read(cls, arguments: Sequence[str]) -> Self | None:
        """Parse a child's command line; None for any other. This saves a child from loading cyclopts."""
        match arguments:
            case [flag, number, file] if flag == FLAG and number.isdecimal() and file.isdecimal():
                return cls(int(number), int(file))
            case _:
                return None

    def refuse(self, reason: str) -> None:
        os.write(self.file, f"{reason}{_END}".encode())


class _Supervisor:
    def __init__(self, command: Sequence[str], stop: asyncio.Event, file: int) -> None:
        self._command = command
        self._stop = stop
        self._file = file
        self.refused = 0
        """The number of the first process that refused its settings; 0 if none has."""
        self._clean = True

    async def run(self, processes: int) -> bool:
        log.info("supervisor started", processes=processes)
        async with asyncio.TaskGroup() as group:
            for number in range(1, processes + 1):
                group.create_task(self._keep_running(number))
            await self._stop.wait()
            log.info("draining: each process finishes what it runs, and takes nothing new")
        if not self.refused:
            log.info("supervisor stopped", clean=self._clean)
        return self._clean

    async def _keep_running(self, number: int) -> None:
        pause = timedelta(0)
        while not self._stop.is_set():
            born = time.monotonic()
            end = await self._live(number)
            if self._stop.is_set():
                return
            lived = timedelta(seconds=time.monotonic() - born)
            pause = next_pause(pause, lived)
            log.warning(
                "worker process ended unasked; starting it again",
                process=number,
                **end,
                lived_seconds=round(lived.total_seconds(), 1),
                again_in_seconds=pause.total_seconds(),
            )
            await wait_for(self._stop, pause)

    async def _live(self, number: int) -> dict[str, Any]:
        """Run a process from its start to its end, and return how it ended, for a log line."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(*self._command, FLAG, str(number), str(self._file)),
                pass_fds=(self._file,),
                start_new_session=True,  # Ctrl-C in a terminal is for the supervisor, which then tells all
                preexec_fn=dies_with_parent(),  # if the supervisor is killed, and cannot end it
            )
        except OSError as failure:
            return {"reason": f"it cannot be started: {failure.strerror}"}
        log.info("worker process started", process=number, pid=process.pid)
        killed = await self._until_its_end(process)
        exit_code = await process.wait()
        if exit_code == REFUSED:
            self.refused = self.refused or number
            self._stop.set()
        # A process that SIGTERM itself ended was still loading, and had taken no work.
        elif self._stop.is_set() and exit_code not in (0, -signal.SIGTERM):
            what = "did not end when told to, and was killed" if killed else "died while it drained"
            log.error(f"worker process {what}", process=number, pid=process.pid, **_ending_of(exit_code))
            self._clean = False
        return {"pid": process.pid, **_ending_of(exit_code)}

    async def _until_its_end(self, process: asyncio.subprocess.Process) -> bool:
        """Wait until the process ends, and end it if we are told to stop. Returns whether it was killed."""
        ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            with suppress(ProcessLookupError):  # it has just ended
                if not ended.done():
                    process.terminate()
                    await asyncio.wait((ended,), timeout=policy.PROCESS_ENDS.total_seconds())
                if not ended.done():
                    process.kill()
                    return True
            return False
        finally:
            for waiting in (ended, stopped):
                waiting.cancel()


def _ending_of(exit_code: int) -> dict[str, int | str]:
    """Say how a process ended, for a log line. A negative exit code is the signal that ended it."""
    if exit_code >= 0:
        return {"exit_code": exit_code}
    number = -exit_code
    return {"signal": signal.Signals(number).name if number in set(signal.Signals) else str(number)}
