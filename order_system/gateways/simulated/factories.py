"""What `ORDER_PAYMENTS=simulated` and its like name: one world, by whichever of its gateways it is used."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from order_system.domain.errors import InvalidSettings
from order_system.gateways.simulated.faults import load_faults
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


def _of_the_world(gateway: str) -> Callable[..., AbstractAsyncContextManager[Any]]:
    @asynccontextmanager
    async def factory(settings: Settings, database: Database) -> AsyncGenerator[Any]:
        async with statement(settings, database) as world:
            yield getattr(world, gateway)

    return factory


payments, warehouse = _of_the_world("payments"), _of_the_world("warehouse")
carrier, mailer = _of_the_world("carrier"), _of_the_world("mailer")
