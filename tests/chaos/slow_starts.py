"""A server that takes its time with the start of an order: longer than the batch keeps a place for it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.worker import (
    Interceptor,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from order_system.domain.ids import order_workflow_id

PATIENCE = timedelta(seconds=6)
"""Of a batch, at the product's own pace: five minutes would be too long for us (`pace.py`)."""
LONG = timedelta(seconds=15)
"""What such a start takes."""


class SlowStarts(Interceptor):
    """For workers, and for whoever replays what they did. `is_slow` is asked by order ID, and told whether
    the history is replayed."""

    def __init__(self, is_slow: Callable[[str, bool], bool], pace: float) -> None:
        self._is_slow = is_slow
        self._pace = pace

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002
    ) -> type[WorkflowInboundInterceptor] | None:
        is_slow, pace = self._is_slow, self._pace

        class Outbound(WorkflowOutboundInterceptor):
            async def start_child_workflow(self, input: StartChildWorkflowInput) -> Any:  # noqa: A002
                order_id = input.id.removeprefix(order_workflow_id(""))
                if order_id != input.id and is_slow(order_id, workflow.unsafe.is_replaying()):
                    await workflow.sleep(LONG * pace)
                return await super().start_child_workflow(input)

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

        return Inbound
