"""Concerns about workflows that cannot report for themselves, built from what the server knows of them."""

import shlex
from collections.abc import Iterator
from datetime import datetime

import temporalio.client as sdk
from temporalio.api.common.v1 import WorkflowExecution as ExecutionKey
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.common import SearchAttributeKey

from order_system.attention.concerns import Concern, ConcernKind, WaitingOrder, about_batch
from order_system.domain import messages
from order_system.domain.errors import KeyTrouble, WrongBook
from order_system.domain.ids import batch_name, order_id_in, refund_workflow_id, webhook_workflow_id
from order_system.domain.money import decimal_text
from order_system.domain.refunds import Refund
from order_system.domain.search_attributes import BATCH_NAME, FAILED_STEP, ORDER_ID
from order_system.domain.steps import Step
from order_system.domain.webhooks import WHICH, WHY
from order_system.infra import policy
from order_system.infra.process import STARTER
from order_system.infra.temporal.executions import describe, memo_of, open_failure
from order_system.orders.status import attempt_that_failed, next_attempts, pending_undos
from workflows.batch import BatchFulfillmentWorkflow
from workflows.failures import root_cause

PROBLEMS = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")

_LAST_EVENTS = 10
"""Events to read from the end of a history: the failure that has the workflow task retried is among them."""
_MOST_CHARACTERS = 300


def order_id_of(execution: sdk.WorkflowExecution) -> str:
    """Return the order ID of an order's workflow or one of its steps; for any other, the workflow ID."""
    return execution.typed_search_attributes.get(ORDER_ID) or order_id_in(execution.id)


def waiting_order(execution: sdk.WorkflowExecution, since: datetime | None = None) -> WaitingOrder:
    batch = execution.typed_search_attributes.get(BATCH_NAME)
    return WaitingOrder(order_id_of(execution), execution.run_id, batch, since)


def order_by_server(order: sdk.WorkflowExecutionDescription, silence: str) -> Iterator[Concern]:
    """Yield the concerns of an order that needs attention and answers no query: its pending undos, or else a
    hold. `silence` says why it does not answer."""
    waiting = waiting_order(order)
    undos = pending_undos(order)
    for step, reason in undos.items():
        yield waiting.concern(ConcernKind.STUCK_UNDO, reason, step=step)
    if not order.raw_description.pending_activities:
        step = order.typed_search_attributes.get(FAILED_STEP)
        reason = f"{silence}, so why and for how long is not known"
        yield waiting.concern(ConcernKind.HELD, reason, step=Step(step) if step else None)
    elif not undos:
        yield waiting.concern(ConcernKind.UNKNOWN_NEED, what_fails(order) or silence)


def what_fails(described: sdk.WorkflowExecutionDescription, *, least_attempts: int = 1) -> str | None:
    """Describe the first pending activity that was paused, or failed and has come to `least_attempts`."""
    for activity in described.raw_description.pending_activities:
        if activity.last_failure.message and activity.attempt >= least_attempts:
            what = f"{activity.activity_type.name}, attempt {attempt_that_failed(activity)}: "
            return one_line(what + activity.last_failure.message)
        if activity.paused:
            return f"{activity.activity_type.name} was paused by hand"
    return None


async def why_silent(temporal: sdk.Client, order: sdk.WorkflowExecutionDescription, *, workers: bool) -> str:
    """Say why an order answers no query: its code fails, or no worker answers."""
    tried_again = order.raw_description.pending_workflow_task.attempt > 1
    failure = await _task_failure(temporal, order) if workers and tried_again else None
    return f"its code fails ({failure})" if failure else "no worker answers for it"


def refused_for_its_book(described: sdk.WorkflowExecutionDescription) -> str | None:
    """Return the message by which a worker of another book refused a pending activity; None without one."""
    failures = (activity.last_failure for activity in described.raw_description.pending_activities)
    refused = (each for each in failures if each.application_failure_info.type == WrongBook.__name__)
    return next((each.message for each in refused), None)


