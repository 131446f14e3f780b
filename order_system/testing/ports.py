"""Which promises each port makes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from order_system.gateways.loading import Port
from order_system.testing import policy
from order_system.testing import promises as play
from order_system.testing.acts import (
    CHARGE,
    COMMIT,
    DISPATCH,
    LABEL,
    REFUND,
    RELEASE,
    RESERVE,
    SEND,
    VOID,
    Act,
)
from order_system.testing.playing import Play


@dataclass(frozen=True)
class Promise:
    name: str
    otherwise: str
    """What follows for orders if it is broken."""
    play: Callable[[Play], Awaitable[None]]
    undo: Act | None
    """Takes back what was done."""


_WAYS: dict[str, tuple[play.Way, int]] = {
    "twice in a row": (play.in_a_row, 1),
    "twice at once": (play.at_once, policy.RACES),
    "from two processes at once": (play.from_two_processes, policy.RACES),
    "cut off and asked again": (play.cut_off, policy.MOMENTS),
}
_HANGS = "a refused order is retried until its patience is used up, or owes what was not done"
_REPEATED = "a person who has a step tried again gets the same no for ever"
_MIXED = "an order gets what was done for another one"
_LATE = "what arrives after its undo is never given back"
_AMOUNT = "customers are charged another amount than they have agreed to"
_HELD = "goods are held for ever for an order that has failed, or sold twice"
_GONE = "a parcel goes out although its stock and money are given back"


def _once(act: Act, undo: Act | None) -> list[Promise]:
    return [
        Promise(
            f"{act.method} {name} is done once",
            act.twice,
            partial(play.done_once, act=act, way=way, times=times),
            undo,
        )
        for name, (way, times) in _WAYS.items()
    ]


def _effect(act: Act, undo: Act | None) -> list[Promise]:
    no, anew = partial(play.a_no, act=act, undo=undo), partial(play.a_no_anew, act=act, undo=undo)
    return [
        *_once(act, undo),
        Promise(f"{act.method} refused is {act.error.__name__}, and nothing is done", _HANGS, no, undo),
        Promise(f"{act.method} decides a no anew in the next round", _REPEATED, anew, undo),
        Promise(
            f"{act.method} tells keys of full length apart", _MIXED, partial(play.full_length, act=act), undo
        ),
    ]


def _given_back(act: Act, undo: Act) -> list[Promise]:
    nothing, late = partial(play.undo_of_nothing, act=act, undo=undo), partial(play.late, act=act, undo=undo)
    return [
        Promise(f"{undo.method} of nothing finds nothing, and binds nobody", _LATE, nothing, undo),
        Promise(f"{act.method} after its {undo.method} is not done again", _LATE, late, undo),
    ]


PROMISES: dict[Port, list[Promise]] = {
    Port.PAYMENTS: [
        *_effect(CHARGE, REFUND),
        *_once(REFUND, REFUND),
        *_given_back(CHARGE, REFUND),
        Promise("charge in JPY counts yen", _AMOUNT, partial(play.minor_units, currency="JPY"), REFUND),
        Promise("charge in KWD counts fils", _AMOUNT, partial(play.minor_units, currency="KWD"), REFUND),
    ],
    Port.WAREHOUSE: [
        *_effect(RESERVE, RELEASE),
        *_once(RELEASE, RELEASE),
        *_given_back(RESERVE, RELEASE),
        *_once(COMMIT, None),  # after which nothing may be released
        Promise("reserve takes all or none under contention", _HELD, play.under_contention, RELEASE),
    ],
    Port.CARRIER: [
        *_effect(LABEL, VOID),
        *_once(DISPATCH, VOID),
        *_once(VOID, VOID),
        Promise("void of nothing binds", _GONE, partial(play.void_binds, first=None), VOID),
        Promise("void of a label binds", _GONE, partial(play.void_binds, first=LABEL), VOID),
        Promise("void of a parcel that is gone says so", _GONE, play.void_too_late, VOID),
        Promise("void and dispatch at once agree", _GONE, partial(play.void_against, act=DISPATCH), VOID),
        Promise("void beats buy_label at once", _GONE, partial(play.void_against, act=LABEL), VOID),
    ],
    Port.MAILER: _effect(SEND, None),
}
