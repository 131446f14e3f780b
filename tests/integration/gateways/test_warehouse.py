"""The simulated warehouse: all lines or none, and no goods twice."""

import asyncio

import pytest

from order_system.domain.errors import (
    AnswerLost,
    NotReached,
    OrderSystemError,
    OutOfStock,
)
from order_system.domain.gateways import ReservationEntry, StockEntry
from order_system.domain.steps import Effect
from order_system.gateways.simulated.warehouse import GENEROUS_STOCK
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from tests.fixtures.shops.calls_of_the_world import (
    RESERVE,
    key,
    line,
    outcome,
    stock_of,
)


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


async def test_one_sku_on_two_lines_is_one_shelf(world: SimulatedWorld) -> None:
    sku = "T\u00e4sse 350 ml"
    await world.warehouse.receive(sku, 5)
    await world.warehouse.reserve(RESERVE, lines=[line(sku, 2), line(sku, 1)])
    assert await stock_of(world, sku) == (2, 3, 0)
    await world.warehouse.release(RESERVE)
    assert await stock_of(world, sku) == (5, 0, 0)


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
