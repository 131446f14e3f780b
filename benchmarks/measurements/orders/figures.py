"""What the orders of the four contestants come to: ratios, with their bounds, and what lies behind them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles

from benchmarks.contestants.contest import FLOOR, LOCAL, NAMES, OURS, PLAIN
from benchmarks.measurements.orders.footprint import Footprint
from benchmarks.tools.figures import Figure, Result, Row
from benchmarks.tools.machine import Meter
from benchmarks.tools.turns import ratios_in_turns

TIMES = "The four, by medians"
LEFT = "What one order leaves on the server, parent and children together"


@dataclass(frozen=True)
class Scale:
    alone: int
    """Orders alone, of each contestant."""
    turns: int
    """Crowds of each contestant."""
    crowd: int
    """Orders of a crowd."""
    in_flight: int = 30
    warm_up: int = 30
    """Orders of each contestant before anything is timed."""

    @property
    def counts(self) -> bool:
        """Whether bounds are stated for this size."""
        return self.alone >= 20 and self.turns >= 5 and self.crowd >= 2 * self.in_flight >= 60


@dataclass(frozen=True)
class Alone:
    turn: int
    name: str
    seconds: float
    """From the client's call to the order's end."""


@dataclass(frozen=True)
class Crowd:
    turn: int
    name: str
    server: str
    """Name of its process in the meter."""
    orders: int
    began: float
    ended: float
    """`time.time()`."""
    client: float
    """Processor seconds of the client, which is the benchmark itself."""

    @property
    def rate(self) -> float:
        """Orders a second."""
        return self.orders / (self.ended - self.began)


@dataclass(frozen=True)
class Cost:
    """Processor milliseconds an order."""

    worker: float
    server: float
    client: float


def cost_of(meter: Meter, crowd: Crowd) -> Cost:
    used = meter.used(crowd.began, crowd.ended)
    worker, server = used[OURS if crowd.name == LOCAL else crowd.name], used[crowd.server]
    return Cost(*(1_000 * seconds / crowd.orders for seconds in (worker, server, crowd.client)))


def result_of(
    meter: Meter,
    scale: Scale,
    alone: Sequence[Alone],
    crowds: Sequence[Crowd],
    footprints: Mapping[str, Footprint],
) -> Result:
    def latency(other: str) -> list[float]:
        return ratios_in_turns([(each.turn, each.name, each.seconds) for each in alone], OURS, other)

    def rate(other: str, mine: str = OURS) -> list[float]:
        return ratios_in_turns([(each.turn, each.name, each.rate) for each in crowds], mine, other)

    def rate_of_free_cores(other: str) -> list[float]:
        """Where others take a core from one and not from the next, this tells what the rate does not."""
        rates = [
            (each.turn, each.name, each.rate / meter.free_cores(each.began, each.ended)) for each in crowds
        ]
        return ratios_in_turns(rates, OURS, other)

    def cost(part: Callable[[Cost], float], other: str, mine: str = OURS) -> list[float]:
        costs = [(each.turn, each.name, part(cost_of(meter, each))) for each in crowds]
        return ratios_in_turns(costs, mine, other)

    def worker(cost: Cost) -> float:
        return cost.worker

    def server(cost: Cost) -> float:
        return cost.server

    def both(cost: Cost) -> float:
        return cost.worker + cost.server

    many = f"orders/s at {scale.in_flight} in flight"
    figures = [
        Figure.of_turns(
            "latency of one order alone, ours over plain on a stock server", latency(PLAIN), at_most=0.32
        ),
        Figure.of_turns("latency of one order alone, ours over floor", latency(FLOOR), at_most=1.3),
        Figure.of_turns(f"{many}, ours over floor", rate(FLOOR), at_least=0.85),
        Figure.of_turns(f"{many}, ours over plain on a stock server", rate(PLAIN), at_least=1.6),
        Figure.of_turns(f"{many} and core that others left free, ours over floor", rate_of_free_cores(FLOOR)),
        Figure.of_turns(f"{many} and core that others left free, ours over plain", rate_of_free_cores(PLAIN)),
        Figure.of_turns(
            "server and worker processor time an order, ours over floor", cost(both, FLOOR), at_most=1.1
        ),
        Figure.of_turns("worker processor time an order, ours over floor", cost(worker, FLOOR), at_most=1.3),
        Figure.of_turns("worker processor time an order, ours over plain", cost(worker, PLAIN), at_most=0.75),
        Figure.of_turns("server processor time an order, ours over floor", cost(server, FLOOR)),
        Figure.of_turns(
            "server processor time an order, ours over plain on a stock server", cost(server, PLAIN)
        ),
        Figure("history of an order", footprints[OURS].events, "events", at_most=94),
        Figure.of_turns(f"{many}, first attempts local, over plain", rate(PLAIN, LOCAL), at_least=2.2),
        Figure.of_turns(
            "server and worker processor time an order, first attempts local over regular",
            cost(both, OURS, LOCAL),
            at_most=0.8,  # 0.63 of what regular ones took before the embedded server was tuned
        ),
        Figure("history of an order, first attempts local", footprints[LOCAL].events, "events", at_most=72),
    ]
    if not scale.counts:
        figures = [figure.unbound() for figure in figures]
    return Result(
        "orders",
        f"{scale.alone} orders of two lines alone, and {scale.turns} times {scale.crowd} with "
        f"{scale.in_flight} in flight, of each contestant in turns; no faults, no latency; the audit of ours "
        "is clean afterwards",
        figures,
        {
            TIMES: [_times(meter, name, alone, crowds) for name in NAMES],
            LEFT: [_left(name, footprints[name]) for name in NAMES],
            "Crowds, as they ran": [_crowd_row(meter, crowd) for crowd in crowds],
        },
    )


def _times(meter: Meter, name: str, alone: Sequence[Alone], crowds: Sequence[Crowd]) -> Row:
    seconds = [1_000 * each.seconds for each in alone if each.name == name]
    own = [crowd for crowd in crowds if crowd.name == name]
    costs = [cost_of(meter, crowd) for crowd in own]
    return {
        "contestant": name,
        "alone, ms": median(seconds),
        "alone, p95 ms": quantiles(seconds, n=20, method="inclusive")[-1],
        "orders/s": median(crowd.rate for crowd in own),
        "worker ms/order": median(cost.worker for cost in costs),
        "server ms/order": median(cost.server for cost in costs),
        "client ms/order": median(cost.client for cost in costs),
    }


def _left(name: str, footprint: Footprint) -> Row:
    counts = {title.replace("_", " "): count for title, count in asdict(footprint).items()}
    return {"contestant": name, **counts}


def _crowd_row(meter: Meter, crowd: Crowd) -> Row:
    cost, seconds = cost_of(meter, crowd), crowd.ended - crowd.began
    return {
        "turn": crowd.turn + 1,
        "contestant": crowd.name,
        "orders": crowd.orders,
        "orders/s": crowd.rate,
        "worker ms/order": cost.worker,
        "server ms/order": cost.server,
        "client ms/order": cost.client,
        "core speed": meter.speed(crowd.began, crowd.ended),
        "cores busy for others": meter.used(crowd.began, crowd.ended)["others"] / seconds,
    }
