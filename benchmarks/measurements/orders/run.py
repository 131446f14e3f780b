"""What does an order cost, against the least that Temporal can do and against a first, plain solution?

One order alone, the four in turns; then many at once, the four in turns. Each turn goes the other way than
the one before, so that whoever is compared are neighbours, and a machine that slows down harms nobody.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.contestants.contest import NAMES, Contest, Contestant, open_contest
from benchmarks.measurements.orders.figures import Alone, Crowd, Scale, result_of
from benchmarks.measurements.orders.footprint import footprint_of
from benchmarks.tools.crowds import run_crowd
from benchmarks.tools.figures import Result
from benchmarks.tools.turns import back_and_forth

REST_SECONDS = 1.0
"""Before a crowd: what the server still does for the one before is not the next one's."""


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as folder:
        async with open_contest(Path(folder)) as contest:
            for name in NAMES:
                await _crowd(contest, name, _orders("WARM", name, scale.warm_up), scale.in_flight)
            alone = [
                await _alone(contest.contestants[name], f"ALONE-{name}-{turn:03}", turn)
                for turn, name in back_and_forth(NAMES, scale.alone)
            ]
            say(f"  {scale.alone} orders alone, of each")
            crowds: list[Crowd] = []
            for turn, name in back_and_forth(NAMES, scale.turns):
                await asyncio.sleep(REST_SECONDS)
                orders = _orders(f"CROWD-{turn:02}", name, scale.crowd)
                crowd = await _crowd(contest, name, orders, scale.in_flight, turn)
                say(f"  {name}: {crowd.rate:.2f} orders a second")
                crowds.append(crowd)
            footprints = {
                name: await footprint_of(contest.contestants[name].temporal, f"ALONE-{name}-000")
                for name in NAMES
            }
            await contest.check()
            return result_of(contest.meter, scale, alone, crowds, footprints)


def _orders(prefix: str, name: str, count: int) -> list[str]:
    return [f"{prefix}-{name}-{number:04}" for number in range(count)]


async def _alone(contestant: Contestant, order_id: str, turn: int) -> Alone:
    began = time.perf_counter()
    await run_crowd(contestant.run, [order_id], 1)
    return Alone(turn, contestant.name, time.perf_counter() - began)


async def _crowd(contest: Contest, name: str, order_ids: list[str], in_flight: int, turn: int = 0) -> Crowd:
    contestant, meter = contest.contestants[name], contest.meter
    began, began_client = meter.read(), time.process_time()
    await run_crowd(contestant.run, order_ids, in_flight)
    client = time.process_time() - began_client
    return Crowd(turn, name, contestant.server, len(order_ids), began, meter.read(), client)
