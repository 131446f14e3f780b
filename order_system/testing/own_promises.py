"""Plays the promises that only one port makes. A function raises Broken or NotShown unless it is kept."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from order_system.domain.errors import OutOfStock, RefundRefused
from order_system.domain.gateways import ChargeEntry, NotCaptured, PaymentElsewhere, Voided
from order_system.domain.messages import NoticeKind
from order_system.domain.order import CapturedElsewhere, PaymentReceipt
from order_system.testing import policy
from order_system.testing.acts import AMOUNT, COMMIT, PART, REFUND, Act, begun, family_of, lines
from order_system.testing.answers import Answer, Broken, Call, NotShown, alike, exact, must_raise
from order_system.testing.playing import THERE, Play


async def minor_units(play: Play, act: Act, currency: str | None) -> None:
    """Take and refund two amounts. The second may be refused: some providers take no third decimal but 0."""
    first, *others = (each for each in (act.first, act, REFUND) if each)
    for amount in (AMOUNT, AMOUNT + 1):
        await play.scenario()
        call = first.call(play, amount=amount, currency=currency or play.options.currency)
        answer = await play.answer(call)
        if answer.is_no and amount != AMOUNT:
            return
        alike(call, answer)
        for each in others:
            call = each.call(play)
            alike(call, await play.answer(call))
        await play.lists([str(ChargeEntry("charge", amount, amount))], currency)


async def by_key_alone(play: Play, act: Act) -> None:
    """Refund by the key alone, as if no answer had come. It may find the charge late; it refunds once."""
    call = await begun(play, act)
    found = await found_by_key(play, call)
    alike(call, found, Answer(await play.ask(call)))
    await play.lists([str(ChargeEntry("charge", AMOUNT, AMOUNT))])


async def found_by_key(play: Play, undo: Call) -> Answer:
    """Undo by the key alone until it finds something, for up to a minute. Return the last answer."""
    found = Answer(None)
    for pause in policy.FOUND_BY_KEY:
        await asyncio.sleep(pause.total_seconds())
        found = await play.answer(by_key(undo))
        if not is_nothing(found):
            break
    return found


def by_key(undo: Call) -> Call:
    """Return the undo by its key alone, as if no answer had come."""
    return replace(undo, arguments=dict.fromkeys(undo.arguments))


def is_nothing(undone: Answer) -> bool:
    """Return whether the undo found nothing, or failed."""
    return undone.value in (None, Voided(label_existed=False), NotCaptured(authorised=False))


async def one_alone(play: Play, act: Act) -> None:
    """Let two orders name one authorisation at once. Only one of them may get it."""
    for _ in range(policy.RACES):
        first = await begun(play, act)
        play.order()
        answers = await play.at_once(first, act.call(play))
        refused = [answer for answer in answers if answer.error]
        if not refused:
            raise Broken(f"{play.reference} was taken over for two orders")
        if len(refused) > 1:
            alike(first, *refused)
        must_raise(first, refused[0], act.error)


async def other_price(play: Play, act: Act) -> None:
    """Name another amount or currency. The call must be refused, and must change nothing."""
    call = await begun(play, act)
    for price in ({"amount": AMOUNT + 1}, {"currency": "EUR" if play.options.currency != "EUR" else "USD"}):
        wrong = replace(call, arguments=call.arguments | price)
        must_raise(wrong, await play.answer(wrong), act.error)
    alike(call, await play.answer(call))


async def void_finds_taken(play: Play, act: Act) -> None:
    """Void by the key alone, as if the answer was lost."""
    await play.ask(await begun(play, act))
    await _is_void(play, act, await found_by_key(play, act.undo_call(play)))


async def elsewhere(play: Play, act: Act) -> None:
    """Refund a part of a larger payment twice. It must be given back once."""
    if (paid := play.options.paid) is None or not hasattr(play.gateway, "find_payment"):
        raise NotShown("it takes a gateway that has find_payment, and a payment: tell it by --paid")
    await play.scenario()
    asked = {"reference": paid, "amount": AMOUNT, "currency": play.options.currency}
    find = Call("find_payment", play.key(act.effect), asked)
    before = (await play.answer(find)).value
    other = (await play.answer(replace(find, arguments=asked | {"amount": PART}))).value
    if other not in (before, None):  # it may refuse another amount, but tells what was paid
        told = f"find_payment answered {before}, and {other} to an order of {PART}"
        raise Broken(told, "a parcel goes out that is paid in part")
    if not isinstance(before, PaymentElsewhere) or before.amount - before.refunded <= PART:
        raise NotShown(f"{paid} is no payment of which more than {PART} is left")
    sure = CapturedElsewhere.CONFIRMED
    of = PaymentReceipt(charge_id=paid, amount=PART, currency=before.currency, captured_elsewhere=sure)
    call = Call("refund", find.key, {"receipt": of})
    answers = await play.in_a_row(call)
    if answers[0] == Answer(None):
        raise NotShown(f"it cannot give {paid} back")
    alike(call, *answers)
    after = (await play.answer(find)).value
    if after != replace(before, refunded=before.refunded + PART):
        raise Broken(f"{PART} were to be given back, once")


async def two_parts(play: Play, act: Act) -> None:
    """Refund two parts of the same amount, each by a key of full length."""
    first = await begun(play, act)
    other = replace(first, key=play.key(f"{act.effect[:-1]}2"))
    one, two, again = [await play.answer(call) for call in (first, other, first)]
    alike(first, one, again)
    alike(other, two)
    if one == two:
        raise Broken(f"{one.value!r} was answered under two keys")
    await play.lists([str(ChargeEntry("charge", AMOUNT, 2 * PART))])


async def never_more(play: Play, act: Act) -> None:
    """Refund parts. Together they must not exceed the charge."""
    call = await begun(play, act)
    await play.ask(call)
    more = replace(call, key=play.key("refund-2"), arguments=call.arguments | {"amount": AMOUNT - PART + 1})
    must_raise(more, await play.answer(more), RefundRefused)
    await play.lists([str(ChargeEntry("charge", AMOUNT, PART))])
    await play.answer(REFUND.call(play))
    await play.lists([str(ChargeEntry("charge", AMOUNT, AMOUNT))])


async def all_there_is(
    play: Play, act: Act, deed: Callable[[Play, Act, int], Awaitable[None]], gone: int = 0
) -> None:
    """Before and after `deed`, exactly the stock of both SKUs by --on-hand, less `gone`, can be reserved."""
    if (there_is := play.options.on_hand) is None:
        raise NotShown(f"nobody knows how much of {play.options.sku} there is: tell it by --on-hand")
    await play.scenario()
    await _can_be_had(play, act, there_is, otherwise=NotShown)
    await deed(play, act, there_is)
    await _can_be_had(play, act, there_is - gone, otherwise=Broken)


async def _can_be_had(play: Play, act: Act, there_is: int, otherwise: type[Exception]) -> None:
    answers = list[Answer]()
    for quantity in (there_is + 1, there_is):
        call = _wants(play, act, quantity, *_both(play))
        answers.append(await play.answer(call))
        exact(call, answers[-1])
        if len(left := await play.left()) > 1:
            raise Broken(f"of one {act.method}, the statement of accounts lists {left}")
    more, just = answers
    await play.answer(act.undo_call(play))
    if just.error or not more.error:
        is_there = "less" if more.error else "more"
        raise otherwise(f"nothing is reserved, and there is {is_there} than {there_is}")
    play.trace = []  # all is well so far: a finding need not show it


def _both(play: Play) -> list[str]:
    return [play.options.sku, play.options.other_sku]


def _wants(play: Play, act: Act, quantity: int, *skus: str) -> Call:
    """Return the call of another order, for this quantity of each SKU."""
    play.order()
    return act.call(play, **lines(*skus, quantity=quantity))


async def put_back_twice(play: Play, act: Act, there_is: int) -> None:
    for way in (Play.in_a_row, Play.again_at_once):
        await _can_be_had(play, act, there_is, otherwise=Broken)
        await play.ask(_wants(play, act, there_is, *_both(play)))
        await way(play, act.undo_call(play))


async def shipped(play: Play, act: Act, there_is: int) -> None:
    for way in (Play.in_a_row, Play.again_at_once):
        await play.ask(_wants(play, act, 1, *_both(play)))
        await way(play, COMMIT.call(play))
        play.orders.pop()  # it is not to be taken back


async def too_many(play: Play, act: Act, there_is: int, *, last: bool) -> None:
    """Reserve too much: the last line is out of stock, or both lines are of one SKU, too many together."""
    sku, other = _both(play)
    skus = (sku, other, play.options.out_of_stock) if last else (sku, sku)
    call = _wants(play, act, there_is, *skus)
    must_raise(call, await play.answer(call), OutOfStock)


async def under_contention(play: Play, act: Act, there_is: int) -> None:
    """Reserve the whole stock for several orders at once, with the SKUs in either order."""
    both = _both(play)
    calls = [_wants(play, act, there_is, *both[:: (-1) ** number]) for number in range(policy.AT_ONCE)]
    answers = await play.at_once(*calls)
    if [answer.error for answer in answers].count(None) > 1:
        raise Broken("the same goods were set aside for two")
    for call, answer in zip(calls, answers, strict=True):
        await play.answer(Call("release", call.key))
        if answer.error:
            must_raise(call, answer, OutOfStock)


async def commit_of_nothing(play: Play, act: Act) -> None:
    """Commit what was never reserved, and what was released. Both must fail."""
    for reserved in (False, True):
        await play.scenario()
        if act.first and reserved:
            await play.ask(act.first.call(play))
            await play.ask(act.first.undo_call(play))
        answer = await play.first_answer(act.call(play))
        if answer.error is None or answer.is_no:
            follows = "a parcel is gone, and its order is told to have failed" if answer.error else ""
            raise Broken(f"{act.method} must fail here, and not by a BusinessError: it {answer}", follows)


async def other_notice(play: Play, act: Act) -> None:
    await play.scenario()
    call = act.call(play)
    first, one = await play.ask(call), await play.left()
    other = await play.first_answer(act.call(play, kind=NoticeKind.CANCELLATION))
    if other.error is None:  # a mailer that looks at the kind may fail
        alike(call, Answer(first), other)
    await play.lists(one)


async def void_binds(play: Play, act: Act, how: str = "") -> None:
    """Void what was prepared or, if the act is the void itself, void nothing."""
    await play.scenario()
    if act.first is None:
        await play.ask(act.call(play))
    answer = await play.answer(act.undo_call(play), how)
    if answer.error is None and is_nothing(answer) is not bool(act.first):
        raise Broken(f"void must say what was there: it {answer}")
    await _is_void(play, act, answer)


async def void_too_late(play: Play, act: Act) -> None:
    """Void what is final already. Void must say so, and the act that prepared it must not be done again."""
    call = await begun(play, act)
    first, _, void = (each.call(play) for each in family_of(act))
    before = await play.answer(first)
    alike(call, *await play.in_a_row(call), await play.answer(void))
    alike(first, before, await play.answer(first))


async def void_against(play: Play, act: Act) -> None:
    """Act and void at once; each comes first half of the times. Later races are against another process."""
    for number in range(2 * policy.RACES):
        call, how = await begun(play, act), "at once: " if number < policy.RACES else THERE
        done, void = play.answer(call, "at once: "), play.answer(family_of(act)[2].call(play), how)
        if number % 2:
            done, void = await asyncio.gather(done, void)
        else:
            void, done = await asyncio.gather(void, done)
        if act.first and done.error is None:
            alike(call, done, void)
        else:
            await _is_void(play, act, void)


async def _is_void(play: Play, act: Act, answer: Answer) -> None:
    """Raise Broken unless the void binds from now on, for good."""
    first, then, void = family_of(act)
    if not isinstance(answer.value, Voided | NotCaptured):
        raise Broken(f"there was no {then.method}, but void {answer}")
    for each in (then, first, then):
        call = each.call(play)
        must_raise(call, await play.answer(call), each.error or first.error)
    call = void.call(play)
    alike(call, answer, await play.answer(call))
    await play.lists([])
