"""Processes that are started, killed and started again: each in a process group of its own."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from order_system.infra.process import dies_with_parent
from tests.fixtures.steering.waiting import wait_until

STOP_SECONDS = 40
"""More than docker-compose.yml grants a worker."""


class Program:
    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        folder: Path,
        *,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> None:
        """Its log is `NAME.log` in the folder. Nothing of our environment reaches it."""
        self.name, self.command, self.environment = name, [str(word) for word in command], dict(environment)
        self.log = folder / f"{name}.log"
        self._cwd, self._user = cwd, user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(),  # noqa: PLW1509 - only makes system calls
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
            )

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to all of its group, without a word before."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code. Killed, and TimeoutExpired, after STOP_SECONDS."""
        assert self._process is not None
        self._process.send_signal(by)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def says(self, words: str, seconds: float, *, times: int = 1) -> None:
        """Wait until its log has these words so often. Raises TimeoutError, and RuntimeError if it ends."""

        def said() -> bool:
            if not self.is_running():
                raise RuntimeError(f"{self.name} has ended:\n{self.tail()}")
            return self.log.read_text(errors="replace").count(words) >= times

        wait_until(said, seconds, f"{self.name} to say {words!r}; {self.log}")

    def listens(self, address: str, port: int, seconds: float) -> None:
        """Wait until it does. Raises TimeoutError, and RuntimeError if it ends."""

        def reached() -> bool:
            if not self.is_running():
                raise RuntimeError(f"{self.name} has ended:\n{self.tail()}")
            return is_open(address, port)

        wait_until(reached, seconds, f"{self.name} at {address}:{port}; {self.log}")

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def is_open(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True
