"""The shop of these tests."""

import pytest
from temporalio.client import (
    Client,
)
from temporalio.worker import UnsandboxedWorkflowRunner

from order_system.infra.database import Database
from tests.fixtures.shops.shop import Shop


@pytest.fixture
def shop(client: Client, sqlite_database: Database) -> Shop:
    shop = Shop(sqlite_database, client)
    # As in production; in the sandbox the recorded histories are replayed (tests/replay).
    shop.worker_options = {"workflow_runner": UnsandboxedWorkflowRunner()}
    return shop
