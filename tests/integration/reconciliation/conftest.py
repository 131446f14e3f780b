"""The shop of these tests."""

import pytest
from temporalio.client import Client

from order_system.infra.database import Database
from tests.fixtures.shops.shop import Shop


@pytest.fixture
def shop(client: Client, sqlite_database: Database) -> Shop:
    return Shop(sqlite_database, client)
