"""Plays the promises that all ports make. A function raises Broken or NotShown unless the promise is kept."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import product
from uuid import uuid4

from order_system.domain.gateways import AuthorisationEntry
from order_system.domain.ids import GATEWAY_CHECK
from order_system.testing import own_promises as own
from order_system.testing import policy
from order_system.testing.acts import Act, begun
from order_system.testing.answers import (
    OTHER_DATA,
    Answer,
    Broken,
    Call,
    NotShown,
    alike,
    exact,
    identity,
    must_raise,
)
from order_system.testing.playing import Play

_HELD = str(AuthorisationEntry("charge", "held"))

Way = Callable[[Play, Call, int], Awaitable[list[Answer]]]


async def done_once(play: Play, act: Act, way: Way, times: int) -> None:
    """Repeat a call in one way. The answers must be alike, and it must leave what a single call leaves."""
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
    wrong = len(one) > 1 or (not (one or act.first) if act.listed else one not in ([], [_HELD]))
    if play.accounts and wrong:
        raise Broken(f"of one {act.method}, the statement of accounts lists {one or 'nothing'}")
    return one


def _needs_statement(play: Play) -> None:
    if play.accounts is None:
        raise NotShown("only a statement of accounts tells how often it was done: set ORDER_STATEMENT")


async def full_length(play: Play, act: Act) -> None:
    """Use keys that differ only in the middle, and keys that differ close to the end of the order ID."""
    await play.scenario()
    long, before = f"{GATEWAY_CHECK}-{uuid4().hex}".ljust(63, "_"), list[object]()
    for name in (f"{long}1", f"{long}1", f"{long}2"):
        play.order(name)
        made = identity(await play.ask(act.call(play)))
        if made in before:
            raise Broken(f"{made!r} was answered under two keys")
        before.append(made)


async def a_no(play: Play, act: Act) -> None:
    """Make a call that is refused. It must raise the right error, and must have done nothing."""
    await _meet_no(play, act)
    await play.lists([])
    await _undo_finds(play, act, nothing=True)


async def fails(play: Play, act: Act) -> None:
    """Make calls that may fail, and cut calls off. NotReached or a no must mean that nothing was done, and a
    receipt that all was."""
    for _ in range(2):  # the first call may have to connect
        await play.ask(await begun(play, act))
    took, one, failed = play.took, await play.left(), False
    cuts = product(range(1, policy.MOMENTS), (False, True))
    for moment, sever in [*[(0, False)] * policy.FIRST_CALLS, *cuts]:
        await play.scenario()
        call = act.call(play)
        answer = await (play.cut(call, moment, sever=sever) if moment else play.first_answer(call))
        failed |= answer.means_not_done or (sever and answer.error is not None)
        if answer.means_not_done:
            await asyncio.sleep(took)  # what was cut off may be on its way
            await play.lists([])
            await _undo_finds(play, act, nothing=True)
        elif sever and answer.error is None:
            await play.lists(one)
            alike(call, answer, await play.answer(call))
    if not failed:
        raise NotShown(f"no {act.method} met with trouble on its own")
    if not act.undo:
        _needs_statement(play)


async def _meet_no(play: Play, act: Act) -> None:
    await play.scenario()
    call = act.call(play, **act.refused(play))
    answer = await play.answer(call)
    if answer.error is None:
        exact(call, answer)
        await _left_by_one(play, act)
        raise NotShown(f"it was not refused: {OTHER_DATA}")
    must_raise(call, answer, act.error)


async def a_no_anew(play: Play, act: Act) -> None:
    """Ask again in the next round, with good arguments. An undo by the key alone must find what was done."""
    await _meet_no(play, act)
    play.round = 1
    call = act.call(play)
    answer = await play.answer(call)
    if answer.error is act.error:
        raise Broken("the no is repeated in the next round, where it would be a yes")
    alike(call, answer)
    await _left_by_one(play, act)
    if act.undo and own.is_nothing(found := await own.found_by_key(play, act.undo_call(play))):
        raise Broken(f"{act.undo} by the key alone must find what was done in any round: it {found}")


async def undo_of_nothing(play: Play, act: Act) -> None:
    """Undo nothing. A call that comes later must be done or refused, and the next undo must take it back."""
    await play.scenario()
    await _undo_finds(play, act, nothing=True)
    await play.lists([])
    if (await play.answer(act.call(play))).error is None:
        await _undo_finds(play, act, nothing=False)


async def late(play: Play, act: Act) -> None:
    """Repeat a call after its undo. It must get its first answer or a no, and nothing may be done again."""
    call = await begun(play, act)
    first, undo = await play.ask(call), act.undo_call(play)
    back, left, again = await play.ask(undo), await play.left(), await play.answer(call)
    if not again.is_no:
        alike(call, Answer(first), again)
    await play.lists(left)
    alike(undo, Answer(back), await play.answer(undo))
    await play.lists(left)
    _needs_statement(play)


async def against_undo(play: Play, act: Act) -> None:
    """Call and undo at once; each comes first half of the times. The next undo must take all back."""
    await play.ask(await begun(play, act))
    await play.ask(act.undo_call(play))
    undone = await play.left()
    for number in range(2 * policy.RACES):
        call = await begun(play, act)
        both = [call, act.undo_call(play)][:: (-1) ** number]
        done = (await play.at_once(*both))[both.index(call)]
        if not done.is_no:
            alike(call, done)
            await _undo_finds(play, act, nothing=False)
        elif not await play.left():
            continue
        await play.lists(undone)


async def cut_off_and_undone(play: Play, act: Act) -> None:
    """Cut a call off, and undo it by the key alone until nothing is left: the call may still land late."""
    _needs_statement(play)
    await play.ask(await begun(play, act))
    took = play.took
    await play.ask(act.undo_call(play))
    undone = await play.left()
    for number in range(policy.MOMENTS):
        call, play.took = await begun(play, act), took
        await play.cut(call, number)
        undo = own.by_key(act.undo_call(play))
        answer, left = await play.answer(undo), list[str]()
        for pause in policy.FOUND_BY_KEY:
            await asyncio.sleep(took + pause.total_seconds())
            answer, left = await play.answer(undo), await play.left()
            if left in ([], undone):
                break
        else:
            raise Broken(f"the statement of accounts lists {', '.join(left)}, and {act.undo} {answer}")


async def _undo_finds(play: Play, act: Act, *, nothing: bool) -> None:
    """Undo several times at once. Raise Broken unless each undo finds nothing, or else what was done."""
    for answer in await play.again_at_once(act.undo_call(play)) if act.undo else []:
        if answer.error or own.is_nothing(answer) is not nothing:
            what = "nothing where nothing was done" if nothing else "what was done"
            raise Broken(f"{act.undo} must find {what}: it {answer}")
