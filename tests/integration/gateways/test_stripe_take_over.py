"""Cards that a shop's checkout has authorised at Stripe, taken over by an order."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from order_system.domain.errors import AnswerLost, OrderSystemError, PaymentDeclined, PaymentNotConfirmed
from order_system.domain.gateways import AuthorisationEntry, ChargeEntry, NotCaptured
from order_system.domain.ids import Key
from order_system.domain.order import PaymentReceipt
from order_system.gateways.stripe.payments import StripePayments
from tests.fixtures.peers.stripe import FakeStripe

KEY, OTHER = Key("ORDER-1:run:charge"), Key("ORDER-2:run:charge")
GONE = NotCaptured(authorised=True)


async def take_over(stripe: StripePayments, reference: str, key: Key = KEY, **other: Any) -> PaymentReceipt:
    asked: dict[str, Any] = {"amount": 105997, "currency": "USD", **other}
    return await stripe.take_over(key, reference=reference, **asked)


async def capture(stripe: StripePayments, receipt: PaymentReceipt) -> PaymentReceipt:
    return await stripe.capture(Key("ORDER-1:run:capture"), charge_key=KEY, receipt=receipt)


async def test_it_is_taken_over_once_captured_and_given_back(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    reference = await fake.authorised(105997)
    receipt = await take_over(stripe, reference)
    assert receipt == PaymentReceipt(charge_id=reference, amount=105997, currency="USD")
    assert receipt == await take_over(stripe, reference)
    assert (await stripe.statement()).authorisations == (AuthorisationEntry(KEY, "held"),)
    assert receipt == await capture(stripe, receipt) == await take_over(stripe, reference)
    assert receipt == await stripe.void(KEY, receipt=receipt)
    assert await stripe.refund(KEY, receipt=receipt) is not None
    told = await stripe.statement()
    assert told.charges == (ChargeEntry(KEY, 105997, 105997, "USD"),)
    assert told.authorisations == (AuthorisationEntry(KEY, "captured"),)


@pytest.mark.parametrize("known", [False, True])
async def test_a_void_finds_it_by_the_key_and_binds(
    stripe: StripePayments, fake: FakeStripe, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was authorised long ago, so the list of what is new does not have it: the search alone does."""
    monkeypatch.setattr("order_system.gateways.policy.SEARCH_IS_LATE", timedelta(seconds=-1))
    reference = await fake.authorised(105997)
    receipt = await take_over(stripe, reference)
    if not known:
        with pytest.raises(AnswerLost):  # nothing there, it would say: but the idempotency key is taken
            await stripe.void(KEY, receipt=None)
    await fake.meets(search=True)
    assert await stripe.void(KEY, receipt=receipt if known else None) == GONE
    with pytest.raises(PaymentDeclined, match="the authorisation was voided"):
        await capture(stripe, receipt)
    with pytest.raises(PaymentNotConfirmed, match=f"{reference} was voided"):
        await take_over(stripe, reference)
    assert (await stripe.statement()).authorisations == (AuthorisationEntry(KEY, "voided"),)


async def test_what_comes_after_a_void_of_nothing_leaves_it_as_it_was(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    reference = await fake.authorised(105997)
    assert await stripe.void(KEY, receipt=None) == NotCaptured(authorised=False)
    for _ in range(2):
        with pytest.raises(PaymentNotConfirmed, match="voided for this order"):
            await take_over(stripe, reference)
    held = {each["id"]: each for each in await fake.all_of("payment_intents")}[reference]
    assert (held["status"], held["metadata"]) == ("requires_capture", {})
    assert (await stripe.statement()).authorisations == ()


async def test_of_two_orders_one_gets_it(stripe: StripePayments, fake: FakeStripe) -> None:
    """Also if both have seen that nobody has it."""
    reference = await fake.authorised(105997)
    await fake.meets("slow")

    async def until_answered(key: Key) -> PaymentReceipt | OrderSystemError:
        while True:
            try:
                return await take_over(stripe, reference, key)
            except AnswerLost:
                await asyncio.sleep(0.1)
            except PaymentNotConfirmed as no:
                return no

    async with asyncio.timeout(60):
        answers = await asyncio.gather(*map(until_answered, (KEY, OTHER)))
    assert {type(each) for each in answers} == {PaymentReceipt, PaymentNotConfirmed}
    [no] = [str(each) for each in answers if isinstance(each, PaymentNotConfirmed)]
    assert no == f"Stripe: {reference} is taken already"


@pytest.mark.parametrize("faults", [("after",), ("stored 500",), ("none", "after"), ("none", "stored 500")])
async def test_a_lost_answer_is_found_by_who_asks_again_and_by_a_void(
    stripe: StripePayments, fake: FakeStripe, faults: tuple[str, ...]
) -> None:
    """To the request that takes it over, or to the one that binds it to the round."""
    for key in (KEY, OTHER):
        reference = await fake.authorised(105997)
        await fake.meets(*faults, search=True)
        with pytest.raises(AnswerLost):
            await take_over(stripe, reference, key)
        if key == KEY:
            assert (await take_over(stripe, reference, key)).charge_id == reference
        assert await stripe.void(key, receipt=None) == GONE


async def test_what_is_no_authorisation_for_it_is_refused_in_words_and_left_alone(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    reference = await fake.authorised(105997)
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("pi_of_nobody", {}, "Stripe has no payment pi_of_nobody"),
        (
            reference,
            {"amount": 105996},
            f"{reference} is of 1,059.97 USD, and the order comes to 1,059.96 USD",
        ),
        (reference, {"currency": "EUR"}, "the order comes to 1,059.97 EUR"),
        (await fake.authorised(550, "isk"), {"amount": 5, "currency": "ISK"}, "and the order comes to 5 ISK"),
    ]
    captured, voided, theirs = [await fake.authorised(105997) for _ in range(3)]
    unconfirmed = await fake.authorised(105997, payment_method=await fake.card("4000002500003155"))
    await fake.post(f"payment_intents/{captured}/capture")
    await fake.post(f"payment_intents/{voided}/cancel")
    await take_over(stripe, theirs, OTHER)
    cases += [
        (captured, {}, f"{captured} is captured already: say paid:{captured}"),
        (voided, {}, f"{voided} was voided"),
        (unconfirmed, {}, f"{unconfirmed} holds nothing: it is requires_action"),
        (theirs, {}, f"{theirs} is taken already"),
    ]
    before = await fake.all_of("payment_intents")
    for asked, other, words in cases:
        with pytest.raises(PaymentNotConfirmed, match=words):
            await take_over(stripe, asked, **other)
    assert await fake.all_of("payment_intents") == before
    assert (await take_over(stripe, reference, Key(KEY, 1))).charge_id == reference
