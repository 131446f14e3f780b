"""What one seed plans: the orders, which of them are struck, at which point, by what.

Everything is tied to a point in the life of one order and to nothing else: no clock and no count of other
orders decides. So the same seed strikes the same orders in the same way, however fast the machine is.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any

from tests.chaos.points import (
    BOOK_CALLS,
    EFFECTS,
    GATEWAY_CALLS,
    STEP_OF,
    UNDOS,
    after,
    before,
)


class Blow(StrEnum):
    ERROR = "error"
    """Before: sometimes surely not carried out, sometimes nobody knows. After: the answer is lost. In the
    book: the database refuses this one transaction."""
    CRASH = "worker killed"
    DRAIN = "worker told to stop"
    FREEZE = "worker frozen"
    STALL = "time-out, lands later"
    """The caller hears nothing until its time is up; what it sent lands all the same, late."""
    RACE = "time-out, lands with the retry"
    MEET = "retry meets the late one"
    SERVER = "server killed"
    LOCKED = "database locked"
    REFUSING = "database refuses"
    CANCEL = "cancel"
    TERMINATE = "terminate"
    CANCEL_CHILD = "cancel of a child"
    TERMINATE_CHILD = "terminate of a child"
    CANCEL_BATCH = "cancel of the batch"
    TERMINATE_BATCH = "terminate of the batch"


COSTLY = {Blow.CRASH, Blow.DRAIN, Blow.FREEZE, Blow.SERVER, Blow.LOCKED, Blow.REFUSING}
"""They strike everybody who is under way: each planned case once, and no repeats."""

ATTEMPTS = 6
"""Of an effect: policy.EFFECT_RETRY."""
UNTIL_ATTENTION = 7
"""So often an undo fails before policy.ATTENTION_AFTER has passed."""


@dataclass(frozen=True)
class Fault:
    """The first call that comes to `point` meets the first blow, the next one the second, and so on."""

    point: str
    blows: tuple[Blow, ...]


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

    @property
    def stays_stuck(self) -> bool:
        return any(token in STUCK_FOR_EVER for token in self.tokens.values())


@dataclass(frozen=True)
class Plan:
    seed: int
    orders: tuple[PlannedOrder, ...]

    def batches(self) -> dict[str, list[PlannedOrder]]:
        names = dict.fromkeys(order.batch for order in self.orders if order.batch)
        return {name: [order for order in self.orders if order.batch == name] for name in names if name}

    def write(self, file: Path) -> None:
        file.write_text(json.dumps([asdict(order) for order in self.orders], indent=1))


def read_faults(file: Path) -> dict[tuple[str, str], Fault]:
    """By order and point: all that a worker needs to know of a plan."""
    orders: list[dict[str, Any]] = json.loads(file.read_text())
    return {
        (order["order_id"], fault["point"]): Fault(fault["point"], tuple(map(Blow, fault["blows"])))
        for order in orders
        for fault in order["faults"]
    }


# --- the catalogue: every case that must be tried ------------------------------------------------

REFUSED_AT_DISPATCH = {"postal_code": "00001"}
STUCK_FOR_EVER = ("pm_refund_never", "RELEASE-NEVER", "00004")
PLAIN: Sequence[tuple[int, dict[str, str]]] = (
    (66, {}),
    (7, {"payment_method": "pm_card_declined"}),
    (6, {"sku": "OUT-OF-STOCK"}),
    (5, {"postal_code": "00000"}),
    (5, REFUSED_AT_DISPATCH),
    (3, {"payment_method": "pm_answer_lost_once"}),
    (2, {"postal_code": "00003"}),
    (2, {"sku": "COMMIT-DOWN"}),
    (2, {"payment_method": "pm_refund_fails_thrice", "postal_code": "00001"}),
    (2, {"email": "bounces@example.com"}),
)
"""Orders that we leave alone, with their weights: what shops have on ordinary days."""


def catalogue() -> list[Fault]:
    return list(chain(_gateway_cases(), _book_cases(), _cases_for_everybody()))


def _gateway_cases() -> Iterator[Fault]:
    for call in GATEWAY_CALLS:
        for point in (before(call), after(call)):
            for blow in (Blow.ERROR, Blow.CRASH, Blow.STALL, Blow.CANCEL, Blow.TERMINATE):
                yield Fault(point, (blow,))
            if call in EFFECTS:
                yield Fault(point, (Blow.CANCEL_CHILD,))
                yield Fault(point, (Blow.TERMINATE_CHILD,))
                yield Fault(point, (Blow.ERROR,) * ATTEMPTS)
            if call in UNDOS:
                yield Fault(point, (Blow.ERROR,) * UNTIL_ATTENTION)
        yield Fault(before(call), (Blow.RACE, Blow.MEET))
        if call in EFFECTS and call != "commit":
            yield Fault(before(call), (*(Blow.ERROR,) * (ATTEMPTS - 1), Blow.STALL))


def _book_cases() -> Iterator[Fault]:
    for call in BOOK_CALLS:
        for point in (before(call), after(call)):
            for blow in (Blow.ERROR, Blow.STALL, Blow.CANCEL, Blow.TERMINATE):
                yield Fault(point, (blow,))
        yield Fault(
            after(call) if call.startswith(("claim", "record", "fence")) else before(call), (Blow.CRASH,)
        )
        if call.startswith("claim"):
            yield Fault(before(call), (Blow.ERROR,) * ATTEMPTS)


def _cases_for_everybody() -> Iterator[Fault]:
    """What strikes all at once is dear: a few times in each row of the matrix."""
    for call in ("charge", "dispatch", "refund", "notify"):
        for blow in (Blow.SERVER, Blow.FREEZE, Blow.REFUSING):
            yield Fault(before(call), (blow,))
    for point in (after("reserve"), after("dispatch"), after("release"), after("record charge")):
        for blow in (Blow.SERVER, Blow.FREEZE, Blow.LOCKED):
            yield Fault(point, (blow,))
    for point in (
        before("reserve"),
        after("label"),
        before("void"),
        before("fulfil"),
        after("record reserve"),
    ):
        yield Fault(point, (Blow.DRAIN,))


def needs_an_undo(fault: Fault) -> bool:
    call = fault.point.partition(" ")[2]
    return call in UNDOS or call.startswith(("fence", "settle"))


# --- drawing a plan ------------------------------------------------------------------------------


def draw_plan(seed: int, orders: int, *, cases: Sequence[Fault] | None = None) -> Plan:
    """A third of the orders comes in batches, more than half is struck, some of them twice."""
    dice = random.Random(seed)
    all_cases = list(catalogue() if cases is None else cases)
    dice.shuffle(all_cases)
    cheap = [case for case in all_cases if not set(case.blows) & COSTLY]
    struck = max(len(all_cases), orders * 6 // 10)
    repeats = (dice.choice(cheap) for _ in range(struck - len(all_cases)))
    faults = [*all_cases, *repeats][:orders]
    planned = [
        *(_struck(dice, seed, number, fault, cheap) for number, fault in enumerate(faults)),
        *(_plain(dice, seed, number) for number in range(len(faults), orders)),
    ]
    dice.shuffle(planned)
    return Plan(seed, tuple(_with_stuck(_in_batches(dice, planned))))


def _struck(
    dice: random.Random, seed: int, number: int, fault: Fault, cheap: Sequence[Fault]
) -> PlannedOrder:
    faults = [fault]
    if dice.random() < 0.15:
        second = dice.choice(cheap)
        if second.point != fault.point and needs_an_undo(second) == needs_an_undo(fault):
            faults.append(second)
    tokens = REFUSED_AT_DISPATCH if needs_an_undo(fault) else {}
    return PlannedOrder(
        _order_id(seed, number),
        tokens,
        tuple(faults),
        submitted_twice=dice.random() < 0.1,
        resubmit=dice.random() < 0.5,
    )


def _plain(dice: random.Random, seed: int, number: int) -> PlannedOrder:
    [tokens] = dice.choices([tokens for _, tokens in PLAIN], [weight for weight, _ in PLAIN])
    return PlannedOrder(_order_id(seed, number), tokens, submitted_twice=dice.random() < 0.1)


def _order_id(seed: int, number: int) -> str:
    return f"CHAOS-{seed}-{number:04d}"


def _in_batches(dice: random.Random, orders: Sequence[PlannedOrder]) -> Iterator[PlannedOrder]:
    """Three batches: one is left to finish, one is cancelled and one terminated in its middle."""
    size = len(orders) // 9
    middles = {
        size + size // 2: Fault(before("reserve"), (Blow.CANCEL_BATCH,)),
        2 * size + size // 2: Fault(after("record charge"), (Blow.TERMINATE_BATCH,)),
    }
    for number, order in enumerate(orders):
        if number >= 3 * size:
            yield order
            continue
        batch = f"chaos-{'abc'[number // size]}"
        faults = (middles[number],) if number in middles else order.faults
        tokens = {} if number in middles else order.tokens
        yield _changed(order, batch=batch, faults=faults, tokens=tokens, submitted_twice=False)


def _with_stuck(orders: Iterable[PlannedOrder]) -> Iterator[PlannedOrder]:
    """The last orders that nobody strikes wait for a person for ever."""
    everybody = list(orders)
    endings: list[dict[str, str]] = [
        {"payment_method": "pm_refund_never", "postal_code": "00001"},
        {"sku": "RELEASE-NEVER", "postal_code": "00001"},
        {"postal_code": "00004"},
    ]
    for order in reversed(everybody):
        if endings and not order.faults and not order.batch and len(everybody) >= 100:
            everybody[everybody.index(order)] = _changed(order, tokens=endings.pop())
    return iter(everybody)


def _changed(order: PlannedOrder, **changes: Any) -> PlannedOrder:
    from dataclasses import replace

    return replace(order, **changes)


def child_at(point: str) -> str | None:
    """The step whose child works at this point; None while the parent undoes."""
    call = point.partition(" ")[2]
    return None if call.startswith(("fence", "settle")) else STEP_OF.get(call.rpartition(" ")[2])
