"""What `ORDER_PAYMENTS=simulated` and its like name: one world, by whichever of its gateways it is used."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from order_system.domain.errors import InvalidSettings
from order_system.gateways.simulated.carrier import SimulatedCarrier
from order_system.gateways.simulated.faults import load_faults
from order_system.gateways.simulated.mailer import SimulatedMailer
from order_system.gateways.simulated.payment import SimulatedPaymentGateway
from order_system.gateways.simulated.warehouse import SimulatedWarehouse
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from order_system.infra.settings import Settings


@asynccontextmanager
async def statement(settings: Settings, database: Database) -> AsyncGenerator[SimulatedWorld]:
    """Raises InvalidSettings for a bad fault file."""
    try:
        faults = load_faults(settings.faults)
    except ValueError as invalid:
        raise InvalidSettings(f"ORDER_FAULTS: {invalid}") from None
    yield SimulatedWorld(
        database,
        faults=faults,
        seed=settings.fault_seed,
        latency=(settings.latency_min, settings.latency_max),
        strict_stock=settings.strict_stock,
        strict_payments=settings.strict_payments,
    )


@asynccontextmanager
async def payments(settings: Settings, database: Database) -> AsyncGenerator[SimulatedPaymentGateway]:
    async with statement(settings, database) as world:
        yield world.payments


@asynccontextmanager
async def warehouse(settings: Settings, database: Database) -> AsyncGenerator[SimulatedWarehouse]:
    async with statement(settings, database) as world:
        yield world.warehouse


@asynccontextmanager
async def carrier(settings: Settings, database: Database) -> AsyncGenerator[SimulatedCarrier]:
    async with statement(settings, database) as world:
        yield world.carrier


@asynccontextmanager
async def mailer(settings: Settings, database: Database) -> AsyncGenerator[SimulatedMailer]:
    async with statement(settings, database) as world:
        yield world.mailer
