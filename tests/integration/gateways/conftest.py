"""The world of these tests."""

import pytest

from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database


@pytest.fixture
def world(database: Database) -> SimulatedWorld:
    return SimulatedWorld(database)
