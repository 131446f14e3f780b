"""How promises are played that one port alone makes. They raise Broken, or NotShown, or come to their end."""

from dataclasses import replace

from order_system.domain.errors import OutOfStock
from order_system.domain.gateways import ChargeEntry, NotCaptured, Voided
from order_system.testing import policy
from order_system.testing.acts import AMOUNT, REFUND, Act, begun, family_of, lines
from order_system.testing.playing import Answer, Broken, Call, NotShown, Play, alike, must_raise


async def minor_units(play: Play, act: Act, currency: str) -> None:
    play.scenario()
    for each, other in ((act, {"currency": currency}), (REFUND, {})):
        call = each.call(play, **other)
        receipt = await play.ask(call)
        if (receipt.amount, receipt.currency) != (AMOUNT, currency):
            raise Broken(f"{call.method} answered {receipt!r}, of {AMOUNT} minor units of {currency}")
    await play.lists([str(ChargeEntry("charge", AMOUNT, AMOUNT))])


async def by_key_alone(play: Play, act: Act) -> None:
    """As where the answer to the charge was lost. Nothing may be found so soon; but it is no other refund."""
    call = await begun(play, act)
    by_key = replace(call, arguments={"receipt": None})
    first, last = await play.answer(by_key), Answer(await play.ask(call))
    if first != Answer(None):
        alike(call, first, last)
    await play.lists([str(ChargeEntry("charge", AMOUNT, AMOUNT))])


async def under_contention(play: Play, act: Act) -> None:
    """Everybody wants all that there is of two SKUs, as --on-hand says, and names them in either order."""
    there_is = play.options.on_hand
    if there_is is None:
        raise NotShown(f"nobody knows how much of {play.options.sku} there is: tell it by --on-hand")
    both = [play.options.sku, play.options.other_sku]

    def wants(quantity: int, number: int = 0) -> Call:
        play.order(f"{play.orders[0].split(':')[0]}-{number}")
        return act.call(play, **lines(*(both if number % 2 else both[::-1]), quantity=quantity))

    play.scenario()
    if (await play.answer(wants(there_is + 1))).error is None:
        raise NotShown(f"there is more than {there_is} of both")
    await play.ask(wants(there_is))
    await play.answer(act.undo_call(play))
    calls = [wants(there_is, number) for number in range(policy.AT_ONCE)]
    answers = await play.at_once(*calls)
    if [answer.error for answer in answers].count(None) > 1:
        raise Broken("the same goods were set aside for two")
    for call, answer in zip(calls, answers, strict=True):
        back = await play.answer(Call("release", call.key))
        if answer.error:
            must_raise(call, answer, OutOfStock)
        if (back.value is None) is (answer.error is None):
            raise Broken(f"release {back}, where reserve {answer}")
    if (answer := await play.answer(wants(there_is))).error:
        raise Broken(f"all was released, but goods are still held: reserve {answer}")


async def void_binds(play: Play, act: Act) -> None:
    """Of what was prepared; and, where the act is the void itself, of nothing."""
    play.scenario()
    if act.first is None:
        await play.ask(act.call(play))
    await _is_void(play, act, await play.answer(act.undo_call(play)))


async def void_too_late(play: Play, act: Act) -> None:
    call = await begun(play, act)
    _, _, void = family_of(act)
    alike(call, await play.answer(call), await play.answer(void.call(play)))


async def void_against(play: Play, act: Act) -> None:
    """At the same moment; either of them comes first half of the times."""
    for number in range(2 * policy.RACES):
        call = await begun(play, act)
        void_call = family_of(act)[2].call(play)
        if number % 2:
            done, void = await play.at_once(call, void_call)
        else:
            void, done = await play.at_once(void_call, call)
        if act.first and done.error is None:
            alike(call, done, void)
        else:
            await _is_void(play, act, void)


async def _is_void(play: Play, act: Act, answer: Answer) -> None:
    """From now on, for good."""
    first, then, _ = family_of(act)
    if not isinstance(answer.value, Voided | NotCaptured):
        raise Broken(f"there was no {then.method}, but void {answer}")
    for call in (then.call(play), first.call(play), then.call(play)):
        must_raise(call, await play.answer(call), first.error)
    await play.lists([])
