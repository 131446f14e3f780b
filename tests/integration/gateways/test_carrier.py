"""The simulated carrier: a label serves one parcel, and a void and a dispatch agree."""

import asyncio

import pytest

from order_system.domain.errors import (
    AnswerLost,
    OrderSystemError,
    ShippingRefused,
)
from order_system.domain.gateways import ShipmentEntry, Voided
from order_system.domain.order import DispatchReceipt
from order_system.domain.steps import Effect
from order_system.gateways.simulated.world import SimulatedWorld
from tests.fixtures.shops.calls_of_the_world import (
    LABEL,
    buy_label,
    dispatch,
    key,
    outcome,
)


async def test_a_label_is_bought_and_a_parcel_dispatched_once(world: SimulatedWorld) -> None:
    label = await buy_label(world)
    assert label == await buy_label(world)
    parcel = await dispatch(world)
    assert parcel == await dispatch(world)
    assert parcel.tracking_number == label.tracking_number
    assert label == await buy_label(world)
    assert (await world.statement()).shipments == (ShipmentEntry(LABEL, "dispatched"),)


async def test_a_label_serves_one_parcel(world: SimulatedWorld) -> None:
    await buy_label(world)
    await dispatch(world)
    with pytest.raises(ShippingRefused, match="the label is dispatched"):
        await dispatch(world, key=key(Effect.DISPATCH, submission="second"))
    with pytest.raises(ShippingRefused, match="never bought"):
        await dispatch(world, label_key=key(Effect.LABEL, submission="second"))


async def test_a_void_stops_the_parcel(world: SimulatedWorld) -> None:
    await buy_label(world)
    assert await world.carrier.void(LABEL) == Voided(label_existed=True)
    assert await world.carrier.void(LABEL) == Voided(label_existed=True)
    with pytest.raises(ShippingRefused, match="the label is voided"):
        await dispatch(world)
    with pytest.raises(ShippingRefused, match="the label was voided"):
        await buy_label(world)
    assert (await world.statement()).shipments == (ShipmentEntry(LABEL, "voided"),)


async def test_a_void_binds_even_a_label_that_does_not_exist_yet(world: SimulatedWorld) -> None:
    assert await world.carrier.void(LABEL) == Voided(label_existed=False)
    with pytest.raises(ShippingRefused, match="the label was voided"):
        await buy_label(world)
    with pytest.raises(ShippingRefused):
        await dispatch(world)
    assert await world.carrier.void(LABEL) == Voided(label_existed=False)
    assert (await world.statement()).shipments == ()


async def test_a_parcel_that_is_gone_cannot_be_stopped(world: SimulatedWorld) -> None:
    await buy_label(world, "00003")
    with pytest.raises(AnswerLost):
        await dispatch(world)
    answer = await world.carrier.void(LABEL)
    assert isinstance(answer, DispatchReceipt)
    assert (await world.statement()).shipments == (ShipmentEntry(LABEL, "dispatched"),)


async def test_void_and_dispatch_at_once_agree(world: SimulatedWorld) -> None:
    async def race(order_id: str) -> tuple[type[OrderSystemError] | None, Voided | DispatchReceipt]:
        label_key, dispatch_key = key(Effect.LABEL, order_id), key(Effect.DISPATCH, order_id)
        await buy_label(world, key=label_key)
        sent, stopped = (
            outcome(lambda: dispatch(world, dispatch_key, label_key)),
            world.carrier.void(label_key),
        )
        return await asyncio.gather(sent, stopped)

    for refused, answer in await asyncio.gather(*(race(f"ORDER-{n:03}") for n in range(20))):
        assert (refused is None) == isinstance(answer, DispatchReceipt)


async def test_void_and_purchase_at_once_leave_no_live_label(world: SimulatedWorld) -> None:
    async def race(order_id: str) -> tuple[type[OrderSystemError] | None, Voided | DispatchReceipt]:
        label_key = key(Effect.LABEL, order_id)
        bought = outcome(lambda: buy_label(world, key=label_key))
        return await asyncio.gather(bought, world.carrier.void(label_key))

    for refused, answer in await asyncio.gather(*(race(f"ORDER-{n:03}") for n in range(20))):
        assert isinstance(answer, Voided)
        assert (refused is None) <= answer.label_existed
    assert {shipment.state for shipment in (await world.statement()).shipments} <= {"voided"}


@pytest.mark.parametrize("postal_code", ["00001", "00004"])
async def test_a_refused_parcel_leaves_its_label(world: SimulatedWorld, postal_code: str) -> None:
    await buy_label(world, postal_code)
    with pytest.raises(ShippingRefused):
        await dispatch(world)
    assert (await world.statement()).shipments == (ShipmentEntry(LABEL, "bought"),)


async def test_a_refused_address_buys_no_label(world: SimulatedWorld) -> None:
    with pytest.raises(ShippingRefused):
        await buy_label(world, "00000")
    assert (await world.statement()).shipments == ()
