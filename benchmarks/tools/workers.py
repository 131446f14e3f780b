"""What does something cost a worker? The same orders by several workers in turns, each with a server of its
own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contestants.contest import Contestant, ours
from benchmarks.tools.crowds import run_crowd
from benchmarks.tools.figures import Figure, Row
from benchmarks.tools.machine import core_speed, processor_seconds
from benchmarks.tools.stage import Stage
from benchmarks.tools.turns import back_and_forth, ratios_in_turns

CONTRACT = 30
"""Orders of a crowd for which bounds are stated, at least."""


@dataclass(frozen=True)
class Scale:
    turns: int = 9
    crowd: int = 60
    in_flight: int = 10


@dataclass(frozen=True)
class Ran:
    turn: int
    name: str
    milliseconds: float
    """Of the worker's processor time, an order, at the speed that a core had."""


async def in_turns(stages: Mapping[str, Stage], scale: Scale, prefix: str) -> list[Ran]:
    """Crowds of orders whose IDs begin with `prefix`. Raises BenchmarkFailed unless all audits are clean."""
    contestants = {name: ours(stage) for name, stage in stages.items()}
    ran = [
        await _run(contestants[name], turn, name, scale, prefix)
        for turn, name in back_and_forth(list(stages), 1 + scale.turns)
    ]
    for stage in stages.values():
        await stage.check()
    return [each for each in ran if each.turn]  # the first ones warm up


async def _run(contestant: Contestant, turn: int, name: str, scale: Scale, prefix: str) -> Ran:
    ids = [f"{prefix}-{turn:02}-{number:04}" for number in range(scale.crowd)]
    speed, before = core_speed(), processor_seconds(contestant.worker)
    await run_crowd(contestant.run, ids, scale.in_flight)
    used = processor_seconds(contestant.worker) - before
    return Ran(turn, name, 1_000 * used * (speed + core_speed()) / 2 / scale.crowd)


def more_with(name: str, without: str, ran: Sequence[Ran], scale: Scale, *, at_most: float) -> Figure:
    """Processor time an order by the worker of that name, over that of the one `without`."""
    ratios = ratios_in_turns([(each.turn, each.name, each.milliseconds) for each in ran], name, without)
    told = f"a worker's processor time an order with {name}, over that without"
    more = Figure.of_turns(told, ratios, at_most=at_most)
    return more if scale.crowd >= CONTRACT else more.unbound()


def as_they_ran(ran: Sequence[Ran]) -> dict[str, list[Row]]:
    rows: list[Row] = [
        {"turn": each.turn, "worker": each.name, "million steps an order": each.milliseconds / 1_000}
        for each in ran
    ]
    return {"Crowds, as they ran": rows}
