"""What do book and world take by themselves? The five activities of an order without Temporal, over a real
SQLite book and the simulated world, with every call to a port timed."""

import asyncio
import dataclasses
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities import order_activities
from benchmarks.contestants.orders import a_document
from benchmarks.tools.figures import Figure, Result, Row
from benchmarks.tools.stage import check_audit, settings_for
from benchmarks.tools.turns import back_and_forth
from order_system.bootstrap import OrderSystem, open_order_system
from order_system.domain import policy
from order_system.domain.messages import (
    InventoryRequest,
    NoticeKind,
    NotificationRequest,
    PaymentRequest,
    ShippingRequest,
)
from order_system.domain.order import Order, SubmissionRef
from order_system.intake.reader import OrderForm

BOOK, WORLD = "book", "world"
ONE, MANY = "one", "many"

Activity = Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True)
class Scale:
    orders: int
    """Of each round."""
    rounds: int = 5
    at_once: int = 30


@dataclass(frozen=True)
class Round:
    way: str
    """ONE after another, or MANY at once."""
    orders: int
    seconds: float
    processor: float
    """Seconds of this process."""


class Timed:
    """A port that knows how long each of its methods took."""

    def __init__(self, port: object, side: str, calls: dict[tuple[str, str], list[float]]) -> None:
        self._port = port
        self._side = side
        self._calls = calls

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method, taken = getattr(self._port, name), self._calls[self._side, name]

        async def timed(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return await method(*arguments, **named)
            finally:
                taken.append(time.perf_counter() - began)

        return timed


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as folder:
        async with open_order_system(settings_for(Path(folder))) as system:
            untimed, calls = _activities(system, defaultdict(list)), defaultdict[Any, list[float]](list)
            await _round(untimed, "WARM", MANY, scale)
            rounds: list[Round] = []
            for turn, way in back_and_forth((ONE, MANY), scale.rounds):
                # Calls that wait for one another say nothing of what a call takes.
                activities = _activities(system, calls) if way == ONE else untimed
                rounds.append(await _round(activities, f"{way}-{turn}", way, scale))
            say(f"  {scale.rounds} times {scale.orders} orders, one after another and many at once")
            await check_audit(system)
            return _result_of(scale, rounds, calls)


def _activities(system: OrderSystem, calls: dict[Any, list[float]]) -> dict[str, Activity]:
    """Name -> activity, over timed ports."""
    book: Any = Timed(system.book, BOOK, calls)
    ports = ("payments", "warehouse", "carrier", "mailer")
    world: Any = SimpleNamespace(**{name: Timed(getattr(system.world, name), WORLD, calls) for name in ports})
    nobody: Any = None  # of orders that charge and run, nobody asks the server
    activities = order_activities(book, world, nobody)
    return {activity.__name__: activity for activity in activities}


async def _round(activities: dict[str, Activity], prefix: str, way: str, scale: Scale) -> Round:
    documents = (a_document(f"{prefix}-{number:05}") for number in range(scale.orders))
    orders = [OrderForm.model_validate(document).to_order() for document in documents]
    places = asyncio.Semaphore(1 if way == ONE else scale.at_once)

    async def one(order: Order) -> None:
        async with places:
            await _fulfil(activities, order)

    began, began_processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*map(one, orders))
    return Round(way, len(orders), time.perf_counter() - began, time.process_time() - began_processor)


async def _fulfil(activities: dict[str, Activity], order: Order) -> None:
    """What an order's five activities do, one after another, with nobody in between."""
    ref = SubmissionRef(order_id=order.order_id, submission="first", fingerprint=order.fingerprint())
    shipping = ShippingRequest(submission=ref, address=order.shipping_address, lines=order.lines)
    charge = PaymentRequest(
        submission=ref,
        amount=order.total,
        currency=order.currency,
        payment_method=order.payment_method,
    )
    notice = NotificationRequest(submission=ref, kind=NoticeKind.CONFIRMATION, customer=order.customer)
    for name, request in (
        ("charge", charge),
        ("reserve", InventoryRequest(submission=ref, lines=order.lines)),
        ("buy_label", shipping),
        ("dispatch", shipping),
        ("notify", notice),
    ):
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(
            environment.info, started_time=datetime.now(UTC), start_to_close_timeout=policy.EFFECT_ATTEMPT
        )
        await environment.run(activities[name], request)


def _result_of(scale: Scale, rounds: Sequence[Round], calls: dict[tuple[str, str], list[float]]) -> Result:
    def rate(way: str) -> float:
        return median(each.orders / each.seconds for each in rounds if each.way == way)

    def processor(way: str) -> float:
        return median(1_000 * each.processor / each.orders for each in rounds if each.way == way)

    figures = [
        Figure("operations of the book, one after another", _rate(calls, BOOK), "a second"),
        Figure("operations of the world, one after another", _rate(calls, WORLD), "a second"),
        Figure("orders, one after another, without Temporal", rate(ONE), "a second"),
        Figure(f"orders, {scale.at_once} at once, without Temporal", rate(MANY), "a second"),
        Figure("processor time of the five activities of an order", processor(MANY), "ms/order"),
    ]
    return Result(
        "calls",
        f"the five activities of {scale.rounds} times {scale.orders} orders of two lines, one after another "
        f"and {scale.at_once} at once, in turns; SQLite, no faults, no latency; the audit is clean",
        figures,
        {"Operations, one after another": _table(scale, calls)},
    )


def _rate(calls: dict[tuple[str, str], list[float]], side: str) -> float:
    taken = [seconds for (of, _), each in calls.items() if of == side for seconds in each]
    return len(taken) / sum(taken)


def _table(scale: Scale, calls: dict[tuple[str, str], list[float]]) -> list[Row]:
    orders = scale.rounds * scale.orders
    return [
        {
            "operation": f"{side}: {name}",
            "an order": len(taken) / orders,
            "median ms": 1_000 * median(taken),
            "a second": len(taken) / sum(taken),
        }
        for (side, name), taken in sorted(calls.items())
        if taken  # and not only looked up
    ]
