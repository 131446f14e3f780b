"""The promises of each port."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from order_system.gateways.loading import Port
from order_system.testing import acts, policy
from order_system.testing import common_promises as common
from order_system.testing import own_promises as own
from order_system.testing.acts import Act
from order_system.testing.answers import OTHER_AMOUNT
from order_system.testing.playing import THERE, Play


@dataclass(frozen=True)
class Promise:
    name: str
    otherwise: str
    """What follows for orders if the promise is broken."""
    play: Callable[[Play, Act], Awaitable[None]]
    act: Act


WAYS: dict[str, tuple[common.Way, int]] = {
    "twice in a row": (Play.in_a_row, 1),
    "twice at once": (Play.again_at_once, policy.RACES),
    "from two processes at once": (Play.from_two_processes, policy.RACES),
    "cut off and asked again": (Play.cut_off, policy.MOMENTS),
}
"""The ways in which a call comes more than once, and how often each way is played."""

_KEPT = "money is kept of an order that is undone, if the answer to its charge was lost"
_OTHERS = "what was paid for other orders is given back as well, or twice"
_MORE = "customers get more back than they have paid"
_HELD = "goods are held for ever for an order that has failed, or sold twice"
_TAKEN = "a customer pays although the order is undone, or a parcel goes out that nobody has paid"
_BOTH = "a customer whose parcel is on its way is told that the order is cancelled"
_GONE = "a parcel goes out although its stock and money are given back"


def _exact(act: Act) -> Iterator[Promise]:
    for name, currency in (
        (f"{act.method} and refund are exact", None),
        (f"{act.method} in JPY counts yen", "JPY"),
        (f"{act.method} in KWD counts fils", "KWD"),
    ):
        yield Promise(name, OTHER_AMOUNT, partial(own.minor_units, currency=currency), act)


ACTS: dict[Port, list[Act]] = {
    Port.PAYMENTS: [acts.CHARGE, acts.REFUND, acts.REFUND_PART],
    Port.WAREHOUSE: [acts.RESERVE, acts.RELEASE, acts.COMMIT],
    Port.CARRIER: [acts.LABEL, acts.DISPATCH, acts.VOID],
    Port.MAILER: [acts.SEND],
}
OWN: dict[Port, list[Promise]] = {
    Port.PAYMENTS: [
        *_exact(acts.CHARGE),
        Promise("refund by the key alone finds the charge, once", _KEPT, own.by_key_alone, acts.REFUND),
        Promise("refund of a payment elsewhere is exact", _OTHERS, own.elsewhere, acts.REFUND),
        Promise("refund_part by two keys gives two parts", _MORE, own.two_parts, acts.REFUND_PART),
        Promise("refund_part never exceeds the charge", _MORE, own.never_more, acts.REFUND_PART),
    ],
    Port.WAREHOUSE: [
        Promise(name, _HELD, partial(own.all_there_is, deed=deed), acts.RESERVE)
        for name, deed in {
            "release puts back once": own.put_back_twice,
            "reserve takes all lines or none": partial(own.too_many, last=True),
            "reserve adds up the lines of one SKU": partial(own.too_many, last=False),
            "reserve takes all or none at once": own.under_contention,
        }.items()
    ]
    + [
        Promise(
            "commit of what is not reserved fails",
            "a parcel is gone, its goods are counted as there, and nobody is told",
            own.commit_of_nothing,
            acts.COMMIT,
        ),
        Promise(
            "commit takes what was reserved, once",
            acts.COMMIT.twice,
            partial(own.all_there_is, deed=own.shipped, gone=2),
            acts.RESERVE,
        ),
    ],
    Port.CARRIER: [
        Promise("void of nothing binds", _GONE, own.void_binds, acts.VOID),
        Promise("void of a label binds", _GONE, own.void_binds, acts.LABEL),
        Promise("void by another process binds", _GONE, partial(own.void_binds, how=THERE), acts.LABEL),
        Promise("void of a parcel that is gone says so", _GONE, own.void_too_late, acts.DISPATCH),
        Promise("void and dispatch at once agree", _GONE, own.void_against, acts.DISPATCH),
        Promise("void beats buy_label at once", _GONE, own.void_against, acts.LABEL),
    ],
    Port.MAILER: [
        Promise("send of another notice under its key sends nothing", _BOTH, own.other_notice, acts.SEND)
    ],
}

LATER = [
    *_exact(acts.CAPTURE),
    Promise("void of no authorisation binds", _TAKEN, own.void_binds, acts.RELINQUISH),
    Promise("void of an authorisation binds", _TAKEN, own.void_binds, acts.AUTHORISE),
    Promise("void of what is captured says so", _TAKEN, own.void_too_late, acts.CAPTURE),
    Promise("void and capture at once agree", _TAKEN, own.void_against, acts.CAPTURE),
    Promise("void beats authorise at once", _TAKEN, own.void_against, acts.AUTHORISE),
    Promise("capture after its refund is not done again", acts.CAPTURE.twice, common.late, acts.CAPTURE),
]


def promises_of(port: Port, gateway: object) -> list[Promise]:
    """Return the promises by what the gateway offers. Simple ones come first: what breaks one may break
    others, too. But those that reserve all the stock come before those that use some of it up."""
    made = [*OWN[port], *(promise for act in ACTS[port] for promise in _promises_of(act))]
    if hasattr(gateway, "authorise"):
        made += [*LATER, *(each for act in acts.MONEY[0] for each in _promises_of(act)), *_taken_over()]
    if hasattr(gateway, "send_details"):  # then orders never call `send`
        made = [replace(each, act=acts.SEND_DETAILS) for each in made]
    first = OWN[Port.WAREHOUSE]
    return sorted(made, key=lambda promise: promise not in first and "twice in a row" not in promise.name)


def _taken_over() -> Iterator[Promise]:
    act, of_taken, name = acts.TAKE_OVER, acts.CAPTURE_TAKEN, acts.TAKE_OVER.method
    for way, (play, times) in WAYS.items():
        once = partial(common.done_once, way=play, times=times if play is Play.cut_off else 1)
        yield Promise(f"{name} {way} is done once", act.twice, once, act)
    yield Promise(f"{name} by two keys at once serves one", act.twice, own.one_alone, act)
    yield Promise(f"{name} of another amount or currency is refused", OTHER_AMOUNT, own.other_price, act)
    yield Promise("void of what was taken over binds", _TAKEN, own.void_finds_taken, act)
    yield Promise("void of what was taken over and captured says so", _TAKEN, own.void_too_late, of_taken)


def _promises_of(act: Act) -> Iterator[Promise]:
    name = act.method
    for way, (play, times) in WAYS.items():
        if play is Play.cut_off and not act.listed:
            continue  # nothing would show that it was done twice
        once = partial(common.done_once, way=play, times=times)
        yield Promise(f"{name} {way} is done once", act.twice, once, act)
    owed = "what arrives with its undo, or after it, is never given back"
    if act.error and act.undo and act.listed:
        yield Promise(f"{name} cut off and undone leaves nothing", owed, common.cut_off_and_undone, act)
    if act.error:
        hangs = "a refused order is retried until its patience is used up, or owes what was not done"
        yield Promise(f"{name} refused is {act.error.__name__}, and nothing is done", hangs, common.a_no, act)
        untrue = "an order is undone or retried as if nothing had been done, or goes on as if all had been"
        yield Promise(f"{name} that meets with trouble says nothing untrue", untrue, common.fails, act)
        no = "a person who has a step tried again gets the same no for ever"
        yield Promise(f"{name} decides a no anew in the next round", no, common.a_no_anew, act)
        mixed = "an order gets what was done for another one"
        yield Promise(f"{name} tells keys apart, of full length too", mixed, common.full_length, act)
    if act.error and act.undo in ("refund", "release"):  # a void binds what comes later
        yield Promise(
            f"{act.undo} of nothing finds nothing, and binds nobody", owed, common.undo_of_nothing, act
        )
        yield Promise(f"{name} after its {act.undo} is not done again", owed, common.late, act)
        yield Promise(f"{name} and its {act.undo} at once leave nothing", owed, common.against_undo, act)
