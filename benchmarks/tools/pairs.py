"""The same orders by two, in turns: one order alone, and then many at once."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.tools.crowds import RunOrder, run_crowd
from benchmarks.tools.figures import Figure, Row
from benchmarks.tools.turns import back_and_forth, ratios_in_turns


@dataclass(frozen=True)
class Scale:
    turns: int = 5
    crowd: int = 60
    in_flight: int = 30


@dataclass(frozen=True)
class Contestant:
    run: RunOrder
    used: Callable[[], float]
    """Processor seconds so far, by all that it needs."""


@dataclass(frozen=True)
class Ran:
    turn: int
    name: str
    alone_ms: float
    """Of one order, before the crowd."""
    cost_ms: float
    """Processor time of all its processes, an order of the crowd."""
    rate: float
    """Orders a second."""


async def run_in_turns(contestants: Mapping[str, Contestant], scale: Scale) -> list[Ran]:
    """Raises BenchmarkFailed."""
    ran = [
        await _run(contestants[name], turn, name, scale)
        for turn, name in back_and_forth(list(contestants), 1 + scale.turns)
    ]
    return [each for each in ran if each.turn]  # the first ones warm up


async def _run(contestant: Contestant, turn: int, name: str, scale: Scale) -> Ran:
    began = time.perf_counter()
    await run_crowd(contestant.run, [f"ALONE-{turn:02}"], 1)
    alone, before, began = time.perf_counter() - began, contestant.used(), time.perf_counter()
    ids = [f"CROWD-{turn:02}-{number:04}" for number in range(scale.crowd)]
    await run_crowd(contestant.run, ids, scale.in_flight)
    cost, took = contestant.used() - before, time.perf_counter() - began
    return Ran(turn, name, 1_000 * alone, 1_000 * cost / scale.crowd, scale.crowd / took)


def compared(scale: Scale, ran: Sequence[Ran], above: str, below: str, processes: str) -> list[Figure]:
    """`processes`: whose processor time was counted, in words."""

    def over(value: Callable[[Ran], float]) -> list[float]:
        return ratios_in_turns([(each.turn, each.name, value(each)) for each in ran], above, below)

    names = f"{above} over {below}"
    return [
        Figure.of_turns(f"processor time an order, {processes}, {names}", over(lambda each: each.cost_ms)),
        Figure.of_turns(f"latency of one order alone, {names}", over(lambda each: each.alone_ms)),
        Figure.of_turns(f"orders/s at {scale.in_flight} in flight, {names}", over(lambda each: each.rate)),
    ]


def as_they_ran(ran: Sequence[Ran]) -> dict[str, list[Row]]:
    return {
        "Turns, as they ran": [
            {
                "turn": each.turn,
                "contestant": each.name,
                "alone, ms": each.alone_ms,
                "processor ms/order": each.cost_ms,
                "orders/s": each.rate,
            }
            for each in ran
        ]
    }
