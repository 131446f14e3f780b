"""The simulated world as a whole: notices, faults, time, keys."""

import sqlite3
from unittest.mock import Mock

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from order_system.domain.errors import (
    AnswerLost,
    DatabaseUnreachable,
    NoticeRefused,
    PaymentDeclined,
)
from order_system.domain.ids import split_key
from order_system.domain.messages import NoticeKind
from order_system.domain.order import Customer
from order_system.domain.steps import Effect
from order_system.gateways.simulated import switchboard
from order_system.gateways.simulated.faults import DEFAULT_FAULTS, FaultKind, Operation, draw_fault
from order_system.gateways.simulated.switchboard import Switchboard
from order_system.gateways.simulated.tables import charges
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from tests.fixtures.shops.calls_of_the_world import ADA, NOTIFY, RAISED, charge, key, outcome


async def test_a_notice_is_sent_once_of_either_kind(world: SimulatedWorld) -> None:
    first = await world.mailer.send(NOTIFY, kind=NoticeKind.CONFIRMATION, customer=ADA)
    assert first == await world.mailer.send(NOTIFY, kind=NoticeKind.CANCELLATION, customer=ADA)
    assert [notice.kind for notice in (await world.statement()).notices] == [NoticeKind.CONFIRMATION]


async def test_a_mailbox_that_does_not_exist(world: SimulatedWorld) -> None:
    nobody = Customer(name="Nobody", email="bounces@example.com")
    with pytest.raises(NoticeRefused):
        await world.mailer.send(NOTIFY, kind=NoticeKind.CONFIRMATION, customer=nobody)
    assert (await world.statement()).notices == ()


async def test_an_order_that_is_called_checkout_is_no_checkout(world: SimulatedWorld) -> None:
    """Payments of a shop's checkout are kept under keys that begin with that word."""
    ours, other = key(Effect.CHARGE, "checkout"), key(Effect.CHARGE, "other")
    await world.payments.authorise(ours, amount=500, currency="EUR", payment_method="card")
    for reference in ("ch_theirs", "ch_held"):
        look = world.payments.find_payment if reference == "ch_theirs" else world.payments.take_over
        await look(other, reference=reference, amount=700, currency="EUR")
    for forgotten in (False, True):
        if forgotten:
            await world.forget("checkout")
        told = await world.statement()
        assert {each.key for each in told.authorisations} == {ours, other}
        assert [each.reference for each in told.payments] == ["ch_theirs"]
        assert told.charges == ()


async def test_a_full_disk_is_told_in_one_plain_sentence(
    world: SimulatedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person reads it as the reason of an undo that is stuck."""
    full = OperationalError("INSERT INTO charges", {}, sqlite3.OperationalError("database or disk is full"))
    monkeypatch.setattr(Switchboard, "count", Mock(side_effect=full))
    with pytest.raises(DatabaseUnreachable) as told:
        await charge(world)
    assert (
        str(told.value) == "the database of the simulated gateways does not answer: database or disk is full"
    )


async def test_an_id_that_differs_by_case_alone_is_another_order(
    world: SimulatedWorld, database: Database
) -> None:
    for order_id in ("order-1", "ORDER-1"):
        await charge(world, key=key(Effect.CHARGE, order_id))
    await world.forget("order-1")
    found = await database.read(lambda tx: tx.execute(select(charges.c.key, charges.c.payment_method)).all())
    assert {split_key(each.key)[0] for each in found if each.payment_method} == {"ORDER-1"}


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
