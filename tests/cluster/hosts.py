"""What runs on machines of ours: two hosts of workers, and the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.programs import Program

ROOT = Path(__file__).parents[2]
READY = "worker ready"
READY_SECONDS = 120
COMMAND_SECONDS = 180
NEEDS_ATTENTION = 1
"""The exit code of a command if something waits for a person."""


class Shop:
    """One order book, and the server that its orders run on."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "HOME": str(folder),
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "ORDER_DATA_DIR": str(folder / "data"),
            "ORDER_FILE_ROOTS": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        }

    def host(self, name: str, **environment: str) -> Program:
        command = [sys.executable, ROOT / "worker.py"]
        return Program(name, command, self.environment | environment, self.folder, cwd=self.folder)

    def starter(self, *words: str, stdin: str = "", codes: tuple[int, ...] = (0,)) -> Any:
        """The JSON document that a command prints; an empty one for nothing.

        Raises AssertionError for another exit code than these, TimeoutExpired after COMMAND_SECONDS.
        """
        done = subprocess.run(
            self._command(*words),
            input=stdin,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode in codes, (
            f"{words} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}"
        )
        return json.loads(done.stdout or "{}")

    def begins(self, *words: str) -> "subprocess.Popen[str]":
        """The same, while we go on."""
        return subprocess.Popen(
            self._command(*words),
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def _command(*words: str) -> list[str]:
        return [sys.executable, str(ROOT / "starter.py"), *words, "--json"]


def start_host(host: Program) -> None:
    """Ready when this returns: by its own word, which is in its log for each start."""
    starts = host.log.read_text().count(READY) if host.log.exists() else 0
    host.start()
    host.says(READY, READY_SECONDS, times=starts + 1)
