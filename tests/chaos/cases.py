"""Every case that must be tried: which blow falls at which point."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from order_system.domain import policy
from order_system.domain.steps import STEP_OF, Effect
from tests.chaos.points import BOOK_CALLS, EFFECTS, GATEWAY_CALLS, UNDOS, after, before


class Blow(StrEnum):
    ERROR = "error"
    """Before: sometimes surely not carried out, sometimes nobody knows. After: the answer is lost. In the
    book: the database refuses this one transaction."""
    CRASH = "worker killed"
    DRAIN = "worker told to stop"
    FREEZE = "worker frozen"
    STALL = "time-out, lands later"
    """The caller hears nothing until its time is up; what it sent lands all the same, late."""
    LATE = "time-out, lands after the deadline"
    """So late that an undo has believed in nothing: the reconciler alone finds it."""
    RACE = "time-out, lands with the retry"
    MEET = "retry meets the late one"
    SERVER = "server killed"
    LOCKED = "database locked"
    REFUSING = "database refuses"
    CANCEL = "cancel"
    TERMINATE = "terminate"
    OTHER_CONTENT = "terminate, other content submitted"
    FOR_GOOD = "terminate, never submitted again"
    """The reconciler alone settles it, and tells the customer."""
    NEVER = "never works, a person answers"
    STUCK_FOR_GOOD = "never works, terminate, a person answers"
    CANCEL_CHILD = "cancel of a child"
    TERMINATE_CHILD = "terminate of a child"
    CANCEL_BATCH = "cancel of the batch"
    TERMINATE_BATCH = "terminate of the batch"
    SLOW_START = "start of an order under way for long"
    """Longer than its batch keeps a place for it; meanwhile the batch would continue as new."""
    BOOK_AWAY = "book away"
    GATEWAY_AWAY = "gateway away"
    SECOND_BOOK = "worker of another book on the queue"
    BOOK_REPLACED = "another book in the place of ours"
    TOGETHER = "both at once"
    """Two steps go on at the same moment, to be refused both."""


TERMINATES = {Blow.TERMINATE, Blow.OTHER_CONTENT, Blow.FOR_GOOD}
"""Of the order's workflow, at the point itself."""

NEVER_WORKS = {Blow.NEVER, Blow.STUCK_FOR_GOOD}
"""From the first call to the last one; a person who is called for says that it was done by hand."""

COSTLY = {
    *(Blow.CRASH, Blow.DRAIN, Blow.FREEZE, Blow.SERVER, Blow.LOCKED, Blow.REFUSING),
    *(Blow.SECOND_BOOK, Blow.BOOK_REPLACED),
}
"""They strike everybody who is under way: each planned case once, and no repeats."""

UNTIL_ATTENTION = 6
"""So often an undo fails before policy.ATTENTION_AFTER has passed."""


def attempts_at(call: str) -> int:
    """How many attempts an effect has before its step has failed for good."""
    return policy.DEMO_PATIENCE[STEP_OF[Effect(call)]]


@dataclass(frozen=True)
class Fault:
    """The first call that comes to `point` meets the first blow, the next one the second, and so on."""

    point: str
    blows: tuple[Blow, ...]
    beside: str = ""
    """Only in the parallel flow: the first blow falls while the step beside this one stands at that point.
    Past its last one, `after record ...`, that step is done."""


def takes_every_attempt(fault: Fault) -> bool:
    """And its last blow is one of those that need a call on its way."""
    return len(fault.blows) > 1 and fault.blows[-1] in (Blow.STALL, Blow.LATE)


# --- the catalogue -------------------------------------------------------------------------------


def catalogue() -> list[Fault]:
    return list(
        chain(_gateway_cases(), _book_cases(), _cases_for_people(), _cases_for_everybody(), _cases_of_two())
    )


