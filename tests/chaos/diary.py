"""What was done to whom: one append-only file a process, so that a process that is killed keeps its word."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

IN_TIME = "accepted in time"
"""A cancel or terminate, before the call at whose point it was requested went on."""


@dataclass(frozen=True)
class Entry:
    what: str
    """`fired` by a worker; `accepted` by the server; `landed` late; `fizzled`: it could not be done; else the
    director's own words."""
    order_id: str
    point: str
    blow: str
    nth: int
    """Which blow of its fault, from 0."""
    at: float
    """Seconds since the epoch."""
    pid: int
    due: float | None = None
    """When something late is to land."""
    beside: str = ""
    """Where the step beside it stood."""

    def then(self, what: str, *, due: float | None = None) -> dict[str, Any]:
        """For an entry about the same blow."""
        same = {name: value for name, value in asdict(self).items() if name not in ("at", "pid")}
        return {**same, "what": what, "due": due}

    @property
    def place(self) -> str:
        return f"{self.order_id}.{self.point.replace(' ', '-')}"

    @property
    def name(self) -> str:
        return f"{self.place}.{self.nth}"


class Diary:
    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(
        self,
        what: str,
        *,
        order_id: str = "",
        point: str = "",
        blow: str = "",
        nth: int = 0,
        due: float | None = None,
        beside: str = "",
    ) -> Entry:
        entry = Entry(what, order_id, point, blow, nth, time.time(), os.getpid(), due, beside)
        os.write(self._descriptor, (json.dumps(asdict(entry)) + "\n").encode())
        return entry


class DiaryReader:
    """Everybody's entries, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self.entries: list[Entry] = []

    def new_entries(self) -> Iterator[Entry]:
        for file in sorted(self._folder.glob("*.jsonl")):
            with file.open("rb") as lines:
                lines.seek(self._read.get(file, 0))
                for line in lines:
                    if not line.endswith(b"\n"):
                        break  # being written
                    self._read[file] = self._read.get(file, 0) + len(line)
                    entry = Entry(**json.loads(line))
                    self.entries.append(entry)
                    yield entry
