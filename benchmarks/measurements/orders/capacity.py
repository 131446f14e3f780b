"""From what an order costs, as a run has measured it, to what so many orders a second take.

Reads the JSON of a run (`--json`), measures nothing. What is assumed beside the measured cost stands in
ASSUMED, with where it is from; docs/scaling.md is written around the table that comes out.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log2
from pathlib import Path

from benchmarks.contestants.contest import OURS
from benchmarks.measurements.orders.figures import LEFT, TIMES
from benchmarks.tools.figures import Figure, Result, Row
from order_system.domain.errors import InvalidUsage

RATES = (10, 1_000, 100_000)
"""Orders a second."""


@dataclass(frozen=True)
class Assumptions:
    used: float = 0.6
    """The part of a core that is planned for: the rest is for peaks, and for those that fail."""
    update_ms: float = 10
    """One write of the server's database. Updates of one history shard queue behind one another."""
    shard_used: float = 0.25
    """The part of a shard's time that is planned for, so that little waits for its lock."""
    actions_per_unit: int = 500
    """Actions a second of one Temporal Resource Unit; a namespace of Temporal Cloud has as many anyhow."""
    units_per_namespace: int = 12
    """As many can be had without asking Temporal."""


ASSUMED = Assumptions()


@dataclass(frozen=True)
class OrderCost:
    """Of one happy order of two lines, as measured."""

    worker_ms: float
    server_ms: float
    events: int
    history_bytes: int
    state_transitions: int
    workflow_tasks: int
    activity_tasks: int
    actions: int
    transactions: float | None
    """Of book and world; None where the run has not measured calls."""
    sqlite_orders: float | None
    """Orders a second that one SQLite file takes, whatever the number of workers."""


def read_cost(path: Path) -> tuple[Row, OrderCost]:
    """The machine of that run, and what an order cost. Raises InvalidUsage."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        results = {result["benchmark"]: result for result in document["results"]}
        samples = results["orders"]["samples"]
        ours = [row for title in (TIMES, LEFT) for row in samples[title] if row["contestant"] == OURS]
        return document["machine"], _cost_of(ours[0] | ours[1], results.get("calls"))
    except OSError as failure:
        raise InvalidUsage(f"{path} cannot be read: {failure.strerror}") from None
    except (ValueError, KeyError, TypeError, IndexError, StopIteration):
        raise InvalidUsage(
            f"{path} holds no orders that were measured: write it with python -m benchmarks --json {path}"
        ) from None


def _cost_of(ours: Row, calls: Row | None) -> OrderCost:
    return OrderCost(
        worker_ms=ours["worker ms/order"],
        server_ms=ours["server ms/order"],
        events=ours["events"],
        history_bytes=ours["bytes"],
        state_transitions=ours["state transitions"],
        workflow_tasks=ours["workflow tasks"],
        activity_tasks=ours["activity tasks"],
        actions=ours["actions"],
        transactions=_transactions(calls) if calls else None,
        sqlite_orders=_orders_at_once(calls) if calls else None,
    )


def _transactions(calls: Row) -> float:
    operations: list[Row] = next(iter(calls["samples"].values()))
    return sum(operation["an order"] for operation in operations)


def _orders_at_once(calls: Row) -> float:
    return next(figure["value"] for figure in calls["figures"] if "at once" in figure["name"])


def plan(cost: OrderCost, assumed: Assumptions = ASSUMED) -> Result:
    """What each of RATES takes."""
    figures = [
        Figure("processor time of a worker", cost.worker_ms, "ms/order"),
        Figure("processor time of the server, database included", cost.server_ms, "ms/order"),
        Figure("history, parent and children", cost.events, "events/order"),
        Figure("the same in bytes", cost.history_bytes / 1_000, "kB/order"),
        Figure("state transitions, each a write of the server", cost.state_transitions, "an order"),
        Figure("workflow tasks", cost.workflow_tasks, "an order"),
        Figure("activity tasks", cost.activity_tasks, "an order"),
        Figure("Actions that Temporal Cloud would bill", cost.actions, "an order"),
    ]
    if cost.transactions is not None and cost.sqlite_orders is not None:
        figures += [
            Figure("transactions of book and world", cost.transactions, "an order"),
            Figure("orders that one SQLite file takes", cost.sqlite_orders, "a second"),
        ]
    return Result(
        "capacity",
        "one happy order of two lines, as measured, and from it what so many orders a second take",
        figures,
        {"Capacity": _table(cost, assumed)},
    )


def _table(cost: OrderCost, assumed: Assumptions) -> list[Row]:
    shard_updates = 1_000 / assumed.update_ms * assumed.shard_used
    per_namespace = assumed.actions_per_unit * assumed.units_per_namespace
    busy = f"at {assumed.used:.0%} of a core"
    quantities: list[tuple[str, Callable[[int], float], str]] = [
        ("worker processes", lambda rate: _cores(rate, cost.worker_ms, assumed), f"derived, {busy}"),
        (
            "cores of the Temporal server",
            lambda rate: _cores(rate, cost.server_ms, assumed),
            f"derived, {busy}",
        ),
        ("state transitions a second", lambda rate: rate * cost.state_transitions, "measured an order"),
        (
            "history shards, at least",
            lambda rate: _power_of_two(rate * cost.state_transitions / shard_updates),
            f"derived, {shard_updates:g} updates a second each",
        ),
        (
            "tasks that are matched a second",
            lambda rate: rate * (cost.workflow_tasks + cost.activity_tasks),
            "measured an order",
        ),
        (
            "history kept, GB a day of retention",
            lambda rate: rate * cost.history_bytes * 86_400 / 1e9,
            "measured an order",
        ),
        ("Actions a second", lambda rate: rate * cost.actions, "counted an order"),
        (
            "Temporal Resource Units",
            lambda rate: ceil(rate * cost.actions / assumed.actions_per_unit),
            f"documented: {assumed.actions_per_unit} Actions a second each",
        ),
        (
            "namespaces of Temporal Cloud, at least",
            lambda rate: ceil(rate * cost.actions / per_namespace),
            f"documented: up to {assumed.units_per_namespace} units each without asking",
        ),
        ("Actions a day, million", lambda rate: rate * cost.actions * 86_400 / 1e6, "counted an order"),
    ]
    if cost.transactions is not None:
        transactions = cost.transactions
        quantities.append(
            ("transactions of book and world a second", lambda rate: rate * transactions, "measured an order")
        )
    return [
        {"": name, **{f"{rate:,} orders/s": of(rate) for rate in RATES}, "how": how}
        for name, of, how in quantities
    ]


def _cores(rate: int, ms_an_order: float, assumed: Assumptions) -> int:
    return ceil(rate * ms_an_order / 1_000 / assumed.used)


def _power_of_two(least: float) -> int:
    """As shard counts are chosen."""
    return 2 ** max(ceil(log2(least)), 0)
