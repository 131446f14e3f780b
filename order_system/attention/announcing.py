"""Turns what has happened into events. Each event gets a workflow of its own, which sends it.

An order's end is announced right after the activity that closed its submission. Before that activity the book
notes that an end may come, so the reconciler's next run finds an end that was not announced. The reconciler's
runs also announce lasting states: orders that wait for a person, and batches that have ended."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from temporalio import activity
from temporalio.client import Client
from temporalio.common import TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.worker import ExecuteActivityInput

from order_system.attention.client import AttentionClient
from order_system.attention.concerns import Concern, ConcernKind
from order_system.batches.client import BatchClient
from order_system.book.order_book import SqlOrderBook
from order_system.domain import policy, search_attributes
from order_system.domain.errors import ServerUnreachable
from order_system.domain.ids import batch_name, webhook_workflow_id
from order_system.domain.listing import OrderFilter
from order_system.domain.messages import OrderStatus
from order_system.domain.steps import UNDOS
from order_system.domain.webhooks import WHICH, Event, EventType
from order_system.infra import policy as infra_policy
from order_system.infra.redaction import redact
from order_system.infra.temporal import visibility
from order_system.infra.temporal.around import AroundActivities, CarryOut
from order_system.infra.temporal.connection import reaching_server
from workflows.batch import BatchFulfillmentWorkflow
from workflows.webhook import WebhookWorkflow

log = structlog.stdlib.get_logger(__name__)

_MAY_CLOSE = {"dispatch", "settle_by_hand", "void_abandoned", "handle_abandoned"} | {
    undo.activity for undo in UNDOS.values()
}
"""The activities after which a submission may be closed."""
_SETTLED = "ask_again"
"""The reconciler's activity that comes after it has settled the abandoned submissions."""

# The fields of an event's data, out of the documents that API and commands return.
_OF_ORDER = {"order_id", "submission", "status", "failed_step", "reason", "batch", "total", "currency"}
_OF_CONCERN = {"order_id", "kind", "step", "since", "reason", "held_until"}
_OF_BATCH = {"workflow_id", "status", "started_at", "counts"}


@dataclass
class Announcements(AroundActivities):
    """The announcements of one worker, made around the activities that it carries out."""

    temporal: Client
    task_queue: str
    book: SqlOrderBook
    attention: AttentionClient
    batches: BatchClient
    _known: set[str] = field(default_factory=set[str])
    """The IDs of announced events about lasting states: these need no call to the server at each look."""
    _looking: asyncio.Task[None] | None = None

    async def around(self, work: ExecuteActivityInput, carry_out: CarryOut) -> Any:
        kind, request = activity.info().activity_type, work.args[0]
        if kind in _MAY_CLOSE:
            await self.book.may_end(request.submission)
        answer = await carry_out(work)
        if kind in _MAY_CLOSE:
            with _tried_again():  # the activity has succeeded: a failed announcement must not fail it
                await self._announce_ends(request.submission.order_id)
        elif kind == _SETTLED and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._announce_what_lasts())
        return answer

    async def _announce_ends(self, order_id: str | None = None) -> None:
        with _tried_again("what has ended"):
            for order in await self.book.to_announce(order_id):
                with _tried_again(order.order_id):
                    failed = order.status is OrderStatus.TERMINATED
                    what = EventType.FAILED if failed else EventType(f"order.{order.status}")
                    data = order.model_dump(mode="json", include={*_OF_ORDER, "opened_at", "closed_at"})
                    at = order.closed_at or order.opened_at
                    await self._announce(what, at, data, order.order_id, order.submission)
                    await self.book.announced(order)

    async def _announce_what_lasts(self) -> None:
        """Announce lasting states while the reconciler goes on. Its next run announces what failed here."""
        with _tried_again():
            await self._announce_ends()
            with _tried_again("what waits"):
                async for concern in self.attention.attention():
                    with _tried_again(concern.workflow_id):
                        await self._announce_who_waits(concern)
            await self._announce_ended_batches()

    async def _announce_who_waits(self, concern: Concern) -> None:
        if concern.order_id is None or concern.kind is ConcernKind.UNDELIVERED:
            return
        told, data = concern.model_dump(mode="json"), dict[str, Any]()
        for order in (await self.book.orders(OrderFilter(order_ids=[concern.order_id]))).rows:
            data = order.model_dump(mode="json", include=_OF_ORDER)
        data |= {name: told[name] for name in _OF_CONCERN} | {"status": OrderStatus.NEEDS_ATTENTION}
        # A refund's reason holds a person's own words, which may name the customer.
        data["reason"] = None if concern.refund else concern.impersonal_reason
        which = ("kind", "workflow_id", "run_id", "step", "refund", "held_until")
        now = datetime.now(UTC)
        await self._announce(EventType.NEEDS_ATTENTION, now, data, *(told[name] for name in which))

    async def _announce_ended_batches(self) -> None:
        lately = datetime.now(UTC) - policy.BATCH_END_TOLD
        query = visibility.all_of(
            visibility.on_queue(self.task_queue),
            visibility.of_type(BatchFulfillmentWorkflow),
            visibility.NEWEST_RUNS,
            f"CloseTime > {visibility.quoted(lately.isoformat())}",
        )
        async for ended in self.temporal.list_workflows(query, rpc_timeout=infra_policy.RPC):
            with _tried_again(ended.id):
                name, at = batch_name(ended.id), ended.close_time or lately
                progress = (await self.batches.progress(name)).model_dump(mode="json", include=_OF_BATCH)
                data = {"batch": name, **progress}
                await self._announce(EventType.BATCH_FINISHED, at, data, ended.id, ended.run_id)

    async def _announce(
        self, what: EventType, at: datetime, data: dict[str, Any], *which: str | None
    ) -> None:
        data, order_id = dict(redact(None, "", data)), data.get("order_id")
        event = Event(type=what, timestamp=at, data=data, which=which, book=self.book.book_id)
        if event.id in self._known:
            return
        none, told = TypedSearchAttributes.empty, f"{what} {order_id or data['batch']}"
        with suppress(WorkflowAlreadyStartedError):
            async with reaching_server():
                await self.temporal.start_workflow(
                    WebhookWorkflow.run,
                    event,
                    id=webhook_workflow_id(event.id),
                    task_queue=self.task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    static_summary=told,
                    memo={WHICH: told},
                    search_attributes=search_attributes.of_child(order_id) if order_id else none,
                    rpc_timeout=infra_policy.RPC,
                )
        if what in (EventType.NEEDS_ATTENTION, EventType.BATCH_FINISHED):
            self._known.add(event.id)


@contextmanager
def _tried_again(what: str | None = None) -> Generator[None]:
    """Log an error and go on, since the reconciler's next run tries again. But a block with a name (`what`)
    raises ServerUnreachable: it ends the loop around it, whose next calls would wait for the server, too."""
    try:
        yield
    except Exception as trouble:
        if what and isinstance(trouble, ServerUnreachable):
            raise
        if activity.in_activity() and activity.is_worker_shutdown():  # the worker closes the book meanwhile
            return
        log.warning(f"{what or 'something'} could not be announced: it is tried again", reason=str(trouble))
