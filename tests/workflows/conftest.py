"""Without the worker's cache each task is a replay: code that does not come to the same commands again fails.

The other tests run with the cache, as in production; and in the sandbox, which finds code that is not
deterministic by what it calls, every recorded story is replayed (tests/replay).
"""

import pytest
from temporalio.testing import WorkflowEnvironment

from order_system.infra.database import Database
from tests.fixtures.shops.shop import Shop


@pytest.fixture
def shop(time_skipping_env: WorkflowEnvironment, sqlite_database: Database) -> Shop:
    shop = Shop(sqlite_database, time_skipping_env.client)
    shop.worker_options |= {"max_cached_workflows": 0}
    return shop
