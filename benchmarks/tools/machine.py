"""What the machine is and what its processors do, from Linux' /proc: ours and everybody else's."""

import asyncio
import os
import platform
import time
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.tools.figures import Row

_TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.5
_STEPS = 5_000


def cores() -> int:
    return os.cpu_count() or 1


def machine() -> Row:
    """Its class, as far as figures depend on it, and today."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next(
        (line.partition(":")[2].strip() for line in cpuinfo.splitlines() if "model name" in line), ""
    )
    return {
        "cores": cores(),
        "processor": model or platform.machine(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "python": platform.python_version(),
        "day": datetime.now(UTC).date().isoformat(),
    }


def core_speed() -> float:
    """Million steps of a Python loop in a second of a core's time. A core that shares its silicon with
    somebody else's work takes longer for the same, and no other figure of the system tells."""
    began, total = time.thread_time(), 0
    for step in range(_STEPS):
        total += step * step
    return _STEPS / 1e6 / (time.thread_time() - began)


def _after_name(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def processor_seconds(pid: int) -> float:
    """Used so far by a process with all its threads."""
    user, system = _after_name(pid)[11:13]
    return (int(user) + int(system)) / _TICKS


def parent_of(pid: int) -> int:
    """Its PID. Raises FileNotFoundError."""
    return int(_after_name(pid)[1])


def processor_seconds_of_family(pid: int) -> float:
    """Used so far by a process and its children, those that have ended, too."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    ended = sum(map(int, _after_name(pid)[13:15])) / _TICKS
    return ended + sum(map(processor_seconds, [pid, *map(int, children)]))


def memory_mb(pid: int | str = "self", *, peak: bool = False) -> float:
    """Resident now, or at the most."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1_000
    raise RuntimeError(f"/proc/{pid}/status has no {name}")


def _busy_seconds() -> float:
    """Of all cores together, whoever uses them (a hypervisor's other guests too)."""
    user, nice, system, _idle, _wait, irq, soft, stolen, *_ = map(
        int, Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + soft + stolen) / _TICKS


@dataclass
class Meter:
    """What some processes used, and how fast a core was: looked at twice a second, asked for any time."""

    processes: Mapping[str, int]
    """Name -> PID."""
    _moments: list[float] = field(default_factory=list[float])
    _readings: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    _speeds: list[float] = field(default_factory=list[float])

    def read(self) -> float:
        """Look now. The time of it."""
        reading = {name: processor_seconds(pid) for name, pid in self.processes.items()}
        reading["others"] = _busy_seconds() - sum(reading.values()) - time.process_time()
        self._moments.append(time.time())
        self._readings.append(reading)
        self._speeds.append(core_speed())
        return self._moments[-1]

    def used(self, began: float, ended: float) -> dict[str, float]:
        """Processor seconds of each process, and of `others`, between two moments (`time.time()`)."""
        return {name: self._at(ended, name) - self._at(began, name) for name in self._readings[0]}

    def speed(self, began: float, ended: float) -> float:
        """The median of `core_speed` between two moments, from the look before to the look after."""
        first = max(bisect_right(self._moments, began) - 1, 0)
        return median(self._speeds[first : bisect_left(self._moments, ended) + 1])

    def free_cores(self, began: float, ended: float) -> float:
        """How many others left to us between two moments, on the average; never none."""
        return max(cores() - self.used(began, ended)["others"] / (ended - began), 0.01)

    def _at(self, moment: float, name: str) -> float:
        """Between two looks it goes on evenly."""
        after = min(max(bisect_right(self._moments, moment), 1), len(self._moments) - 1)
        (early, late) = self._moments[after - 1 : after + 1]
        (less, more) = (reading[name] for reading in self._readings[after - 1 : after + 1])
        share = min(max((moment - early) / (late - early), 0), 1) if late > early else 1
        return less + share * (more - less)


@asynccontextmanager
async def metering(processes: Mapping[str, int]) -> AsyncGenerator[Meter]:
    meter = Meter(processes)

    async def look_again() -> None:
        while True:
            meter.read()
            await asyncio.sleep(SAMPLE_SECONDS)

    looking = asyncio.create_task(look_again())
    try:
        yield meter
    finally:
        looking.cancel()
