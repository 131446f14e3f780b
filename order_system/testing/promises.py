"""How the promises are played, one function each: it raises Broken, or NotShown, or comes to its end."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

from order_system.domain.errors import BusinessError, OutOfStock, ShippingRefused
from order_system.domain.gateways import ChargeEntry, Voided
from order_system.domain.ids import Key
from order_system.testing import policy
from order_system.testing.acts import (
    AMOUNT,
    CHARGE,
    DISPATCH,
    LABEL,
    REFUND,
    RELEASE,
    RESERVE,
    VOID,
    Act,
    lines,
)
from order_system.testing.playing import PREFIX, Answer, Broken, Call, NotShown, Play, alike, identity

NOTHING = (None, Voided(label_existed=False))
"""What an undo answers that finds nothing."""

Way = Callable[[Play, Call, int], Awaitable[list[Answer]]]


async def begun(play: Play, act: Act) -> Call:
    play.scenario()
    if act.first:
        await play.ask(act.first(play))
    return act(play)


async def done_once(play: Play, act: Act, way: Way, times: int) -> None:
    """Whichever way a call comes more than once, its answers are alike, and it leaves what one leaves."""
    await play.ask(await begun(play, act))
    one = await play.left()
    if play.accounts and (len(one) > 1 or not (one or act.first)):
        raise Broken(f"of one {act.method}, the statement of accounts lists {one or 'nothing'}")
    for number in range(times):
        call = await begun(play, act)
        alike(call, *await way(play, call, number))
        await play.lists(one)


async def in_a_row(play: Play, call: Call, _number: int) -> list[Answer]:
    return [await play.answer(call), await play.answer(call)]


async def at_once(play: Play, call: Call, _number: int) -> list[Answer]:
    return await play.at_once(*[call] * policy.AT_ONCE)


async def from_two_processes(play: Play, call: Call, _number: int) -> list[Answer]:
    return await play.from_two_processes(call)


async def cut_off(play: Play, call: Call, number: int) -> list[Answer]:
    answers = await play.cut_off(call, number)
    if play.accounts is None and number == policy.MOMENTS - 1:
        alike(call, *answers)
        raise NotShown("only a statement of accounts tells how often it was done: set ORDER_STATEMENT")
    return answers


async def full_length(play: Play, act: Act) -> None:
    """Keys that differ in the middle alone, and close to their end."""
    play.scenario()
    long, before = f"{PREFIX}-{uuid4().hex}".ljust(63, "_"), list[object]()
    for name in (f"{long}1", f"{long}1", f"{long}2"):
        play.order(name)
        made = await play.ask(act(play))
        if identity(made) in before:
            raise Broken(f"{made!r} was answered under two keys")
        before.append(identity(made))


async def a_no(play: Play, act: Act, undo: Act | None) -> None:
    """It is the error that it should be, nothing was done, and in the next round it is decided anew."""
    play.scenario()
    call = act(play, **act.refused(play))
    answer = await play.answer(call)
    if answer.error is None:
        raise NotShown("it was not refused: name by an option what is")
    must_raise(call, answer, act.error)
    await play.lists([])
    if undo:
        _found_nothing(await play.answer(undo(play)))


async def a_no_anew(play: Play, act: Act, undo: Act | None) -> None:
    await a_no(play, act, None)
    call = act(play)
    answer = await play.answer(replace(call, key=Key(call.key, round=1)))
    if answer.error is act.error:
        raise Broken("the no is repeated in the next round, where it would be a yes")
    alike(call, answer)
    if undo:
        await _given_back(play, undo)


async def undo_of_nothing(play: Play, act: Act, undo: Act) -> None:
    """It binds nobody: what comes later is done or refused, and given back by the next undo."""
    play.scenario()
    for answer in await at_once(play, undo(play), 0):
        _found_nothing(answer)
    await play.lists([])
    if (await play.answer(act(play))).error is None:
        await _given_back(play, undo)


async def late(play: Play, act: Act, undo: Act) -> None:
    """What comes after its undo gets its first answer or a no, and nothing is done anew."""
    call = await begun(play, act)
    first, back = await play.answer(call), await play.answer(undo(play))
    one, again = await play.left(), await play.answer(call)
    if not again.is_no:
        alike(call, first, again)
    await play.lists(one)
    alike(undo(play), back, await play.answer(undo(play)))
    if play.accounts is None:
        raise NotShown("only a statement of accounts tells whether it was done again: set ORDER_STATEMENT")


async def minor_units(play: Play, currency: str) -> None:
    play.scenario()
    for call in (CHARGE(play, currency=currency), REFUND(play)):
        receipt = await play.ask(call)
        if receipt is None or (receipt.amount, receipt.currency) != (AMOUNT, currency):
            raise Broken(f"{call.method} answered {receipt!r}, of {AMOUNT} minor units of {currency}")
    await play.lists([str(ChargeEntry("charge", AMOUNT, AMOUNT))])


async def under_contention(play: Play) -> None:
    """Everybody wants all that there is of two SKUs, and names them in either order."""
    wanted, calls = play.options.on_hand, list[Call]()
    if wanted is None:
        raise NotShown(f"nobody knows how much of {play.options.sku} there is: tell it by --on-hand")
    skus = [play.options.sku, play.options.other_sku]
    play.scenario()
    for number in range(policy.AT_ONCE):
        play.order(play.orders[-1].order_id)
        calls.append(RESERVE(play, **lines(*skus[:: (-1) ** number], quantity=wanted)))
    answers = await play.at_once(*calls)
    if [answer.error for answer in answers].count(None) > 1:
        raise Broken("the same goods were set aside for two")
    for call, answer in zip(calls, answers, strict=True):
        back = await play.answer(replace(call, method=RELEASE.method, arguments={}))
        if answer.error:
            must_raise(call, answer, OutOfStock)
        if (back.value is None) is (answer.error is None):
            raise Broken(f"release answered {back}, where reserve had answered {answer}")
    play.order(play.orders[-1].order_id)
    answer = await play.answer(RESERVE(play, **lines(*skus, quantity=wanted)))
    if answer.error:
        raise Broken(f"all was released, but goods are still held: reserve {answer}")


async def void_binds(play: Play, first: Act | None) -> None:
    play.scenario()
    if first:
        await play.ask(first(play))
    await _is_void(play, await play.answer(VOID(play)))


async def void_too_late(play: Play) -> None:
    call = await begun(play, DISPATCH)
    alike(call, await play.answer(call), await play.answer(VOID(play)))


async def void_against(play: Play, act: Act) -> None:
    """At the same moment; either of them comes first half of the times."""
    for number in range(2 * policy.RACES):
        call = await begun(play, act)
        answers = await play.at_once(*[call, VOID(play)][:: (-1) ** number])
        done, void = answers[:: (-1) ** number]
        if act is DISPATCH and done.error is None:
            alike(call, done, void)
        else:
            await _is_void(play, void)


async def _is_void(play: Play, answer: Answer) -> None:
    """From now on, for good."""
    if not isinstance(answer.value, Voided):
        raise Broken(f"no parcel is gone, but void answered {answer}")
    for call in (DISPATCH(play), LABEL(play), DISPATCH(play)):
        must_raise(call, await play.answer(call), ShippingRefused)
    await play.lists([])


def must_raise(call: Call, answer: Answer, error: type[BusinessError]) -> None:
    if answer.error is not error:
        raise Broken(f"{call.method} must raise {error.__name__} here: it answered {answer}")


def _found_nothing(answer: Answer) -> None:
    if answer.error or answer.value not in NOTHING:
        raise Broken(f"an undo must find nothing where nothing was done: it answered {answer}")


async def _given_back(play: Play, undo: Act) -> None:
    answer = await play.answer(undo(play))
    if answer.error or answer.value in NOTHING:
        raise Broken(f"an undo must find what was done: it answered {answer}")
