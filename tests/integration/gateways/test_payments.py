"""The simulated payment gateway: a charge once, a refund once, and whatever the network does."""

import asyncio

import pytest

from order_system.domain.errors import (
    AnswerLost,
    NotReached,
    PaymentDeclined,
)
from order_system.domain.gateways import ChargeEntry
from order_system.gateways.simulated.world import SimulatedWorld
from tests.fixtures.shops.calls_of_the_world import (
    CHARGE,
    charge,
)


async def test_a_charge_is_made_once(world: SimulatedWorld) -> None:
    first = await charge(world)
    assert first == await charge(world)
    assert (await world.statement()).charges == (ChargeEntry(CHARGE, 105997, 0),)


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
    assert (await world.statement()).charges == (ChargeEntry(CHARGE, 105997, 105997),)


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
