"""Every workflow test runs twice: in the sandbox; and without a cache, when each task is a replay."""

from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from order_system.infra.database import Database
from tests.fixtures.shops.shop import Shop

CACHES: dict[str, dict[str, Any]] = {
    "sandboxed": {"workflow_runner": SandboxedWorkflowRunner()},
    # As in production. The sandbox would import the workflows' modules again for each task.
    "replayed": {"workflow_runner": UnsandboxedWorkflowRunner(), "max_cached_workflows": 0},
}


@pytest.fixture(params=CACHES)
def shop(
    request: pytest.FixtureRequest, time_skipping_env: WorkflowEnvironment, sqlite_database: Database
) -> Shop:
    shop = Shop(sqlite_database, time_skipping_env.client)
    shop.worker_options = CACHES[request.param]
    return shop
