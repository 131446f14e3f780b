"""The simulated payment gateway: a charge once, a refund once, and whatever the network does."""

import asyncio

import pytest

from order_system.domain.errors import (
    AnswerLost,
    NotReached,
    PaymentDeclined,
)
from order_system.domain.gateways import ChargeEntry, NotCaptured
from order_system.domain.ids import Key
from order_system.domain.order import PaymentReceipt
from order_system.gateways.simulated.world import SimulatedWorld
from tests.fixtures.shops.calls_of_the_world import (
    CHARGE,
    charge,
)


async def test_a_charge_is_made_once(world: SimulatedWorld) -> None:
    first = await charge(world)
    assert first == await charge(world)
    assert (await world.statement()).charges == (ChargeEntry(CHARGE, 105997, 0, "USD"),)


async def test_charging_at_the_same_time_is_charging_once(world: SimulatedWorld) -> None:
    receipts = await asyncio.gather(*(charge(world) for _ in range(8)))
    assert len(set(receipts)) == 1
    assert len((await world.statement()).charges) == 1


async def test_a_no_is_not_stored_under_the_key(world: SimulatedWorld) -> None:
    with pytest.raises(PaymentDeclined):
        await charge(world, "pm_card_declined")
    assert (await world.statement()).charges == ()
    await charge(world, "pm_card_ok")


async def test_what_was_charged_cannot_be_declined_any_more(world: SimulatedWorld) -> None:
    first = await charge(world, "pm_card_ok")
    assert first == await charge(world, "pm_card_declined")


async def test_an_answer_lost_leaves_the_charge_behind(world: SimulatedWorld) -> None:
    with pytest.raises(AnswerLost):
        await charge(world, "pm_answer_lost_once")
    assert len((await world.statement()).charges) == 1
    assert (await charge(world, "pm_answer_lost_once")).amount == 105997
    assert len((await world.statement()).charges) == 1


async def test_a_gateway_that_is_down_does_nothing_and_comes_back(world: SimulatedWorld) -> None:
    for _ in range(2):
        with pytest.raises(NotReached):
            await charge(world, "pm_gateway_down_for_a_while")
        assert (await world.statement()).charges == ()
    await charge(world, "pm_gateway_down_for_a_while")


async def test_a_refund_gives_back_everything_once(world: SimulatedWorld) -> None:
    with pytest.raises(AnswerLost):
        await charge(world, "pm_answer_always_lost")
    first = await world.payments.refund(CHARGE, receipt=None)
    assert first is not None
    assert (first.amount, first.currency) == (105997, "USD")
    assert first == await world.payments.refund(CHARGE, receipt=None)
    assert (await world.statement()).charges == (ChargeEntry(CHARGE, 105997, 105997, "USD"),)


async def test_refunding_what_was_never_charged_binds_nobody(world: SimulatedWorld) -> None:
    assert await world.payments.refund(CHARGE, receipt=None) is None
    await charge(world)
    assert await world.payments.refund(CHARGE, receipt=None) is not None


async def test_an_undo_finds_its_token_with_the_effect(world: SimulatedWorld) -> None:
    await charge(world, "pm_refund_fails_thrice")
    for _ in range(3):
        with pytest.raises(NotReached):
            await world.payments.refund(CHARGE, receipt=None)
    assert await world.payments.refund(CHARGE, receipt=None) is not None


async def authorise(world: SimulatedWorld, payment_method: str = "pm_card_ok") -> PaymentReceipt:
    return await world.payments.authorise(
        CHARGE, amount=105997, currency="USD", payment_method=payment_method
    )


async def capture(world: SimulatedWorld, receipt: PaymentReceipt) -> PaymentReceipt:
    return await world.payments.capture(Key("ORDER-001:first:capture"), charge_key=CHARGE, receipt=receipt)


async def test_what_is_authorised_is_a_charge_once_it_is_captured(world: SimulatedWorld) -> None:
    receipt = await authorise(world)
    assert receipt == await authorise(world)
    assert (await world.statement()).charges == ()
    assert await world.payments.refund(CHARGE, receipt=receipt) is None
    taken = await capture(world, receipt)
    assert taken == await capture(world, receipt) == await world.payments.void(CHARGE, receipt=None)
    assert (await world.statement()).charges == (ChargeEntry(CHARGE, 105997, 0, "USD"),)
    assert await world.payments.refund(CHARGE, receipt=taken) is not None
    assert taken == await capture(world, receipt) == await authorise(world)
    assert (await world.statement()).charges == (ChargeEntry(CHARGE, 105997, 105997, "USD"),)


@pytest.mark.parametrize("authorised", [True, False])
async def test_a_void_decides_for_good(world: SimulatedWorld, authorised: bool) -> None:
    receipt = PaymentReceipt(charge_id="ch_1", amount=105997, currency="USD")
    if authorised:
        receipt = await authorise(world)
    for _ in range(2):
        assert await world.payments.void(CHARGE, receipt=None) == NotCaptured(authorised=authorised)
        with pytest.raises(PaymentDeclined, match="the authorisation was voided"):
            await authorise(world)
        with pytest.raises(PaymentDeclined, match="the authorisation was voided"):
            await capture(world, receipt)
    assert (await world.statement()).charges == ()


async def test_of_void_and_capture_at_the_same_time_one_wins_and_both_know(world: SimulatedWorld) -> None:
    receipt = await authorise(world)
    taken, void = await asyncio.gather(
        capture(world, receipt), world.payments.void(CHARGE, receipt=receipt), return_exceptions=True
    )
    charges = (await world.statement()).charges
    if charges:
        assert taken == void == receipt
    else:
        assert (type(taken), void) == (PaymentDeclined, NotCaptured(authorised=True))


async def test_a_capture_that_is_refused_says_why_and_takes_nothing(world: SimulatedWorld) -> None:
    receipt = await authorise(world, "pm_authorisation_expires")
    for _ in range(2):
        with pytest.raises(PaymentDeclined, match="the authorisation has expired"):
            await capture(world, receipt)
    assert await world.payments.void(CHARGE, receipt=receipt) == NotCaptured(authorised=True)
    other = "ORDER-002:first:charge"
    with pytest.raises(PaymentDeclined, match="nothing is authorised"):
        await world.payments.capture(Key("ORDER-002:first:capture"), charge_key=other, receipt=receipt)
    assert (await world.statement()).charges == ()
