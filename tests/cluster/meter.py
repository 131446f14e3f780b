"""Processor time of what runs, by role; and how orders ended over time, as the order book has it."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from benchmarks.tools.machine import processor_seconds
from tests.cluster.postgresql import Postgresql
from tests.cluster.programs import Program

ENDED = "SELECT closed_at FROM book_submissions WHERE batch = %s AND closed_at IS NOT NULL ORDER BY closed_at"
TOLD = "SELECT order_id, status FROM book_submissions WHERE batch = %s"
OF_TEMPORAL, OF_THE_BOOK, ITSELF = (
    "PostgreSQL, Temporal's stores",
    "PostgreSQL, order book",
    "PostgreSQL, itself",
)


@dataclass
class Reading:
    """Processor seconds so far of each process, which is (role, PID)."""

    seconds: dict[tuple[str, int], float]
    at: float

    def until(self, later: "Reading") -> dict[str, float]:
        """By role. What a process used that has ended meanwhile is lost."""
        used: dict[str, float] = {}
        for (role, pid), seconds in later.seconds.items():
            used[role] = used.get(role, 0) + seconds - self.seconds.get((role, pid), 0)
        return used


def read(programs: Mapping[str, Iterable[Program]], postgresql: Postgresql) -> Reading:
    found = {
        (role, each.pid): processor_seconds(each.pid) for role, some in programs.items() for each in some
    }
    children = Path(f"/proc/{postgresql.pid}/task/{postgresql.pid}/children").read_text().split()
    for pid in map(int, children):
        try:
            found[_role_of(pid), pid] = processor_seconds(pid)
        except OSError:  # it has ended
            continue
    return Reading(found, time.time())


def _role_of(pid: int) -> str:
    """By the title that it gives itself: `postgres: user database address state`."""
    title = Path(f"/proc/{pid}/cmdline").read_text().split()
    database = title[2] if len(title) > 3 else ""
    return {
        "temporal": OF_TEMPORAL,
        "temporal_visibility": OF_TEMPORAL,
        "orders": OF_THE_BOOK,
    }.get(database, ITSELF)


def ends(postgresql: Postgresql, batch: str) -> list[datetime]:
    """When orders of the batch ended, one after another."""
    with postgresql.connect("orders") as connection:
        return [row[0] for row in connection.execute(ENDED, (f"batch-{batch}",))]  # pyright: ignore[reportReturnType]


def statuses(postgresql: Postgresql, batch: str) -> dict[str, str]:
    with postgresql.connect("orders") as connection:
        return {str(order): str(status) for order, status in connection.execute(TOLD, (f"batch-{batch}",))}


def longest_gap(times: list[datetime], began: float, ended: float) -> float:
    """Seconds without any end of an order, between two that at least touch this span (`time.time()`)."""
    seconds = [moment.timestamp() for moment in times]
    pairs = pairwise(seconds)
    return max((late - early for early, late in pairs if late > began and early < ended), default=0.0)
