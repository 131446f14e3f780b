"""One worker process of several: both ends of what it and its supervisor say to each other.

The supervisor tells it its number and a pipe, on the command line, where `ps` shows the number too. A process
that cannot start with its settings writes why into the pipe and exits with REFUSED: so the supervisor tells
once what all of them would tell.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
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
class SupervisedProcess:
    """The supervisor's end. The process dies with the supervisor, if that is killed and cannot end it."""

    process: asyncio.subprocess.Process
    number: int
    pipe: int

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
        return cls(process, number, reading)

    def refusal(self) -> str | None:
        """Why it could not start, if that is how it ended. To be asked once, when it has ended."""
        os.set_blocking(self.pipe, False)  # something that it has started may still hold the other end
        with os.fdopen(self.pipe, "rb") as reading:
            told = (reading.read(_LONGEST_REFUSAL) or b"").decode(errors="replace")
        if self.process.returncode != REFUSED:
            return None
        return told or f"process {self.number} ended with exit code {REFUSED}, without a word"
