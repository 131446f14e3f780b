"""What the server knows of an order's workflow: whether it is open, and its content."""

from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client

from order_system.domain.book import Server
from order_system.domain.errors import KeyTrouble
from order_system.domain.ids import FINGERPRINT, order_workflow_id
from order_system.domain.order import Order, SubmissionRef, Wire
from order_system.domain.reconciliation import CurrentRun
from order_system.domain.search_attributes import BATCH_NAME
from order_system.infra import policy
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import if_there
from order_system.infra.temporal.executions import describe
from order_system.infra.temporal.servers import server_of
from workflows.order import OrderFulfillmentWorkflow

_WAKE = "wake"

Input = TypeVar("Input", bound=Wire)


async def input_of(temporal: Client, workflow_id: str, run_id: str, kind: type[Input]) -> Input | None:
    """Return the input of the run, or of the newest run if `run_id` is blank. None if it is forgotten."""
    run = temporal.get_workflow_handle(workflow_id, run_id=run_id)
    first = await if_there(anext(run.fetch_history_events(page_size=1, rpc_timeout=policy.RPC)))
    if first is None:
        return None
    started = first.workflow_execution_started_event_attributes
    [content] = await temporal.data_converter.decode(started.input.payloads, [kind])
    return content


class TemporalOrderRuns:
    """Implements `domain.reconciliation.OrderRuns` with a Temporal client. Raises the SDK's RPCError."""

    def __init__(self, temporal: Client) -> None:
        self.temporal = temporal

    async def server(self) -> Server:
        return await server_of(self.temporal)

    async def current_run(self, order_id: str) -> CurrentRun | None:
        # The raw call: the SDK's own model refuses a workflow state that is newer than the SDK.
        request = DescribeWorkflowExecutionRequest(
            namespace=self.temporal.namespace,
            execution=WorkflowExecution(workflow_id=order_workflow_id(order_id)),
        )
        describing = self.temporal.workflow_service.describe_workflow_execution
        answer = await if_there(describing(request, retry=True, timeout=policy.RPC))
        if answer is None:
            return None
        info = answer.workflow_execution_info
        return CurrentRun(
            submission=info.first_run_id or info.execution.run_id,
            is_open=not info.HasField("close_time"),
            completed=info.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED,
        )

    async def begin_forgotten(self, started_before: datetime) -> None:
        query = visibility.all_of(
            visibility.of_type(OrderFulfillmentWorkflow),
            visibility.RUNNING,
            f"{BATCH_NAME.name} IS NOT NULL",  # any other order gets its first task with the start itself
            visibility.started_before(started_before),
        )
        async for order in self.temporal.list_workflows(query, rpc_timeout=policy.RPC):
            if (described := await describe(self.temporal, order.id, order.run_id)) is None:
                continue  # lists are late
            only_started = described.history_length == 1
            if only_started and not described.raw_description.HasField("pending_workflow_task"):
                handle = self.temporal.get_workflow_handle(order.id, run_id=order.run_id)
                await if_there(handle.signal(_WAKE, rpc_timeout=policy.RPC))  # any signal brings a task

    async def order_of(self, ref: SubmissionRef) -> Order | None:
        with suppress(KeyTrouble):
            return await input_of(self.temporal, order_workflow_id(ref.order_id), ref.submission, Order)
        return None

    async def fingerprint(self, order_id: str) -> str | None:
        """Return it from the workflow's memo: the book has it only once the payment opens the submission."""
        newest = await describe(self.temporal, order_workflow_id(order_id))
        return None if newest is None else str((await newest.memo()).get(FINGERPRINT, ""))
