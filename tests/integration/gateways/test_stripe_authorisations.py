"""Payments by Stripe that are authorised first; and Stripe's list as a statement of accounts."""

import asyncio

import pytest

from order_system.domain.errors import AnswerLost, PaymentDeclined
from order_system.domain.gateways import (
    AuthorisationEntry,
    ChargeEntry,
    NotCaptured,
    PaymentElsewhere,
    Statement,
)
from order_system.domain.ids import Key
from order_system.domain.order import PaymentReceipt
from order_system.gateways.stripe.payments import StripePayments
from tests.fixtures.peers.stripe import FakeStripe

GOOD, DECLINED = "pm_card_visa", "pm_card_chargeCustomerFail"
KEY = Key("ORDER-1:run:charge")


async def authorise(stripe: StripePayments, key: Key = KEY, method: str = GOOD) -> PaymentReceipt:
    return await stripe.authorise(key, amount=105997, currency="USD", payment_method=method)


async def capture(stripe: StripePayments, receipt: PaymentReceipt) -> PaymentReceipt:
    return await stripe.capture(Key("ORDER-1:run:capture"), charge_key=KEY, receipt=receipt)


async def test_what_is_held_is_captured_once_and_given_back(stripe: StripePayments, fake: FakeStripe) -> None:
    receipt = await authorise(stripe)
    assert receipt == await authorise(stripe)
    held, captured = ((AuthorisationEntry(KEY, state),) for state in ("held", "captured"))
    assert await stripe.statement() == Statement(charges=(), authorisations=held)
    assert receipt == await capture(stripe, receipt) == await capture(stripe, receipt)
    assert receipt == await stripe.void(KEY, receipt=receipt) == await stripe.void(KEY, receipt=None)
    assert await stripe.statement() == Statement(
        charges=(ChargeEntry(KEY, 105997, 0, "USD"),), authorisations=captured
    )
    assert await stripe.refund(KEY, receipt=receipt) is not None
    assert receipt == await authorise(stripe) == await capture(stripe, receipt)
    assert len(await fake.all_of("charges")) == 1


@pytest.mark.parametrize("indexed", [False, True])
async def test_a_void_binds_what_was_authorised(
    stripe: StripePayments, fake: FakeStripe, indexed: bool
) -> None:
    receipt = await authorise(stripe)
    await fake.meets(search=indexed)
    for known in (receipt, None):
        assert await stripe.void(KEY, receipt=known) == NotCaptured(authorised=True)
        for late in (authorise(stripe), capture(stripe, receipt)):
            with pytest.raises(PaymentDeclined, match="the authorisation was voided"):
                await late
    assert [each["captured"] for each in await fake.all_of("charges")] == [False]
    assert await stripe.statement() == Statement(
        charges=(), authorisations=(AuthorisationEntry(KEY, "voided"),)
    )


@pytest.mark.parametrize("indexed", [False, True])
async def test_a_void_of_nothing_binds_what_is_still_on_its_way(
    stripe: StripePayments, fake: FakeStripe, indexed: bool
) -> None:
    key = Key(KEY, 2)
    for _ in range(2):
        assert await stripe.void(key, receipt=None) == NotCaptured(authorised=False)
    await fake.meets(search=indexed)
    with pytest.raises(PaymentDeclined, match="the authorisation was voided"):
        await authorise(stripe, key)
    assert await fake.all_of("charges") == []
    assert (await stripe.statement()).authorisations == ()


async def test_a_void_of_a_declined_card_lets_go_of_nothing(stripe: StripePayments) -> None:
    with pytest.raises(PaymentDeclined, match="Your card was declined"):
        await authorise(stripe, method=DECLINED)
    assert await stripe.void(KEY, receipt=None) == NotCaptured(authorised=False)


async def test_of_void_and_capture_at_the_same_time_one_wins(
    stripe: StripePayments, fake: FakeStripe
) -> None:
    receipt = await authorise(stripe)
    await fake.meets("slow")
    both = (capture(stripe, receipt), stripe.void(KEY, receipt=receipt))
    await asyncio.gather(*both, return_exceptions=True)
    void = await stripe.void(KEY, receipt=receipt)  # asked again, as orders do
    if void == receipt:
        assert await capture(stripe, receipt) == receipt
    else:
        assert void == NotCaptured(authorised=True)
        with pytest.raises(PaymentDeclined, match="the authorisation was voided"):
            await capture(stripe, receipt)


async def test_a_capture_whose_answer_was_lost_is_found(stripe: StripePayments, fake: FakeStripe) -> None:
    receipt = await authorise(stripe)
    await fake.meets("after")
    with pytest.raises(AnswerLost):
        await capture(stripe, receipt)
    assert await capture(stripe, receipt) == receipt
    with pytest.raises(AnswerLost, match="took 105997 usd instead of 1 usd"):
        await capture(stripe, receipt.model_copy(update={"amount": 1}))
    with pytest.raises(PaymentDeclined):
        await capture(stripe, receipt.model_copy(update={"charge_id": "pi_of_nobody"}))


async def test_the_statement_has_every_page_and_leaves_out_what_is_not_ours(
    stripe: StripePayments, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("order_system.gateways.stripe.intents.PAGE", 2)
    keys = [Key(f"ORDER-{number}:run:charge") for number in range(5)]
    for key in keys:
        await stripe.charge(key, amount=500, currency="JPY", payment_method=GOOD)
    foreign = {"amount": 700, "currency": "jpy", "payment_method": GOOD, "confirm": "true"}
    other = await fake.post("payment_intents", **foreign)
    await fake.post("refunds", payment_intent=other["id"], amount=100)
    await authorise(stripe, Key("ORDER-5:run:charge"))
    with pytest.raises(PaymentDeclined):
        await authorise(stripe, Key("ORDER-6:run:charge"), method=DECLINED)
    told = await stripe.statement()
    assert told.authorisations == (AuthorisationEntry("ORDER-5:run:charge", "held"),)
    assert sorted(told.charges or (), key=str) == [ChargeEntry(key, 500, 0, "JPY") for key in keys]
    references = (other["id"], other["latest_charge"]["id"])
    assert told.payments == tuple(PaymentElsewhere(each, 700, "JPY", 100) for each in references)
    assert (told.reservations, told.shipments, told.notices, told.stock) == (None, None, None, None)