def _gateway_cases() -> Iterator[Fault]:
    for call in GATEWAY_CALLS:
        for point in (before(call), after(call)):
            for blow in (Blow.ERROR, Blow.CRASH, Blow.STALL, Blow.CANCEL, Blow.TERMINATE):
                yield Fault(point, (blow,))
            if call in EFFECTS:
                yield Fault(point, (Blow.CANCEL_CHILD,))
                yield Fault(point, (Blow.TERMINATE_CHILD,))
                yield Fault(point, (Blow.ERROR,) * attempts_at(call))
            if call in UNDOS:
                yield Fault(point, (Blow.ERROR,) * UNTIL_ATTENTION)
                yield Fault(point, (*(Blow.ERROR,) * UNTIL_ATTENTION, Blow.TERMINATE))
        yield Fault(before(call), (Blow.RACE, Blow.MEET))
        if call in EFFECTS and call != "commit":
            for last in (Blow.STALL, Blow.LATE):
                yield Fault(before(call), (*(Blow.ERROR,) * (attempts_at(call) - 1), last))


def _book_cases() -> Iterator[Fault]:
    for call in BOOK_CALLS:
        for point in (before(call), after(call)):
            for blow in (Blow.ERROR, Blow.STALL, Blow.CANCEL, Blow.TERMINATE):
                yield Fault(point, (blow,))
        yield Fault(
            after(call) if call.startswith(("claim", "record", "fence")) else before(call), (Blow.CRASH,)
        )
        if call.startswith("claim"):
            yield Fault(before(call), (Blow.ERROR,) * attempts_at(call.removeprefix("claim ")))


def _cases_for_people() -> Iterator[Fault]:
    """Where somebody acts who knows nothing of the others, or has to."""
    done = ("charge", "reserve", "capture", "dispatch", "refund")
    for point in (*map(after, done), before("notify")):
        yield Fault(point, (Blow.OTHER_CONTENT,))
        yield Fault(point, (Blow.FOR_GOOD,))
    yield Fault(before("commit"), (Blow.NEVER,))
    for call in UNDOS:
        yield Fault(before(call), (Blow.NEVER,))
        yield Fault(before(call), (Blow.STUCK_FOR_GOOD,))


def _cases_for_everybody() -> Iterator[Fault]:
    """What strikes all at once is dear: a few times in each row of the matrix."""
    for call in ("charge", "dispatch", "refund", "notify"):
        for blow in (Blow.SERVER, Blow.FREEZE, Blow.REFUSING):
            yield Fault(before(call), (blow,))
    done = ("reserve", "capture", "dispatch", "release", "record charge")
    for point in map(after, done):
        for blow in (Blow.SERVER, Blow.FREEZE, Blow.LOCKED):
            yield Fault(point, (blow,))
    for point in (
        before("reserve"),
        after("label"),
        before("capture"),
        before("void"),
        before("fulfil"),
        after("record reserve"),
    ):
        yield Fault(point, (Blow.DRAIN,))
    yield Fault(before("label"), (Blow.SECOND_BOOK,))
    yield Fault(after("charge"), (Blow.BOOK_REPLACED,))


def _cases_of_two() -> Iterator[Fault]:
    """Payment and inventory side by side: both running, or one of them done."""
    for call, other in (("charge", "reserve"), ("reserve", "charge")):
        for blow in (Blow.CANCEL, Blow.TERMINATE, Blow.CANCEL_CHILD, Blow.TERMINATE_CHILD, Blow.CRASH):
            yield Fault(before(call), (blow,), beside=before(other))
        yield Fault(after(call), (Blow.CANCEL,), beside=after(other))
        for blows in ((Blow.CANCEL,), (Blow.TERMINATE_CHILD,), (Blow.ERROR,) * attempts_at(call)):
            yield Fault(before(call), blows, beside=after(f"record {other}"))
        yield Fault(before(call), (Blow.TOGETHER,), beside=before(other))


PAGES = (
    Fault(before("read page"), (Blow.ERROR, Blow.CRASH, Blow.SERVER, Blow.REFUSING)),
    Fault(after("read page"), (Blow.ERROR, Blow.CRASH)),
)
SHORT_PAGES = (Fault(before("read page"), (Blow.ERROR,)),)
"""The batch's own calls: page after page meets one blow."""

START = "start"
"""The point of an order's start by its batch."""
