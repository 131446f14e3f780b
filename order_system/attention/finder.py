"""Finds what waits for a person: it searches the server, and looks at each workflow that a search finds.

An order reports what it waits for, if a worker answers its queries; otherwise the server's view of its
pending activities must do. If a workflow cannot report, because it is stuck on a bug or a file or has no
worker, the server still knows. So every open workflow that makes no progress is listed.

The cost: eight searches, a count, another for each version of the workers, some questions about task queues,
and two or three calls for each workflow found, a few workflows at a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription, WorkflowExecutionStatus

from order_system.attention import stuck
from order_system.attention.concerns import Concern, ConcernKind, about_all, about_batch, concerns_of
from order_system.attention.stuck import waiting_order
from order_system.domain import policy as domain_policy
from order_system.domain.errors import KeyTrouble
from order_system.domain.ids import BOOK, batch_name, is_of_book, step_workflow_id, task_queue_of
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress, StepState
from order_system.domain.webhooks import UNDELIVERED
from order_system.domain.wording import so_many
from order_system.infra import policy
from order_system.infra.process import WORKER
from order_system.infra.temporal import visibility
from order_system.infra.temporal.deployment import describe_deployment, in_full, is_on
from order_system.infra.temporal.executions import describe, memo_of
from order_system.infra.temporal.visibility import RUNNING
from order_system.infra.temporal.workers import Workers
from order_system.orders.status import OrderStatusReader
from workflows.batch import BatchFulfillmentWorkflow
from workflows.order import OrderFulfillmentWorkflow
from workflows.webhook import WebhookWorkflow

_ORDERS = visibility.of_type(OrderFulfillmentWorkflow)
_BATCHES = visibility.of_type(BatchFulfillmentWorkflow)
_NEEDS_ATTENTION = f"OrderStatus = '{OrderStatus.NEEDS_ATTENTION}'"
_SAYS_NOTHING = f"(OrderStatus IS NULL OR OrderStatus != '{OrderStatus.NEEDS_ATTENTION}')"
_UNDELIVERED = f"{visibility.of_type(WebhookWorkflow)} AND OrderStatus = '{UNDELIVERED}'"
_BUGS = "TemporalReportedProblems IS NOT NULL"
_FAILED = "ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut')"

Look = Callable[[WorkflowExecution], Awaitable[Sequence[Concern]]]


@dataclass
class AttentionFinder:
    """One search for all concerns: make a new one for each. Raises the SDK's RPCError if the server fails."""

    temporal: Client
    status: OrderStatusReader
    workers: Workers
    task_queue: str
    book: str
    slow_after: timedelta
    among: str | None = None
    """A visibility condition that limits which workflows are looked at; None for all."""
    _now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _served: bool = True
    """Whether a worker takes work from the task queue."""
    _others: list[str] = field(default_factory=list[str])
    """The identities of workers that serve another book."""
    _unanswered: int = 0
    _told: set[str] = field(default_factory=set[str])
    """The IDs of orders that are already listed."""
    _orders_of_batches: Counter[str] = field(default_factory=Counter[str])

    async def concerns(self) -> AsyncGenerator[Concern]:
        open_ones = await self.temporal.count_workflows(self._where(RUNNING), rpc_timeout=policy.RPC)
        if self.book and self.task_queue != task_queue_of(self.book):
            there = await self.workers.identities()
            self._others = sorted(each for each in there if not is_of_book(each, self.book))
        if self._others:
            whose = f"the task queue {self.task_queue} of book {self.book}"
            reason = f"work is taken from {whose} by {', '.join(self._others)}, too"
            yield about_all(ConcernKind.OTHER_BOOK, reason)
        if open_ones.count:
            self._served = await self.workers.surely_at_work() > 0
            if not self._served:
                what = so_many(open_ones.count, "workflow is open", "workflows are open")
                reason = f"{what}, and nobody takes work from the task queue {self.task_queue}"
                yield about_all(ConcernKind.NO_WORKER, reason)
            for queue in await self.workers.deserted():
                reason = f"activities wait on the task queue {queue}, and nobody takes them"
                cure = "start a worker with ORDER_QUEUES_BY_STEP=true"
                yield about_all(ConcernKind.NO_WORKER, reason, cure=cure)
        async for concern in self._on_deserted_versions():
            yield concern
        async for concern in self._on_deserted_queues():
            yield concern
        slow = visibility.started_before(self._now - self.slow_after)
        not_new = visibility.started_before(self._now - policy.BOOKS_DIFFER_AFTER)
        for query, look in (
            (self._where(_ORDERS, RUNNING, _NEEDS_ATTENTION), self._if_open(self._order)),
            (self._where(RUNNING, _BUGS), self._if_open(self._bug)),
            (self._where(_ORDERS, RUNNING, _SAYS_NOTHING, slow), self._slow_order),
            (self._where(_BATCHES, RUNNING), self._if_open(self._running_batch)),
            (self._where(_BATCHES, _FAILED), self._failed_batch),
            (self._where(RUNNING, _UNDELIVERED), stuck.undelivered),
            (self._where(_ORDERS, RUNNING, not_new), self._between_books),
        ):
            async for concern in self._looked_at(query, look):
                yield concern
        for name, orders in sorted(self._orders_of_batches.items()):
            reason = so_many(orders, "order of it", "orders of it")
            yield about_batch(ConcernKind.BATCH_ORDERS, name, reason)

    async def _on_deserted_versions(self) -> AsyncGenerator[Concern]:
        """Yield a concern for each version with open workflows and no worker. A pinned workflow needs a
        worker of its own version; a workflow that has none yet needs one of the current version."""
        for name in sorted(self.workers.deployments) if self._served else ():
            there = await describe_deployment(self.temporal, name)
            current = in_full(there.routing_config.current_deployment_version)
            for version in ("", *(in_full(each.deployment_version) for each in there.version_summaries)):
                query = self._where(RUNNING, is_on(version))
                number = (await self.temporal.count_workflows(query, rpc_timeout=policy.RPC)).count
                if number and not await self.workers.surely_at_work(version or current):
                    what = so_many(number, "workflow is", "workflows are")
                    where = (
                        version or f"no version, so due to the current one, {current or 'which is not set'}"
                    )
                    reason = f"{what} open on {where}; no worker of it is at work"
                    yield about_all(ConcernKind.NO_WORKER_OF_VERSION, reason)

    async def _on_deserted_queues(self) -> AsyncGenerator[Concern]:
        """Yield the orders of this book that were submitted to another task queue, which no worker serves."""
        elsewhere = f"TaskQueue != {visibility.quoted(self.task_queue)}"
        query = visibility.all_of(_ORDERS, RUNNING, elsewhere, self.among)
        served: dict[str, bool] = {}
        async for execution in self.temporal.list_workflows(query, rpc_timeout=policy.RPC):
            if not self.book or await memo_of(execution, BOOK) != self.book:
                continue
            queue = execution.task_queue
            if queue not in served:
                served[queue] = await Workers(self.temporal, queue).surely_at_work() > 0
            if not served[queue]:
                reason = f"it is on the task queue {queue}, from which nobody takes work"
                waiting = waiting_order(execution, execution.start_time)
                cure = f"start a worker there: ORDER_TASK_QUEUE={queue} {WORKER}"
                yield waiting.concern(ConcernKind.NO_WORKER, reason, cure=cure)

    def _where(self, *conditions: str) -> str:
        return visibility.all_of(visibility.on_queue(self.task_queue), *conditions, self.among)

    async def _looked_at(self, query: str, look: Look) -> AsyncGenerator[Concern]:
        """Look at the workflows that the query finds, WATCH_AT_ONCE side by side, in the order found. One
        that cannot be read, since its key is not here, is itself a concern, and hides no other."""

        async def looked(execution: WorkflowExecution) -> Sequence[Concern]:
            try:
                return await look(execution)
            except KeyTrouble as trouble:
                kind, which = ConcernKind.UNKNOWN_NEED, execution.id
                return [waiting_order(execution).concern(kind, str(trouble), workflow_id=which)]

        found: list[WorkflowExecution] = []
        async for execution in self.temporal.list_workflows(query, rpc_timeout=policy.RPC):
            found.append(execution)
            if len(found) == policy.WATCH_AT_ONCE:
                for concern in chain.from_iterable(await asyncio.gather(*map(looked, found))):
                    yield concern
                found = []
        for concern in chain.from_iterable(await asyncio.gather(*map(looked, found))):
            yield concern

    def _if_open(self, look: Callable[[WorkflowExecutionDescription], Awaitable[Sequence[Concern]]]) -> Look:
        async def look_if_open(execution: WorkflowExecution) -> Sequence[Concern]:
            described = await self._described_if_open(execution)
            return await look(described) if described else ()

        return look_if_open

    # --- orders ----------------------------------------------------------------------------------

    async def _order(self, described: WorkflowExecutionDescription) -> Sequence[Concern]:
        waiting = waiting_order(described)
        progress = await self._ask(described)
        if isinstance(progress, OrderProgress):
            concerns = list(concerns_of(progress, batch=waiting.batch))
        else:
            concerns = list(stuck.order_by_server(described, progress))
        if concerns:  # without any, the server's list is older than the order's own status
            self._told.add(waiting.order_id)
            self._orders_of_batches.update([waiting.batch] if waiting.batch else [])
        return concerns

    async def _slow_order(self, execution: WorkflowExecution) -> Sequence[Concern]:
        waiting = waiting_order(execution, execution.start_time)
        if waiting.order_id in self._told:
            return ()
        if not self._served:  # then there may be thousands, and the list says enough
            return [waiting.concern(ConcernKind.NO_PROGRESS, "no worker takes its tasks")]
        return await self._if_open(self._slow_by_its_word)(execution)

    async def _slow_by_its_word(self, described: WorkflowExecutionDescription) -> Sequence[Concern]:
        waiting, progress = waiting_order(described, described.start_time), await self._ask(described)
        if not isinstance(progress, OrderProgress):
            return [waiting.concern(ConcernKind.NO_PROGRESS, stuck.what_fails(described) or progress)]
        if progress.status is OrderStatus.NEEDS_ATTENTION:
            return list(concerns_of(progress, batch=waiting.batch))  # the server's list is older
        moments = [at for step in progress.children for at in (step.started_at, step.closed_at) if at]
        moved = max(moments, default=described.start_time)
        if progress.closed or self._now - moved < self.slow_after:
            return ()
        step = next((step.step for step in progress.children if step.status is StepState.RUNNING), None)
        child = await describe(self.temporal, step_workflow_id(step, waiting.order_id)) if step else None
        if child is not None and child.close_time and self._now - child.close_time > self.slow_after:
            keeps = (
                f"{child.id} has ended, and the order never hears of it, since both were terminated, and the "
                "order was then reset: terminate or cancel it: it is undone; or reset it to before that step"
            )
        else:
            fails = stuck.what_fails(child or described) or stuck.what_fails(described)
            keeps = fails or "nothing has moved since"
        return [replace(waiting, since=moved).concern(ConcernKind.NO_PROGRESS, keeps, step=step)]

    async def _between_books(self, execution: WorkflowExecution) -> Sequence[Concern]:
        """Return a concern for an order of another book, or one that another book's worker has refused."""
        waiting = waiting_order(execution, execution.start_time)
        theirs = await memo_of(execution, BOOK)
        if theirs not in ("", self.book):
            reason = f"it was submitted for book {theirs}, and this is book {self.book}"
        elif self._others and (described := await self._described_if_open(execution)):
            steps = [child.workflow_id for child in described.raw_description.pending_children]
            step = await describe(self.temporal, steps[0]) if steps else None
            reason = stuck.refused_for_its_book(step or described)
        else:
            return ()
        return [waiting.concern(ConcernKind.OTHER_BOOK, reason)] if reason else ()

    async def _ask(self, described: WorkflowExecutionDescription) -> OrderProgress | str:
        """Query the order; without an answer, return why. After one full round without any, ask no more: no
        worker answers."""
        progress = None
        if self._served and self._unanswered < policy.WATCH_AT_ONCE:
            try:
                progress = await self.status.by_workflow(described)
            except KeyTrouble as sealed:
                return str(sealed)
            self._unanswered = self._unanswered + 1 if progress is None else 0
        return progress or await stuck.why_silent(self.temporal, described, workers=self._served)

    # --- bugs and batches ------------------------------------------------------------------------

    async def _bug(self, described: WorkflowExecutionDescription) -> Sequence[Concern]:
        self._told.add(waiting_order(described).order_id)
        return [await stuck.on_bug(self.temporal, described)]

    async def _running_batch(self, described: WorkflowExecutionDescription) -> Sequence[Concern]:
        """Return a concern for a batch whose activity fails again and again: its retries have no limit."""
        name, most = batch_name(described.id), domain_policy.RETRIED_AGAIN_AND_AGAIN
        fails = stuck.what_fails(described, least_attempts=most)
        return [about_batch(ConcernKind.RETRIED, name, fails, run_id=described.run_id)] if fails else ()

    async def _failed_batch(self, execution: WorkflowExecution) -> Sequence[Concern]:
        newest = await describe(self.temporal, execution.id)
        if newest is None or newest.run_id != execution.run_id:
            return ()  # deleted, or run again
        name, why = batch_name(newest.id), await stuck.why_it_failed(self.temporal, execution)
        since = execution.close_time
        return [about_batch(ConcernKind.BATCH_FAILED, name, why, run_id=newest.run_id, since=since)]

    async def _described_if_open(self, execution: WorkflowExecution) -> WorkflowExecutionDescription | None:
        described = await describe(self.temporal, execution.id)
        is_open = described is not None and described.status is WorkflowExecutionStatus.RUNNING
        return described if is_open else None
