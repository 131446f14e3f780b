"""What the server alone knows: of workflows that cannot speak for themselves, and of workers that are not
there."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from temporalio.api.common.v1 import WorkflowExecution as ExecutionKey
from temporalio.api.enums.v1 import EventType, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription, WorkflowFailureError
from temporalio.common import SearchAttributeKey

from order_system.attention.concerns import (
    STARTER,
    Concern,
    ConcernKind,
    WaitingOrder,
    batch_command,
    status_command,
)
from order_system.domain import policy
from order_system.domain.ids import batch_workflow_id, order_workflow_id
from order_system.domain.search_attributes import FAILED_STEP, ORDER_ID
from order_system.domain.steps import STEP_UNDONE_BY, Step
from order_system.infra import policy as infra_policy
from workflows.batch import BatchFulfillmentWorkflow

PROBLEMS = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")

_LAST_EVENTS = 10
"""Among them is the failure that the workflow task is retried for."""
_MOST_CHARACTERS = 300


def order_id_of(execution: WorkflowExecution) -> str:
    """Of an order or of one of its steps; else its workflow ID."""
    return execution.typed_search_attributes.get(ORDER_ID) or execution.id.removeprefix(order_workflow_id(""))


def batch_name(execution: WorkflowExecution) -> str:
    return execution.id.removeprefix(batch_workflow_id(""))


def order_by_server(order: WorkflowExecutionDescription, batch: str | None) -> Iterator[Concern]:
    """Of an order that needs attention while no worker answers for it: its pending undos, or else a hold."""
    waiting = WaitingOrder(order_id_of(order), order.run_id, batch)
    pending = order.raw_description.pending_activities
    undos = [activity for activity in pending if activity.activity_type.name in STEP_UNDONE_BY]
    for undo in undos:
        reason = f"attempt {undo.attempt}: {undo.last_failure.message}"
        yield waiting.stuck_at(STEP_UNDONE_BY[undo.activity_type.name], reason)
    if pending and not undos:
        yield waiting.unknown_need(what_fails(order) or "no worker answers for it")
    if not pending:
        step = order.typed_search_attributes.get(FAILED_STEP)
        reason = "no worker answers, so why and for how long is not known"
        yield waiting.held_at(Step(step) if step else None, reason, None)


def what_fails(described: WorkflowExecutionDescription, *, least_attempts: int = 1) -> str | None:
    """The first of its pending activities that has failed at least so often, or was paused."""
    for activity in described.raw_description.pending_activities:
        if activity.last_failure.message and activity.attempt >= least_attempts:
            what = f"{activity.activity_type.name}, attempt {activity.attempt}: "
            return _one_line(what + activity.last_failure.message)
        if activity.paused:
            return f"{activity.activity_type.name} was paused by hand"
    return None


async def stuck_on_bug(temporal: Client, stuck: WorkflowExecutionDescription) -> Concern:
    is_batch = stuck.workflow_type == BatchFulfillmentWorkflow.__name__
    name, order_id = batch_name(stuck), order_id_of(stuck)
    task = stuck.raw_description.pending_workflow_task
    since = task.original_scheduled_time
    return Concern(
        kind=ConcernKind.BUG,
        workflow_id=stuck.id,
        run_id=stuck.run_id,
        order_id=None if is_batch else order_id,
        batch=name if is_batch else None,
        since=since.ToDatetime(stuck.start_time.tzinfo) if since.seconds else None,
        reason=await _task_failure(temporal, stuck) or _reported(stuck),
        commands=(batch_command("status", name) if is_batch else status_command(order_id),),
        cure="mend or roll back the code, and restart the workers: it goes on where it stands",
    )


def _reported(stuck: WorkflowExecutionDescription) -> str:
    """`category=WorkflowTaskFailed, cause=...` as the server puts it, without the names."""
    problems = stuck.typed_search_attributes.get(PROBLEMS) or ()
    return ", ".join(problem.partition("=")[2] or problem for problem in problems)


async def _task_failure(temporal: Client, stuck: WorkflowExecutionDescription) -> str | None:
    """The words of the failure, which only the history has."""
    history = await temporal.workflow_service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(
            namespace=temporal.namespace,
            execution=ExecutionKey(workflow_id=stuck.id, run_id=stuck.run_id),
            maximum_page_size=_LAST_EVENTS,
        ),
        timeout=infra_policy.RPC,
    )
    for event in history.history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failure = event.workflow_task_failed_event_attributes.failure
            kind = failure.application_failure_info.type
            return _one_line(f"{kind}: {failure.message}" if kind else failure.message) or None
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
            return "its workflow task times out"
    return None


def retried_batch(batch: WorkflowExecutionDescription) -> Concern | None:
    """A page that cannot be read is read again without limit."""
    fails = what_fails(batch, least_attempts=policy.RETRIED_AGAIN_AND_AGAIN)
    if not fails:
        return None
    name = batch_name(batch)
    return Concern(
        kind=ConcernKind.RETRIED,
        workflow_id=batch.id,
        run_id=batch.run_id,
        batch=name,
        reason=fails,
        commands=(batch_command("status", name), batch_command("cancel", name)),
        cure="make its file and its database readable again: it goes on by itself; or cancel it",
    )


async def failed_batch(temporal: Client, batch: WorkflowExecution) -> Concern:
    name = batch_name(batch)
    return Concern(
        kind=ConcernKind.BATCH_FAILED,
        workflow_id=batch.id,
        run_id=batch.run_id,
        batch=name,
        since=batch.close_time,
        reason=await _why_it_failed(temporal, batch),
        commands=(batch_command("status", name),),
        cure=f"run its file again: {STARTER} batch run FILE --name {name}",
    )


def with_waiting_orders(name: str, orders: int) -> Concern:
    return Concern(
        kind=ConcernKind.BATCH_ORDERS,
        workflow_id=batch_workflow_id(name),
        batch=name,
        reason="1 order of it" if orders == 1 else f"{orders:,} orders of it",
        commands=(batch_command("status", name),),
    )


async def _why_it_failed(temporal: Client, execution: WorkflowExecution) -> str:
    """Of a workflow that has failed, or was terminated."""
    handle = temporal.get_workflow_handle(execution.id, run_id=execution.run_id)
    try:
        await handle.result(follow_runs=False, rpc_timeout=infra_policy.RPC)
    except WorkflowFailureError as failure:
        cause: BaseException = failure
        while cause.__cause__ is not None:
            cause = cause.__cause__
        return _one_line(str(cause))
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_MOST_CHARACTERS]


async def workers_poll(temporal: Client, task_queue: str) -> bool:
    """Whether somebody has lately asked for workflow tasks, and for activities. True for a while after the
    last worker was killed."""
    since = datetime.now(UTC) - infra_policy.POLLED_WITHIN

    async def polled(kind: TaskQueueType.ValueType) -> bool:
        request = DescribeTaskQueueRequest(
            namespace=temporal.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
        )
        queue = await temporal.workflow_service.describe_task_queue(request, timeout=infra_policy.RPC)
        return any(poller.last_access_time.ToDatetime(UTC) > since for poller in queue.pollers)

    kinds = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
    return all(await asyncio.gather(*map(polled, kinds)))


def no_worker(task_queue: str, open_workflows: int) -> Concern:
    what = "1 workflow is open" if open_workflows == 1 else f"{open_workflows:,} workflows are open"
    return Concern(
        kind=ConcernKind.NO_WORKER,
        workflow_id="",
        reason=f"{what}, and nobody takes work from the task queue {task_queue}",
        commands=("python worker.py",),
    )
