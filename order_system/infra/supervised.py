"""One worker process of several: both ends of what it and its supervisor say to each other.

The supervisor tells it its number and a pipe, on the command line, where `ps` shows the number too. A process
that cannot start with its settings writes why into the pipe and exits with REFUSED: so the supervisor tells
once what all of them would tell.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from signal import Signals
from typing import Self

from order_system.infra.process import dies_with_parent

FLAG = "--supervised"

REFUSED = 2
"""The exit code of a process that waiting or starting again does not help."""

_LONGEST_REFUSAL = 60_000
"""Bytes. Below what an empty pipe takes up, so that writing it never waits for a reader."""


@dataclass(frozen=True)
class Supervised:
    """The process's end."""

    number: int
    pipe: int

    @classmethod
    def read(cls, arguments: Sequence[str]) -> Self | None:
        """By hand: a child has a command line of one shape, and need not load what parses others."""
        match arguments:
            case [flag, number, pipe] if flag == FLAG and number.isdecimal() and pipe.isdecimal():
                return cls(int(number), int(pipe))
            case _:
                return None

    def refuse(self, reason: str) -> None:
        os.write(self.pipe, reason.encode()[:_LONGEST_REFUSAL])


@dataclass(frozen=True)
class End:
    """How a process ended."""

    exit_code: int
    """Negative: the signal that ended it."""

    refusal: str | None
    """Why it could not start, in one line, if that is what happened."""

    @property
    def told(self) -> dict[str, int | str]:
        """For a log line."""
        if self.exit_code >= 0:
            return {"exit_code": self.exit_code}
        number = -self.exit_code
        return {"signal": Signals(number).name if number in set(Signals) else str(number)}


class SupervisedProcess:
    """The supervisor's end. The process dies with the supervisor, if that is killed and cannot end it."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, pipe: int) -> None:
        self.number = number
        self.pid = process.pid
        self._process = process
        self._pipe = pipe

    @classmethod
    async def start(cls, command: Sequence[str], number: int) -> Self:
        """Raises OSError if the system does not let us."""
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(*command, FLAG, str(number), str(writing)),
                pass_fds=(writing,),
                start_new_session=True,  # Ctrl-C in a terminal is for the supervisor, which then tells all
                preexec_fn=dies_with_parent(),
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return cls(number, process, reading)

    async def ended(self) -> None:
        """Wait for it. May be cancelled, and called again."""
        await self._process.wait()

    async def end(self) -> End:
        """Wait for it, and let go of it."""
        exit_code = await self._process.wait()
        told = _read_what_is_there(self._pipe)
        if exit_code != REFUSED:
            return End(exit_code, None)
        return End(exit_code, told or f"process {self.number} ended with exit code {REFUSED}, without a word")

    def send(self, signal: Signals) -> None:
        """Nothing happens if it has ended."""
        if self._process.returncode is None:
            self._process.send_signal(signal)


def _read_what_is_there(pipe: int) -> str:
    # Something that the process has started may still hold the other end.
    os.set_blocking(pipe, False)
    with os.fdopen(pipe, "rb") as reading:
        return (reading.read(_LONGEST_REFUSAL) or b"").decode(errors="replace")
