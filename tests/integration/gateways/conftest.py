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


@pytest.fixture
async def fake() -> AsyncGenerator[FakeStripe]:
    async with fake_stripe() as fake:
        yield fake


@pytest.fixture
async def stripe(fake: FakeStripe) -> AsyncGenerator[StripePayments]:
    async with payments(StripeSettings(api_key=SecretStr("sk_test_1"), url=fake.url)) as gateway:
        yield gateway
