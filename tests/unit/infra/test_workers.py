"""Who serves the queue of a step, by its long polls. One takes a minute where nothing may be handed out."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from temporalio.api.taskqueue.v1 import PollerInfo
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client

from order_system.infra.temporal.workers import Workers


@pytest.mark.parametrize("a_second", [None, 0, 5])
async def test_a_queue_that_is_throttled_is_not_taken_for_deserted(a_second: float | None) -> None:
    polled = PollerInfo(identity="worker")
    polled.last_access_time.FromDatetime(datetime.now(UTC) - timedelta(seconds=50))
    queue = DescribeTaskQueueResponse(pollers=[polled])
    queue.stats.approximate_backlog_count = 1
    queue.stats.approximate_backlog_age.FromTimedelta(timedelta(minutes=5))
    if a_second is not None:
        queue.config.queue_rate_limit.rate_limit.requests_per_second = a_second

    async def describe(request: DescribeTaskQueueRequest, **_: object) -> DescribeTaskQueueResponse:
        assert request.report_config
        return queue

    service = SimpleNamespace(describe_task_queue=describe)
    temporal = cast("Client", SimpleNamespace(namespace="default", workflow_service=service))
    assert bool(await Workers(temporal, "orders").deserted()) is (a_second is None)
