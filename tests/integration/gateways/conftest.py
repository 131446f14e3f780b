"""The world of these tests, and Stripe's fake."""

from collections.abc import AsyncGenerator

import pytest
from pydantic import SecretStr

from order_system.gateways.simulated.world import SimulatedWorld
from order_system.gateways.stripe.payments import StripePayments, StripeSettings, payments
from order_system.infra.database import Database
from tests.fixtures.peers.stripe import FakeStripe, fake_stripe


@pytest.fixture
def world(database: Database) -> SimulatedWorld:
    return SimulatedWorld(database)


@pytest.fixture(scope="session")
async def one_fake() -> AsyncGenerator[FakeStripe]:
    """A process for all tests: to start it takes longer than most of them."""
    async with fake_stripe() as fake:
        yield fake


@pytest.fixture
async def fake(one_fake: FakeStripe) -> FakeStripe:
    await one_fake.as_new()
    return one_fake


@pytest.fixture
async def stripe(fake: FakeStripe) -> AsyncGenerator[StripePayments]:
    async with payments(StripeSettings(api_key=SecretStr("sk_test_1"), url=fake.url)) as gateway:
        yield gateway
