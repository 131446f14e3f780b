"""All that a test has started replays at its end: code that does not come to the same commands again fails.

Where cancels come, each task is a replay (test_cancel.py): so workflows are evicted wherever they wait.
In the sandbox, which finds code that is not deterministic by what it calls, every recorded story is replayed
(tests/replay).
"""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from order_system.domain.ids import order_workflow_id, step_workflow_id
from order_system.domain.steps import Step
from order_system.infra.database import Database
from tests.fixtures.shops.shop import Shop
from workflows.registry import WORKFLOWS


@pytest.fixture
async def shop(time_skipping_env: WorkflowEnvironment, sqlite_database: Database) -> AsyncIterator[Shop]:
    shop = Shop(sqlite_database, time_skipping_env.client)
    yield shop
    if shop.worker_options.get("max_cached_workflows") != 0:
        await _replay(shop)


async def _replay(shop: Shop) -> None:
    """Of each order in the book, and of its steps. Raises what differs."""
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await replayer.replay_workflows(_histories(shop))


async def _histories(shop: Shop) -> AsyncIterator[WorkflowHistory]:
    for order_id in {record.ref.order_id for record, _ in (await shop.book.ledger()).entries}:
        ids = (order_workflow_id(order_id), *(step_workflow_id(step, order_id) for step in Step))
        for workflow_id in ids:
            with suppress(RPCError):  # a step that never began
                yield await shop.temporal.get_workflow_handle(workflow_id).fetch_history()