async def on_bug(temporal: sdk.Client, stuck: sdk.WorkflowExecutionDescription) -> Concern:
    began = stuck.raw_description.pending_workflow_task.original_scheduled_time
    since = began.ToDatetime(stuck.start_time.tzinfo) if began.seconds else None
    # The server's `category=WorkflowTaskFailed`, `cause=...`, without the names before the `=`.
    reported = [each.partition("=")[2] or each for each in stuck.typed_search_attributes.get(PROBLEMS) or ()]
    reason = await _task_failure(temporal, stuck) or ", ".join(reported)
    if stuck.workflow_type == BatchFulfillmentWorkflow.__name__:
        name = batch_name(stuck.id)
        return about_batch(ConcernKind.BUG, name, reason, run_id=stuck.run_id, since=since)
    order = WaitingOrder(order_id_of(stuck), stuck.run_id, since=since)
    return order.concern(ConcernKind.BUG, reason, workflow_id=stuck.id)


async def undelivered(sending: sdk.WorkflowExecution) -> list[Concern]:
    event_id = sending.id.removeprefix(webhook_workflow_id(""))
    concern = Concern(
        kind=ConcernKind.UNDELIVERED,
        workflow_id=sending.id,
        run_id=sending.run_id,
        order_id=sending.typed_search_attributes.get(ORDER_ID),
        event_id=event_id,
        since=sending.start_time,
        reason=": ".join([each for key in (WHICH, WHY) if (each := await memo_of(sending, key))]),
        commands=(f"{STARTER} webhooks again {event_id}", f"{STARTER} webhooks again {event_id} --drop"),
    )
    return [concern]


async def stuck_refund(temporal: sdk.Client | None, order_id: str, refund: Refund) -> Concern:
    """Return the concern about an unfinished refund; `temporal` is None if no server answers. To ask for it
    again resumes one without a workflow."""
    workflow_id, order = refund_workflow_id(order_id, refund.refund_id), shlex.quote(order_id)
    found = temporal and await describe(temporal, workflow_id)
    if found is not None and found.status is sdk.WorkflowExecutionStatus.RUNNING:
        why = what_fails(found) or "no worker takes it"
        resolve = f"{STARTER} resolve {order} payment --refund {refund.refund_id}"
        commands = (f"{resolve} --retry", f'{resolve} --handled --note "..."')
    else:
        why = "no workflow is at work on it" if temporal else "only the server knows why"
        commands = (f'{STARTER} refund {order} --id {refund.refund_id} --note "..."',)
    return Concern(
        kind=ConcernKind.STUCK_REFUND,
        workflow_id=workflow_id,
        run_id=found and found.run_id,
        order_id=order_id,
        step=Step.PAYMENT,
        refund=refund.refund_id,
        since=refund.asked_at,
        reason=f"{refund}; {why}",
        commands=commands,
        amount=decimal_text(refund.amount, refund.currency) if refund.amount else None,
        currency=refund.currency,
        next_attempt_at=next(iter(next_attempts(found).values()), None) if found else None,
    )


async def _task_failure(temporal: sdk.Client, stuck: sdk.WorkflowExecutionDescription) -> str | None:
    """Return the message of the failed workflow task, which only the history has."""
    history = await temporal.workflow_service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(
            namespace=temporal.namespace,
            execution=ExecutionKey(workflow_id=stuck.id, run_id=stuck.run_id),
            maximum_page_size=_LAST_EVENTS,
        ),
        retry=True,
        timeout=policy.RPC,
    )
    for event in history.history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failure = event.workflow_task_failed_event_attributes.failure
            await open_failure(temporal, failure)
            kind = failure.application_failure_info.type
            return one_line(f"{kind}: {failure.message}" if kind else failure.message) or None
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
            return "its workflow task times out"
    return None


async def why_it_failed(temporal: sdk.Client, execution: sdk.WorkflowExecution) -> str:
    handle = temporal.get_workflow_handle(execution.id, run_id=execution.run_id)
    try:
        await handle.result(follow_runs=False, rpc_timeout=policy.RPC)
    except (sdk.WorkflowFailureError, KeyTrouble) as failure:
        return one_line(str(root_cause(failure)))
    return ""


def one_line(text: str) -> str:
    return " ".join(messages.one_line(text).split())[:_MOST_CHARACTERS]
