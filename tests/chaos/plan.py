"""What one seed plans: the orders, which of them are struck, at which point, by what.

Everything is tied to a point in the life of one order and to nothing else: no clock and no count of other
orders decides. So the same seed strikes the same orders in the same way, however fast the machine is.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import cycle
from pathlib import Path

from order_system.domain.order import Capture, FirstAttempts, Flow
from order_system.gateways.simulated.behaviours import EXPIRES
from tests.chaos.cases import (
    COSTLY,
    NEVER_WORKS,
    PAGES,
    SHORT_PAGES,
    START,
    Blow,
    Fault,
    catalogue,
    takes_every_attempt,
)
from tests.chaos.points import before, is_undo, only_on_dispatch


@dataclass(frozen=True)
class PlannedOrder:
    order_id: str
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    """Scenario tokens, by field: what the outside world has in store apart from our blows."""
    faults: tuple[Fault, ...] = ()
    batch: str | None = None
    submitted_twice: bool = False
    """By two clients at the same moment."""
    cancelled_at_once: bool = False
    """Before any worker has seen it."""
    resubmit: bool = False
    """Once terminated: submitted again at once, while its activities may still be under way."""
    flow: Flow = Flow.SEQUENTIAL
    capture: Capture = Capture.AT_ONCE
    first_attempts: FirstAttempts = FirstAttempts.REGULAR

    @property
    def points(self) -> set[str]:
        return {fault.point for fault in self.faults}

    @property
    def of_two(self) -> bool:
        """Struck where two steps run side by side."""
        return any(fault.beside for fault in self.faults)

    @property
    def stays_stuck(self) -> bool:
        return any(token in STUCK_FOR_EVER for token in self.tokens.values())


@dataclass(frozen=True)
class Plan:
    seed: int
    orders: tuple[PlannedOrder, ...]
    flows: tuple[Flow, ...] = (Flow.SEQUENTIAL,)
    captures: tuple[Capture, ...] = (Capture.AT_ONCE,)
    first_attempts: tuple[FirstAttempts, ...] = (FirstAttempts.REGULAR,)
    """The orders take turns in all three, and so do the batches."""
    batch_faults: dict[str, tuple[Fault, ...]] = field(default_factory=dict[str, tuple[Fault, ...]])
    """By the name of the batch."""
    fails_nobody: bool = False
    """Nothing strikes but outages of ours or of a gateway: each order must be fulfilled."""

    def batches(self) -> dict[str, list[PlannedOrder]]:
        names = dict.fromkeys(order.batch for order in self.orders if order.batch)
        return {name: [order for order in self.orders if order.batch == name] for name in names if name}

    @property
    def faults(self) -> Iterator[tuple[str, Fault]]:
        """With the ID of the order, or the name of the batch, that each strikes."""
        for order in self.orders:
            for fault in order.faults:
                yield order.order_id, fault
        for name, faults in self.batch_faults.items():
            for fault in faults:
                yield name, fault

    def all_in(self, flow: Flow) -> "Plan":
        """The same orders and blows, if none needs two steps side by side."""
        orders = tuple(replace(order, flow=flow) for order in self.orders)
        return replace(self, orders=orders, flows=(flow,))

    def write(self, file: Path) -> None:
        """All that a worker needs to know of it."""
        file.write_text(json.dumps([[subject, asdict(fault)] for subject, fault in self.faults], indent=1))


def read_faults(file: Path) -> dict[tuple[str, str], Fault]:
    """By subject and point."""
    return {
        (subject, fault["point"]): Fault(fault["point"], tuple(map(Blow, fault["blows"])), fault["beside"])
        for subject, fault in json.loads(file.read_text())
    }


# --- what the orders are like besides -------------------------------------------------------------

REFUSED_AT_DISPATCH = {"postal_code": "00001"}
REFUSED_AT_LABEL = {"postal_code": "00000"}
REFUSED_BY_BOTH = {"payment_method": "pm_card_declined", "sku": "OUT-OF-STOCK"}
PAID_ALREADY = {"payment_method": "paid:ch_ORDER"}
AUTHORISED_ALREADY = {"payment_method": "authorised:pi_ORDER"}
"""Of those alone whose money is taken on dispatch; and the one before of the others."""
STUCK_STORIES = (
    {"payment_method": "pm_refund_never", "postal_code": "00001"},
    {"sku": "RELEASE-NEVER", "postal_code": "00001"},
    {"postal_code": "00004"},
)
STUCK_FOR_EVER = {"pm_refund_never", "RELEASE-NEVER", "00004"}
PLAIN: Sequence[tuple[int, dict[str, str]]] = (
    (58, {}),
    (6, PAID_ALREADY),
    (2, PAID_ALREADY | REFUSED_AT_DISPATCH),
    (7, {"payment_method": "pm_card_declined"}),
    (6, {"sku": "OUT-OF-STOCK"}),
    (2, REFUSED_BY_BOTH),
    (5, REFUSED_AT_LABEL),
    (5, REFUSED_AT_DISPATCH),
    (3, {"payment_method": "pm_answer_lost_once"}),
    (2, {"payment_method": EXPIRES}),
    (2, {"postal_code": "00003"}),
    (2, {"sku": "COMMIT-DOWN"}),
    (2, {"payment_method": "pm_refund_fails_thrice", "postal_code": "00001"}),
    (2, {"email": "bounces@example.com"}),
)
"""Orders that we leave alone, with their weights: what shops have on ordinary days."""


# --- drawing a plan ------------------------------------------------------------------------------

SHORT_OF_A_CATALOGUE = 600
"""A run of fewer orders tries a sample: every kind of case, at a point that the seed chooses."""
SLOW_START = Fault(START, (Blow.SLOW_START,))
BATCHES = ("chaos-a", "chaos-b", "chaos-c")
"""The first is left to finish, and continues as new while a start is under way. The second is cancelled and
the third terminated in its middle."""


def draw_plan(
    seed: int,
    orders: int,
    flows: Sequence[Flow] = tuple(Flow),
    captures: Sequence[Capture] = tuple(Capture),
    first_attempts: Sequence[FirstAttempts] = tuple(FirstAttempts),
) -> Plan:
    """A third of the orders comes in batches; six in ten are struck, some of them twice. Two orders each try
    what falls on the last attempt: a kill may take that one before it comes to its point."""
    dice = random.Random(seed)
    struck = orders * 6 // 10
    cases = [case for case in catalogue() if Flow.PARALLEL in flows or not case.beside]
    if Capture.ON_DISPATCH not in captures:
        cases = [case for case in cases if not only_on_dispatch(case.point)]
    dice.shuffle(cases)
    cheap = [case for case in cases if not set(case.blows) & (COSTLY | NEVER_WORKS)]
    whole_catalogue = orders >= SHORT_OF_A_CATALOGUE
    chosen = [*cases, *filter(takes_every_attempt, cases)] if whole_catalogue else _one_of_each_kind(cases)
    more = [dice.choice(cheap) for _ in range(struck - len(chosen))]
    ids = (f"CHAOS-{seed}-{number:04d}" for number in range(orders - 3))
    planned = [
        *(_struck(dice, next(ids), [fault]) for fault in chosen),
        *(_struck(dice, next(ids), _perhaps_two(dice, fault, cheap)) for fault in more),
        *(_plain(dice, order_id) for order_id in ids),
    ]
    dice.shuffle(planned)
    planned = _with_stuck(planned) if whole_catalogue else planned
    size = orders // 9
    all_orders = (
        PlannedOrder(f"CHAOS-{seed}-{BATCHES[0]}", faults=(SLOW_START,), batch=BATCHES[0]),
        *(replace(order, batch=BATCHES[0]) for order in planned[:size]),
        *_ended_in_its_middle(planned[size : 2 * size], BATCHES[1], Blow.CANCEL_BATCH, seed),
        *_ended_in_its_middle(planned[2 * size : 3 * size], BATCHES[2], Blow.TERMINATE_BATCH, seed),
        *planned[3 * size :],
    )
    turns = cycle(capture for capture in captures for _ in flows)  # both captures in both flows
    all_orders = tuple(_taken(order, turn) for order, turn in zip(all_orders, turns, strict=False))
    firsts = cycle(first for first in first_attempts for _ in captures for _ in flows)
    return Plan(
        seed,
        tuple(
            replace(order, flow=Flow.PARALLEL if order.of_two else flow, first_attempts=first)
            for order, flow, first in zip(all_orders, cycle(flows), firsts, strict=False)
        ),
        tuple(flows),
        tuple(captures),
        tuple(first_attempts),
        {BATCHES[0]: PAGES if orders >= SHORT_OF_A_CATALOGUE else SHORT_PAGES},
    )


def draw_outages(seed: int, orders: int) -> Plan:
    """Plain orders. In their middle the book is away for two minutes, and a gateway for five."""
    dice = random.Random(seed)
    outages = {
        orders // 4: Fault(
            before(dice.choice(("claim charge", "claim reserve", "fulfil"))), (Blow.BOOK_AWAY,)
        ),
        orders // 2: Fault(before(dice.choice(("charge", "reserve", "label"))), (Blow.GATEWAY_AWAY,)),
    }
    planned = (
        PlannedOrder(f"CHAOS-{seed}-{number:04d}", faults=(outages[number],) if number in outages else ())
        for number in range(orders)
    )
    return Plan(seed, tuple(planned), fails_nobody=True)


def _one_of_each_kind(cases: Sequence[Fault]) -> list[Fault]:
    """An undo that fails for long is another kind than an effect whose attempts are used up; and so is what
    falls while two steps run side by side."""
    kinds = {
        (case.blows, len(case.blows) > 1 and is_undo(case.point), bool(case.beside)): case for case in cases
    }
    return list(kinds.values())


def _perhaps_two(dice: random.Random, fault: Fault, cheap: Sequence[Fault]) -> list[Fault]:
    """Only where the first one need not be met: the second may be the end of the order before it."""
    second = dice.choice(cheap)
    fits = second.point != fault.point and is_undo(second.point) == is_undo(fault.point)
    return [fault, second] if fits and dice.random() < 0.3 else [fault]


def _struck(dice: random.Random, order_id: str, faults: Sequence[Fault]) -> PlannedOrder:
    refused = REFUSED_AT_DISPATCH if is_undo(faults[0].point) else {}
    if faults[0].point.endswith("void payment") and dice.random() < 0.5:
        refused = REFUSED_AT_LABEL  # before anything is captured
    if Blow.TOGETHER in faults[0].blows:
        refused = REFUSED_BY_BOTH
    return PlannedOrder(
        order_id,
        (PAID_ALREADY if dice.random() < 0.25 else {}) | refused,
        tuple(faults),
        submitted_twice=dice.random() < 0.1,
        resubmit=dice.random() < 0.5,
    )


def _taken(order: PlannedOrder, turn: Capture) -> PlannedOrder:
    """Its money is taken as its points need it, else as its turn is. What a batch says is said by a payment
    that was authorised elsewhere, whatever the batch says."""
    needed = any(map(only_on_dispatch, order.points))
    capture = Capture.ON_DISPATCH if needed else turn
    elsewhere = AUTHORISED_ALREADY if capture is Capture.ON_DISPATCH else PAID_ALREADY
    if order.tokens.get("payment_method") in PAID_ALREADY.values() or (needed and order.batch):
        order = replace(order, tokens=order.tokens | elsewhere)
    return replace(order, capture=capture)


def _plain(dice: random.Random, order_id: str) -> PlannedOrder:
    [tokens] = dice.choices([tokens for _, tokens in PLAIN], [weight for weight, _ in PLAIN])
    return PlannedOrder(
        order_id,
        tokens,
        submitted_twice=dice.random() < 0.1,
        cancelled_at_once=dice.random() < 0.03,
    )


def _ended_in_its_middle(
    orders: Sequence[PlannedOrder], batch: str, blow: Blow, seed: int
) -> Iterator[PlannedOrder]:
    middle = len(orders) // 2
    ender = PlannedOrder(f"CHAOS-{seed}-{batch}", faults=(Fault(before("reserve"), (blow,)),))
    for order in (*orders[:middle], ender, *orders[middle:]):
        yield replace(order, batch=batch)


def _with_stuck(orders: Sequence[PlannedOrder]) -> list[PlannedOrder]:
    """The last plain orders wait for a person for ever."""
    plain = [order.order_id for order in orders if not order.faults][-len(STUCK_STORIES) :]
    stories = dict(zip(plain, STUCK_STORIES, strict=True))
    stuck = [
        replace(order, tokens=stories[order.order_id], cancelled_at_once=False)
        if order.order_id in stories
        else order
        for order in orders
    ]
    # Not among the batches, which would wait for them: these are the first orders.
    return sorted(stuck, key=lambda order: order.order_id in stories)
