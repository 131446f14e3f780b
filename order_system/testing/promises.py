"""The promises of each port, and how those are played that all ports make."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from uuid import uuid4

from order_system.domain.errors import NotReached
from order_system.domain.gateways import NotCaptured, Voided
from order_system.domain.ids import Key
from order_system.gateways.loading import Port
from order_system.testing import acts, policy
from order_system.testing import own_promises as own
from order_system.testing.acts import Act, begun
from order_system.testing.playing import (
    PREFIX,
    THERE,
    Answer,
    Broken,
    Call,
    NotShown,
    Play,
    alike,
    identity,
    must_raise,
)


@dataclass(frozen=True)
class Promise:
    name: str
    otherwise: str
    """What follows for orders if it is broken."""
    play: Callable[[Play, Act], Awaitable[None]]
    act: Act


Way = Callable[[Play, Call, int], Awaitable[list[Answer]]]
WAYS: dict[str, tuple[Way, int]] = {
    "twice in a row": (Play.in_a_row, 1),
    "twice at once": (Play.again_at_once, policy.RACES),
    "from two processes at once": (Play.from_two_processes, policy.RACES),
    "cut off and asked again": (Play.cut_off, policy.MOMENTS),
}
"""In which a call comes more than once; and how often that is played."""

NOTHING = (None, Voided(label_existed=False), NotCaptured(authorised=False))
"""What an undo answers that finds nothing."""


async def done_once(play: Play, act: Act, way: Way, times: int) -> None:
    """Whichever way a call comes more than once, its answers are alike, and it leaves what one leaves."""
    await play.ask(await begun(play, act))
    one = await _left_by_one(play, act)
    for number in range(times):
        call = await begun(play, act)
        alike(call, *await way(play, call, number))
        await play.lists(one)
        if way is Play.cut_off and not act.first:
            await _undo_finds(play, act, nothing=False)
    if way is Play.cut_off:
        _needs_statement(play)


async def _left_by_one(play: Play, act: Act) -> list[str]:
    one = await play.left()
    wrong = len(one) > 1 or not (one or act.first) if act.listed else bool(one)
    if play.accounts and wrong:
        raise Broken(f"of one {act.method}, the statement of accounts lists {one or 'nothing'}")
    return one


def _needs_statement(play: Play) -> None:
    if play.accounts is None:
        raise NotShown("only a statement of accounts tells how often it was done: set ORDER_STATEMENT")


async def full_length(play: Play, act: Act) -> None:
    """Keys that differ in the middle alone, and close to their end."""
    await play.scenario()
    long, before = f"{PREFIX}-{uuid4().hex}".ljust(63, "_"), list[object]()
    for name in (f"{long}1", f"{long}1", f"{long}2"):
        play.order(name)
        made = identity(await play.ask(act.call(play)))
        if made in before:
            raise Broken(f"{made!r} was answered under two keys")
        before.append(made)


async def a_no(play: Play, act: Act) -> None:
    """It is the error that it should be, and nothing was done."""
    await _meet_no(play, act)
    await play.lists([])
    await _undo_finds(play, act, nothing=True)


async def fails(play: Play, act: Act) -> None:
    """Of some calls, one may meet trouble that we cannot make."""
    failed = False
    for _ in range(policy.FIRST_CALLS):
        await play.scenario()
        answer = await play.first_answer(act.call(play))
        if answer.is_no or answer.error is NotReached:
            failed = True
            await play.lists([])
            await _undo_finds(play, act, nothing=True)
    if not failed:
        raise NotShown(f"no {act.method} met with trouble on its own")
    if not act.undo:
        _needs_statement(play)


async def _meet_no(play: Play, act: Act) -> None:
    await play.scenario()
    call = act.call(play, **act.refused(play))
    answer = await play.answer(call)
    if answer.error is None:
        raise NotShown("it was not refused: name by an option what is")
    must_raise(call, answer, act.error)


async def a_no_anew(play: Play, act: Act) -> None:
    await _meet_no(play, act)
    call = act.call(play)
    answer = await play.answer(replace(call, key=Key(call.key, round=1)))
    if answer.error is act.error:
        raise Broken("the no is repeated in the next round, where it would be a yes")
    alike(call, answer)
    await _left_by_one(play, act)
    await _undo_finds(play, act, nothing=False)


async def undo_of_nothing(play: Play, act: Act) -> None:
    """It binds nobody: what comes later is done or refused, and given back by the next undo."""
    await play.scenario()
    await _undo_finds(play, act, nothing=True)
    await play.lists([])
    if (await play.answer(act.call(play))).error is None:
        await _undo_finds(play, act, nothing=False)


async def late(play: Play, act: Act) -> None:
    """What comes after its undo gets its first answer or a no, and nothing is done anew."""
    call = await begun(play, act)
    first, undo = await play.ask(call), act.undo_call(play)
    back, left, again = await play.ask(undo), await play.left(), await play.answer(call)
    if not again.is_no:
        alike(call, Answer(first), again)
    alike(undo, Answer(back), await play.answer(undo))
    await play.lists(left)
    _needs_statement(play)


async def _undo_finds(play: Play, act: Act, *, nothing: bool) -> None:
    """Asked several times at once. Raises Broken if it finds something else."""
    for answer in await play.again_at_once(act.undo_call(play)) if act.undo else []:
        if answer.error or (answer.value in NOTHING) is not nothing:
            what = "nothing where nothing was done" if nothing else "what was done"
            raise Broken(f"{act.undo} must find {what}: it {answer}")


# --- which port makes which -------------------------------------------------------------------------

_AMOUNT = "customers are charged another amount than they have agreed to"
_KEPT = "money is kept of an order that is undone, if the answer to its charge was lost"
_OTHERS = "what was paid for other orders is given back as well, or twice"
_MORE = "customers get more back than they have paid"
_HELD = "goods are held for ever for an order that has failed, or sold twice"
_TAKEN = "a customer pays although the order is undone, or a parcel goes out that nobody has paid"
_GONE = "a parcel goes out although its stock and money are given back"

ACTS: dict[Port, list[Act]] = {
    Port.PAYMENTS: [acts.CHARGE, acts.REFUND, acts.REFUND_PART],
    Port.WAREHOUSE: [acts.RESERVE, acts.RELEASE, acts.COMMIT],
    Port.CARRIER: [acts.LABEL, acts.DISPATCH, acts.VOID],
    Port.MAILER: [acts.SEND],
}
OWN: dict[Port, list[Promise]] = {
    Port.PAYMENTS: [
        Promise("charge and refund are exact", _AMOUNT, own.minor_units, acts.CHARGE),
        Promise("charge in JPY counts yen", _AMOUNT, partial(own.minor_units, currency="JPY"), acts.CHARGE),
        Promise("charge in KWD counts fils", _AMOUNT, partial(own.minor_units, currency="KWD"), acts.CHARGE),
        Promise("refund by the key alone finds the charge, once", _KEPT, own.by_key_alone, acts.REFUND),
        Promise("refund of a payment elsewhere is exact", _OTHERS, own.elsewhere, acts.REFUND),
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
    ],
    Port.CARRIER: [
        Promise("void of nothing binds", _GONE, own.void_binds, acts.VOID),
        Promise("void of a label binds", _GONE, own.void_binds, acts.LABEL),
        Promise("void by another process binds", _GONE, partial(own.void_binds, how=THERE), acts.LABEL),
        Promise("void of a parcel that is gone says so", _GONE, own.void_too_late, acts.DISPATCH),
        Promise("void and dispatch at once agree", _GONE, own.void_against, acts.DISPATCH),
        Promise("void beats buy_label at once", _GONE, own.void_against, acts.LABEL),
    ],
    Port.MAILER: [],
}


LATER = [
    Promise("void of no authorisation binds", _TAKEN, own.void_binds, acts.RELINQUISH),
    Promise("void of an authorisation binds", _TAKEN, own.void_binds, acts.AUTHORISE),
    Promise("void of what is captured says so", _TAKEN, own.void_too_late, acts.CAPTURE),
    Promise("void and capture at once agree", _TAKEN, own.void_against, acts.CAPTURE),
    Promise("void beats authorise at once", _TAKEN, own.void_against, acts.AUTHORISE),
    Promise("capture after its refund is not done again", acts.CAPTURE.twice, late, acts.CAPTURE),
]


def promises_of(port: Port, *, later: bool) -> list[Promise]:
    """`later`: the payment gateway offers `CapturesLater`."""
    made = [*OWN[port], *(promise for act in ACTS[port] for promise in _promises_of(act))]
    if later:
        made += [*LATER, *(each for act in acts.MONEY[0] for each in _promises_of(act)), *_taken_over()]
    return made


def _taken_over() -> Iterator[Promise]:
    act, of_taken, name = acts.TAKE_OVER, acts.CAPTURE_TAKEN, acts.TAKE_OVER.method
    for way, (play, times) in WAYS.items():
        once = partial(done_once, way=play, times=times if play is Play.cut_off else 1)
        yield Promise(f"{name} {way} is done once", act.twice, once, act)
    yield Promise(f"{name} by two keys at once serves one", act.twice, own.one_alone, act)
    yield Promise("void of what was taken over binds", _TAKEN, own.void_finds_taken, act)
    once = partial(done_once, way=Play.in_a_row, times=1)
    yield Promise("capture of what was taken over is done once", of_taken.twice, once, of_taken)


def _promises_of(act: Act) -> Iterator[Promise]:
    name = act.method
    for way, (play, times) in WAYS.items():
        if play is Play.cut_off and not act.listed:
            continue  # nothing would show that it was done twice
        once = partial(done_once, way=play, times=times)
        yield Promise(f"{name} {way} is done once", act.twice, once, act)
    if act.error:
        hangs = "a refused order is retried until its patience is used up, or owes what was not done"
        yield Promise(f"{name} refused is {act.error.__name__}, and nothing is done", hangs, a_no, act)
        untrue = "an order is undone, or retried, as if nothing had been done"
        yield Promise(f"{name} that raises NotReached or a no has done nothing", untrue, fails, act)
        no = "a person who has a step tried again gets the same no for ever"
        yield Promise(f"{name} decides a no anew in the next round", no, a_no_anew, act)
        mixed = "an order gets what was done for another one"
        yield Promise(f"{name} tells keys apart, of full length too", mixed, full_length, act)
    if act.error and act.undo in ("refund", "release"):  # a void binds what comes later
        kept = "what arrives after its undo is never given back"
        yield Promise(f"{act.undo} of nothing finds nothing, and binds nobody", kept, undo_of_nothing, act)
        yield Promise(f"{name} after its {act.undo} is not done again", kept, late, act)
