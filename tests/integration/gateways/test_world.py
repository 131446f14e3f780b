"""The simulated world keeps the promises of the ports, whatever order the calls come in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from order_system.domain.errors import (
    AnswerLost,
    NoticeRefused,
    NotReached,
    OrderSystemError,
    OutOfStock,
    PaymentDeclined,
    ShippingRefused,
)
from order_system.domain.gateways import ChargeEntry, ReservationEntry, ShipmentEntry, StockEntry, Voided
from order_system.domain.ids import idempotency_key
from order_system.domain.messages import NoticeKind
from order_system.domain.order import Address, Customer, DispatchReceipt, Label, OrderLine, PaymentReceipt
from order_system.domain.steps import Effect
from order_system.gateways.simulated import switchboard
from order_system.gateways.simulated.faults import DEFAULT_FAULTS, FaultKind, Operation, draw_fault
from order_system.gateways.simulated.warehouse import GENEROUS_STOCK
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database

ADA = Customer(name="Ada", email="ada@example.com")
RAISED = {
    FaultKind.REFUSED: PaymentDeclined,
    FaultKind.NOT_REACHED: NotReached,
    FaultKind.ANSWER_LOST: AnswerLost,
}


@pytest.fixture
def world(database: Database) -> SimulatedWorld:
    return SimulatedWorld(database)


def key(effect: Effect, order_id: str = "ORDER-001", submission: str = "first") -> str:
    return idempotency_key(order_id, submission, effect)


CHARGE, RESERVE = key(Effect.CHARGE), key(Effect.RESERVE)
LABEL, DISPATCH, NOTIFY = key(Effect.LABEL), key(Effect.DISPATCH), key(Effect.NOTIFY)


def line(sku: str, quantity: int = 1) -> OrderLine:
    return OrderLine(sku=sku, quantity=quantity, unit_price=100)


async def charge(
    world: SimulatedWorld, payment_method: str = "pm_card_ok", key: str = CHARGE
) -> PaymentReceipt:
    return await world.payments.charge(key, amount=105997, currency="USD", payment_method=payment_method)


async def buy_label(world: SimulatedWorld, postal_code: str = "97201", key: str = LABEL) -> Label:
    address = Address(street="1 Main St", city="Portland", region="OR", postal_code=postal_code, country="US")
    return await world.carrier.buy_label(key, address=address, lines=[line("LAPTOP-789")])


async def dispatch(world: SimulatedWorld, key: str = DISPATCH, label_key: str = LABEL) -> DispatchReceipt:
    return await world.carrier.dispatch(key, label_key=label_key)


async def stock_of(world: SimulatedWorld, sku: str) -> tuple[int, int, int]:
    """On hand, reserved, shipped."""
    entries = {entry.sku: entry for entry in (await world.statement()).stock}
    return entries[sku].on_hand, entries[sku].reserved, entries[sku].shipped


async def outcome(call: Callable[[], Awaitable[Any]]) -> type[OrderSystemError] | None:
    try:
        await call()
    except OrderSystemError as error:
        return type(error)
    return None


# --- payment --------------------------------------------------------------------------------------


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
    first = await world.payments.refund(CHARGE)
    assert first is not None
    assert (first.amount, first.currency) == (105997, "USD")
    assert first == await world.payments.refund(CHARGE)
    assert (await world.statement()).charges == (ChargeEntry(CHARGE, 105997, 105997),)


async def test_refunding_what_was_never_charged_binds_nobody(world: SimulatedWorld) -> None:
    assert await world.payments.refund(CHARGE) is None
    await charge(world)
    assert await world.payments.refund(CHARGE) is not None


async def test_an_undo_finds_its_token_with_the_effect(world: SimulatedWorld) -> None:
    await charge(world, "pm_refund_fails_thrice")
    for _ in range(3):
        with pytest.raises(NotReached):
            await world.payments.refund(CHARGE)
    assert await world.payments.refund(CHARGE) is not None


# --- inventory ------------------------------------------------------------------------------------


async def test_unknown_goods_are_in_plentiful_stock(world: SimulatedWorld) -> None:
    first = await world.warehouse.reserve(RESERVE, lines=[line("MOUSE-321", 2)])
    assert first == await world.warehouse.reserve(RESERVE, lines=[line("MOUSE-321", 2)])
    statement = await world.statement()
    assert statement.stock == (StockEntry("MOUSE-321", GENEROUS_STOCK, GENEROUS_STOCK - 2, 2, 0),)
    assert statement.reservations == (ReservationEntry(RESERVE, "reserved", (("MOUSE-321", 2),)),)


async def test_every_line_is_reserved_or_none(world: SimulatedWorld) -> None:
    await world.warehouse.receive("A-FIRST", 5)
    for _ in range(2):
        with pytest.raises(OutOfStock, match="OUT-OF-STOCK is out of stock"):
            await world.warehouse.reserve(RESERVE, lines=[line("A-FIRST"), line("OUT-OF-STOCK")])
    assert await stock_of(world, "A-FIRST") == (5, 0, 0)
    assert (await world.statement()).reservations == ()
    await world.warehouse.reserve(RESERVE, lines=[line("A-FIRST")])
    assert await stock_of(world, "A-FIRST") == (4, 1, 0)


async def test_a_strict_warehouse_has_only_what_it_received(database: Database) -> None:
    world = SimulatedWorld(database, strict_stock=True)
    with pytest.raises(OutOfStock, match="LAPTOP-789 is out of stock"):
        await world.warehouse.reserve(RESERVE, lines=[line("LAPTOP-789")])
    await world.warehouse.receive("LAPTOP-789", 1)
    await world.warehouse.receive("LAPTOP-789", 1)
    with pytest.raises(OutOfStock):
        await world.warehouse.reserve(RESERVE, lines=[line("LAPTOP-789", 3)])
    await world.warehouse.reserve(RESERVE, lines=[line("LAPTOP-789"), line("LAPTOP-789")])
    assert await stock_of(world, "LAPTOP-789") == (0, 2, 0)


async def test_the_last_goods_are_sold_once(world: SimulatedWorld) -> None:
    """Every other order names its goods the other way round, which must not end in a deadlock."""
    await world.warehouse.receive("A", 10)
    await world.warehouse.receive("B", 10)

    async def reserve(number: int) -> type[OrderSystemError] | None:
        lines = [line("A"), line("B")]
        reserve_key = key(Effect.RESERVE, f"ORDER-{number:03}")
        return await outcome(
            lambda: world.warehouse.reserve(reserve_key, lines=lines if number % 2 else lines[::-1])
        )

    outcomes = await asyncio.gather(*(reserve(number) for number in range(30)))
    assert outcomes.count(None) == 10
    assert outcomes.count(OutOfStock) == 20
    assert await stock_of(world, "A") == (0, 10, 0)
    assert await stock_of(world, "B") == (0, 10, 0)


async def test_a_release_puts_back_once(world: SimulatedWorld) -> None:
    assert await world.warehouse.release(RESERVE) is None
    await world.warehouse.receive("A", 5)
    await world.warehouse.reserve(RESERVE, lines=[line("A", 3)])
    first = await world.warehouse.release(RESERVE)
    assert first is not None
    assert first == await world.warehouse.release(RESERVE)
    assert await stock_of(world, "A") == (5, 0, 0)


async def test_a_commit_ships_once(world: SimulatedWorld) -> None:
    await world.warehouse.receive("A", 5)
    await world.warehouse.reserve(RESERVE, lines=[line("A", 3)])
    first = await world.warehouse.commit(RESERVE)
    assert first == await world.warehouse.commit(RESERVE)
    assert await stock_of(world, "A") == (2, 0, 3)


async def test_stock_that_has_left_cannot_be_released_nor_the_other_way_round(world: SimulatedWorld) -> None:
    other = key(Effect.RESERVE, "ORDER-002")
    for reserve_key in (RESERVE, other):
        await world.warehouse.reserve(reserve_key, lines=[line("A")])
    await world.warehouse.commit(RESERVE)
    await world.warehouse.release(other)
    with pytest.raises(ValueError, match="is committed: it cannot be released"):
        await world.warehouse.release(RESERVE)
    with pytest.raises(ValueError, match="is released: it cannot be committed"):
        await world.warehouse.commit(other)
    with pytest.raises(ValueError, match="nothing was reserved"):
        await world.warehouse.commit(key(Effect.RESERVE, "ORDER-003"))


async def test_trouble_with_stock_by_its_sku(world: SimulatedWorld) -> None:
    lost, stuck = key(Effect.RESERVE, "ORDER-002"), key(Effect.RESERVE, "ORDER-003")
    for _ in range(2):
        with pytest.raises(AnswerLost):
            await world.warehouse.reserve(lost, lines=[line("A"), line("RESERVE-ANSWER-LOST")])
    assert await stock_of(world, "RESERVE-ANSWER-LOST") == (GENEROUS_STOCK - 1, 1, 0)
    assert await world.warehouse.release(lost) is not None
    await world.warehouse.reserve(stuck, lines=[line("RELEASE-NEVER")])
    with pytest.raises(NotReached):
        await world.warehouse.release(stuck)


# --- shipping -------------------------------------------------------------------------------------


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


# --- notification ---------------------------------------------------------------------------------


async def test_a_notice_is_sent_once_of_either_kind(world: SimulatedWorld) -> None:
    first = await world.mailer.send(NOTIFY, kind=NoticeKind.CONFIRMATION, customer=ADA)
    assert first == await world.mailer.send(NOTIFY, kind=NoticeKind.CANCELLATION, customer=ADA)
    assert [notice.kind for notice in (await world.statement()).notices] == [NoticeKind.CONFIRMATION]


async def test_a_mailbox_that_does_not_exist(world: SimulatedWorld) -> None:
    nobody = Customer(name="Nobody", email="bounces@example.com")
    with pytest.raises(NoticeRefused):
        await world.mailer.send(NOTIFY, kind=NoticeKind.CONFIRMATION, customer=nobody)
    assert (await world.statement()).notices == ()


# --- faults and time ------------------------------------------------------------------------------


async def test_random_faults_are_those_that_the_seed_draws(database: Database) -> None:
    """Each order is charged three times in each of two submissions; all six draw for themselves."""
    world = SimulatedWorld(database, faults=DEFAULT_FAULTS, seed=3)
    seen: set[FaultKind | None] = set()
    for order_id in (f"ORDER-{number:03}" for number in range(25)):
        for number, submission in enumerate(("first", "second"), start=1):
            charged = False
            for earlier_calls in range(3):
                drawn = draw_fault(
                    DEFAULT_FAULTS,
                    Operation.CHARGE,
                    seed=3,
                    order_id=order_id,
                    submission_number=number,
                    earlier_calls=earlier_calls,
                )
                seen.add(drawn)
                expected = RAISED[drawn] if drawn else None
                if charged and expected is PaymentDeclined:
                    expected = None
                charge_key = key(Effect.CHARGE, order_id, submission)
                assert await outcome(lambda k=charge_key: charge(world, key=k)) is expected
                charged = charged or expected in (None, AnswerLost)
    assert seen == {None, *FaultKind}


async def test_calls_take_no_time_unless_told(world: SimulatedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_seconds: float) -> None:
        raise AssertionError("slept")

    monkeypatch.setattr(switchboard.asyncio, "sleep", never)
    await charge(world)


async def test_half_of_the_time_passes_before_the_effect(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = SimulatedWorld(database, latency=(0.2, 0.4))
    slept: list[tuple[float, int]] = []

    async def travel(seconds: float) -> None:
        slept.append((seconds, len((await world.statement()).charges)))

    monkeypatch.setattr(switchboard, "_travel", travel)
    await charge(world)
    (there, charges_before), (back, charges_after) = slept
    assert (charges_before, charges_after) == (0, 1)
    assert there == back
    assert 0.2 <= there + back <= 0.4


async def test_a_call_under_a_key_that_is_not_ours_is_a_mistake(world: SimulatedWorld) -> None:
    with pytest.raises(ValueError, match="not enough values"):
        await charge(world, key="ORDER-001")
