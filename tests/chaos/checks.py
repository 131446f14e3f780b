"""The judgement when all is quiet: the audit's invariants, and what a run of real processes owes besides."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from unittest.mock import patch

from temporalio.client import WorkflowExecution, WorkflowExecutionStatus, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from order_system.audit.report import AuditReport, audit_now
from order_system.batches.reports import BatchReports
from order_system.domain import policy
from order_system.domain.book import SubmissionStatus
from order_system.domain.ids import order_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Flow
from order_system.domain.steps import STEP_UNDONE_BY
from tests.chaos import slow_starts
from tests.chaos.cases import START, TERMINATES, Blow
from tests.chaos.diary import IN_TIME
from tests.chaos.points import is_undo
from tests.chaos.run import Run
from tests.chaos.truth import TRUE, untrue
from workflows.registry import WORKFLOWS

REPLAYED = 1_000
"""Histories at most; more are drawn by lot."""
_TO_STATUS = {
    WorkflowExecutionStatus.COMPLETED: {SubmissionStatus.FULFILLED},
    WorkflowExecutionStatus.FAILED: {SubmissionStatus.FAILED},
    WorkflowExecutionStatus.CANCELED: {SubmissionStatus.CANCELLED},
    # It ran no code of ours after that: the book knows better, and wins.
    WorkflowExecutionStatus.TERMINATED: set(SubmissionStatus) - {SubmissionStatus.OPEN},
}


@dataclass(frozen=True)
class Judgement:
    """What `judge` found; the numbers are for the report."""

    audit: AuditReport
    found: dict[str, list[str]]
    """By the names of our own checks: what broke them."""
    untrue: list[str]
    """What was said and is not so (`truth.py`)."""
    executions: int
    histories: int
    """How many of them were replayed."""
    waiting: int
    """Orders that wait for a person."""
    called: int
    """Orders that have called for a person at some time."""

    @property
    def checked(self) -> list[str]:
        return [*(check.name for check in self.audit.checks), *self.found, TRUE]

    @property
    def broken(self) -> list[str]:
        audited = [f"{check.name}: {line}" for check in self.audit.checks for line in check.violations]
        return [*audited, *(f"{name}: {line}" for name, lines in self.found.items() for line in lines)]


async def judge(run: Run, *, replayed: int = REPLAYED) -> Judgement:
    executions = [found async for found in _executions(run)]
    waiting = await _waiting_for_a_person(run, executions)
    histories, differing = await _replay(run, executions, replayed)
    found: dict[str, list[str]] = {
        "all was quiet in time": [f"{order_id} is still open" for order_id in run.unsettled],
        "the harness did what it planned": list(run.arena.troubles),
        "no order is lost": await _lost(run),
        "workflow and book agree": await _disagreements(run, executions),
        "no cancel is lost": await _lost_cancels(run),
        "no undo begins while a step still runs": await _undone_beside_a_step(run, executions),
        "nothing is open but what needs attention": await _unexplained(run, executions, waiting),
        "every history replays": differing,
        "batches account for every line": await _unaccounted_lines(run),
        "no outage of ours, or of a gateway, fails an order": await _failed_by_an_outage(run),
    }
    system = run.arena.system
    return Judgement(
        audit=await audit_now(system.book, system.world),
        found=found,
        untrue=await untrue(run, waiting),
        executions=len(executions),
        histories=histories,
        waiting=len(waiting),
        called=len(_called_for_a_person(run)),
    )


async def _executions(run: Run) -> AsyncIterator[WorkflowExecution]:
    queue = run.arena.system.task_queue
    async for found in run.temporal.list_workflows(f"TaskQueue = '{queue}'"):
        yield found


async def _lost(run: Run) -> list[str]:
    records = await run.records()
    return [order.order_id for order in run.plan.orders if order.order_id not in records]


async def _disagreements(run: Run, executions: list[WorkflowExecution]) -> list[str]:
    """By submission: each run of an order's workflow against what the book says of just that one. A run
    that found its order fulfilled before has no submission of its own."""
    ledger = await run.arena.system.book.ledger()
    by_submission = {(record.ref.order_id, record.ref.submission): record for record, _ in ledger.entries}
    preferred = await run.records()
    other_content = {entry.order_id for entry in run.fired if entry.blow == Blow.OTHER_CONTENT}
    problems: list[str] = []
    for order_id, found in _order_runs(run, executions):
        if found.status not in _TO_STATUS:
            continue
        record = by_submission.get((order_id, found.run_id))
        if record is None and found.status is WorkflowExecutionStatus.COMPLETED:
            record = preferred.get(order_id)
        if record is None and found.status is WorkflowExecutionStatus.TERMINATED:
            continue  # before it had opened anything
        if record is None and found.status is WorkflowExecutionStatus.FAILED and order_id in other_content:
            continue  # refused: the order had been fulfilled with the content that came first
        if record is None or record.status not in _TO_STATUS[found.status]:
            says = record.status if record else "nothing"
            problems.append(f"{found.id}/{found.run_id} is {found.status.name}, and the book says {says}")
    return problems


def _order_runs(run: Run, executions: list[WorkflowExecution]) -> Iterator[tuple[str, WorkflowExecution]]:
    orders = {order_workflow_id(order.order_id): order.order_id for order in run.plan.orders}
    for found in executions:
        if found.id in orders:
            yield orders[found.id], found


async def _lost_cancels(run: Run) -> list[str]:
    """Accepted while money was being taken or stock reserved, a cancel ends the order as cancelled: nothing
    else may have come first. A batch that is run again, and whoever submits again, start the order anew."""
    records = await run.records()
    planned = {order.order_id: order for order in run.plan.orders}
    problems: list[str] = []
    for entry in run.arena.entries.entries:
        before_shipping = entry.point.endswith(("charge", "reserve")) and not is_undo(entry.point)
        if entry.what != IN_TIME or entry.blow != Blow.CANCEL or not before_shipping:
            continue
        order = planned[entry.order_id]
        started_anew = order.batch or any(TERMINATES & set(fault.blows) for fault in order.faults)
        status = records[entry.order_id].status if entry.order_id in records else None
        if status is not SubmissionStatus.CANCELLED and not started_anew:
            problems.append(f"{entry.order_id} was cancelled {entry.point}, and is {status}")
    return problems


async def _undone_beside_a_step(run: Run, executions: list[WorkflowExecution]) -> list[str]:
    """Of two steps side by side, the one that was asked to stop is awaited. A cancel may come before a step
    has begun, and then waits for none."""
    side_by_side = {order.order_id for order in run.plan.orders if order.flow is Flow.PARALLEL}
    problems: list[str] = []
    for order_id, found in _order_runs(run, executions):
        if order_id in side_by_side and found.status is WorkflowExecutionStatus.FAILED:
            handle = run.temporal.get_workflow_handle(found.id, run_id=found.run_id)
            problems += [f"{child} ran on" for child in _running_at_an_undo(await handle.fetch_history())]
    return problems


def _running_at_an_undo(history: WorkflowHistory) -> set[str]:
    running: set[str] = set()
    for event in history.events:
        match event.WhichOneof("attributes"):
            case "child_workflow_execution_started_event_attributes":
                started = event.child_workflow_execution_started_event_attributes
                running.add(started.workflow_execution.workflow_id)
            case "activity_task_scheduled_event_attributes" if running:
                if event.activity_task_scheduled_event_attributes.activity_type.name in STEP_UNDONE_BY:
                    return running
            case str() as kind if kind.startswith("child_workflow_execution_"):
                running.discard(getattr(event, kind).workflow_execution.workflow_id)
            case _:
                pass
    return set()


async def _waiting_for_a_person(run: Run, executions: list[WorkflowExecution]) -> set[str]:
    """IDs of order workflows that are open and say of themselves that they need attention."""
    open_orders = [
        order_id
        for order_id, found in _order_runs(run, executions)
        if found.status is WorkflowExecutionStatus.RUNNING
    ]
    documents = await asyncio.gather(*(run.orders.status(order_id) for order_id in open_orders))
    return {each.order_id for each in documents if each.status is OrderStatus.NEEDS_ATTENTION}


async def _unexplained(run: Run, executions: list[WorkflowExecution], waiting: set[str]) -> list[str]:
    explained = {order_workflow_id(order_id) for order_id in waiting}
    workflows = [
        f"{found.id} is open"
        for found in executions
        if found.status is WorkflowExecutionStatus.RUNNING and found.id not in explained
    ]
    book = [
        f"{order_id} is open in the book, and no workflow works on it"
        for order_id, record in (await run.records()).items()
        if record.status is SubmissionStatus.OPEN and order_id not in waiting
    ]
    return workflows + book


async def _replay(run: Run, executions: list[WorkflowExecution], limit: int) -> tuple[int, list[str]]:
    """How many histories were replayed, and which did otherwise than they had.

    Patience is everybody's in this process, so of runs that are judged side by side one at most replays: two
    patches that overlap would leave it changed for good."""
    if not limit:
        return 0, []
    chosen = executions
    if len(chosen) > limit:
        chosen = random.Random(run.plan.seed).sample(chosen, limit)

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for found in chosen:
            handle = run.temporal.get_workflow_handle(found.id, run_id=found.run_id)
            yield await handle.fetch_history()

    slow = {order.order_id for order in run.plan.orders if START in order.points}
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=[slow_starts.SlowStarts(lambda order_id, _: order_id in slow, run.arena.pace)],
    )
    with patch.object(policy, "BATCH_PATIENCE", slow_starts.PATIENCE * run.arena.pace):
        results = await replayer.replay_workflows(histories(), raise_on_replay_failure=False)
    return len(chosen), [f"{run_id}: {failure}" for run_id, failure in results.replay_failures.items()]


async def _failed_by_an_outage(run: Run) -> list[str]:
    """Attempts count only once they have reached a gateway, and patience is longer than these outages."""
    if not run.plan.fails_nobody:
        return []
    return [
        f"{order_id} is {record.status}: {record.reason}"
        for order_id, record in (await run.records()).items()
        if record.status is not SubmissionStatus.FULFILLED
    ]


async def _unaccounted_lines(run: Run) -> list[str]:
    problems: list[str] = []
    batches: BatchReports = run.arena.system.batch_reports()
    for name, orders in run.plan.batches().items():
        lines = Counter([line.order_id async for line in batches.outcome(name)])
        expected = Counter(order.order_id for order in orders)
        problems += [f"{name}: {order_id}" for order_id in (lines - expected) + (expected - lines)]
    return problems


def _called_for_a_person(run: Run) -> set[str]:
    """Workflow IDs, by the workers' own log, of orders that called for a person at some time."""
    log = run.arena.folder / "worker.log"
    called: set[str] = set()
    for line in log.read_text(errors="replace").splitlines():
        if "is stuck" in line and line.startswith("{"):
            called.add(str(json.loads(line).get("workflow_id")))
    return called
