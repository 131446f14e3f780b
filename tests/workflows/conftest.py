"""Every workflow test runs twice: with the worker's cache, and without, when each task is a replay."""

from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from order_system.infra.database import Database
from tests.fixtures.shops.shop import Shop

CACHES: dict[str, dict[str, Any]] = {"cached": {}, "replayed": {"max_cached_workflows": 0}}


@pytest.fixture(params=CACHES)
def shop(
    request: pytest.FixtureRequest, time_skipping_env: WorkflowEnvironment, sqlite_database: Database
) -> Shop:
    shop = Shop(sqlite_database, time_skipping_env.client)
    shop.worker_options = CACHES[request.param]
    return shop
