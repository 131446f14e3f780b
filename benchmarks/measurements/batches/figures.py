"""What batches that have run come to: rates, history, what is lost at continue-as-new, and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from benchmarks.measurements.batches.histories import Run
from benchmarks.tools.figures import Figure, Result, Row
from benchmarks.tools.machine import Meter
from benchmarks.tools.turns import ratios_of_few
from order_system.domain import policy

CONTRACT = (200, 2_000)
"""Orders of a short and a long batch for which the bounds are stated."""
PARTS = ("beginning", "middle", "end")


@dataclass(frozen=True)
class Scale:
    short: int
    long: int
    shorts: int
    """How many short batches."""
    longs: int
    window: int = policy.BATCH_WINDOW
    continue_after: int = policy.BATCH_HISTORY_EVENTS
    """Events of a run of the batch; it goes on to the end of the page."""
    page_bytes: int = policy.BATCH_PAGE_BYTES


@dataclass(frozen=True)
class Batch:
    """One that has run."""

    is_long: bool
    orders: int
    began: float
    ended: float
    """`time.time()`."""
    closings: list[float]
    """When its orders ended, in order."""
    runs: list[Run]

    @property
    def rate(self) -> float:
        """Orders a second."""
        return self.orders / (self.ended - self.began)

    @property
    def events_per_order(self) -> float:
        return sum(run.events for run in self.runs) / self.orders

    def pauses(self) -> list[tuple[float, float]]:
        """The last start before and the first after each continue-as-new: between them the window empties."""
        return [
            (before.starts[-1], after.starts[0])
            for before, after in pairwise(self.runs)
            if before.starts and after.starts
        ]

    def lost(self) -> float:
        """Seconds that the batch would have saved, had orders gone on ending in its pauses as they did
        outside of them."""
        pauses = self.pauses()
        paused = sum(after - before for before, after in pauses)
        ended = sum(before <= closing <= after for closing in self.closings for before, after in pauses)
        seconds_an_order = (self.ended - self.began - paused) / max(self.orders - ended, 1)
        return paused - ended * seconds_an_order

    def parts(self) -> list[tuple[str, float, float, int]]:
        """Name, beginning and end of each third of its orders, and how many these are."""
        bounds = [round(part * self.orders / len(PARTS)) for part in range(len(PARTS) + 1)]
        times = [self.began, *(self.closings[bound - 1] for bound in bounds[1:])]
        return [
            (name, times[part], times[part + 1], bounds[part + 1] - bounds[part])
            for part, name in enumerate(PARTS)
        ]


def result_of(meter: Meter, scale: Scale, batches: Sequence[Batch], over_crowds: Sequence[float]) -> Result:
    """`over_crowds`: of each short batch, its rate over that of a crowd of as many orders beside it."""
    long = [batch for batch in batches if batch.is_long]
    pauses = [after - before for batch in long for before, after in batch.pauses()]
    figures = [
        Figure.of_turns(
            f"throughput of {scale.long:,} orders over that of {scale.short:,}",
            ratios_of_few([(batch.is_long, batch.rate) for batch in batches]),
            at_least=0.9,
        ),
        Figure.of_turns(
            "the same for the time of the cores that others left free",
            ratios_of_few(
                [
                    (batch.is_long, batch.rate / meter.free_cores(batch.began, batch.ended))
                    for batch in batches
                ]
            ),
        ),
        Figure.of_turns(
            "the same by work: processor time at the speed of a core meanwhile",
            ratios_of_few([(batch.is_long, 1 / _work(meter, batch)) for batch in batches]),
        ),
        Figure.of_turns(
            f"throughput of {scale.short:,} orders of a batch over that of as many by themselves",
            over_crowds,
            at_least=0.95,
        ),
        Figure.of_turns(
            "orders a second of a long batch's last third over its first",
            [_last_over_first(batch) for batch in long],
            at_least=1.0,
        ),
        Figure("continue-as-new in a long batch", min(len(each.runs) - 1 for each in long), at_least=2),
        Figure(
            "longest history of a run of a batch",
            max(run.events for batch in batches for run in batch.runs),
            "events",
            at_most=10_000,
        ),
        Figure(
            "history that a long batch adds",
            max(batch.events_per_order for batch in long),
            "events/order",
            at_most=8,
        ),
        Figure("no starts at a continue-as-new", median(pauses) if pauses else 0.0, "s"),
        Figure("lost at continue-as-new, of a long batch's time", _median_percent(long), "%"),
    ]
    if (scale.short, scale.long) != CONTRACT:
        figures = [figure.unbound() for figure in figures]
    return Result(
        "batches",
        f"{scale.shorts} batches of {scale.short:,} orders and {scale.longs} of {scale.long:,}, in turns on "
        f"one server; {scale.window} orders under way; no faults, no latency; the audit is clean afterwards",
        figures,
        {
            "Batches, as they ran": _table_of_batches(meter, batches),
            "Long batches, a third of their orders at a time": _table_of_parts(meter, long),
        },
    )


def _last_over_first(batch: Batch) -> float:
    (_, *first, count), _, (_, *last, others) = batch.parts()
    return others / (last[1] - last[0]) / (count / (first[1] - first[0]))


def _median_percent(batches: Sequence[Batch]) -> float:
    return 100 * median(batch.lost() / (batch.ended - batch.began) for batch in batches)


def _work(meter: Meter, batch: Batch) -> float:
    """Of server and worker for an order, in million steps."""
    used = meter.used(batch.began, batch.ended)
    seconds = (used["server"] + used["worker"]) / batch.orders
    return seconds * meter.speed(batch.began, batch.ended)


def _table_of_batches(meter: Meter, batches: Sequence[Batch]) -> list[Row]:
    return [
        {
            **_pace(meter, batch.orders, batch.began, batch.ended),
            "runs": len(batch.runs),
            "events/order": batch.events_per_order,
        }
        for batch in batches
    ]


def _table_of_parts(meter: Meter, batches: Sequence[Batch]) -> list[Row]:
    return [
        {"batch": number, "part": name, **_pace(meter, orders, began, ended)}
        for number, batch in enumerate(batches, 1)
        for name, began, ended, orders in batch.parts()
    ]


def _pace(meter: Meter, orders: int, began: float, ended: float) -> Row:
    used = meter.used(began, ended)
    return {
        "orders": orders,
        "seconds": ended - began,
        "orders/s": orders / (ended - began),
        "worker ms/order": 1_000 * used["worker"] / orders,
        "server ms/order": 1_000 * used["server"] / orders,
        "core speed": meter.speed(began, ended),
        "cores busy for others": used["others"] / (ended - began),
    }
