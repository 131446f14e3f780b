"""What a program may ask of the order system. The command line and the pages are thin layers over this."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from order_system.book.order_book import SqlOrderBook
from order_system.domain import policy as domain_policy
from order_system.domain import search_attributes
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import OrderConflict, ServerUnreachable
from order_system.domain.ids import BOOK, FINGERPRINT, check_order_id, order_id_in, order_workflow_id
from order_system.domain.listing import OrderFilter
from order_system.domain.messages import OrderStatus
from order_system.domain.order import NOT_SAID, Handling, Order, SubmissionRef
from order_system.domain.progress import OrderProgress
from order_system.infra import policy
from order_system.infra.changes import noted
from order_system.infra.links import ProviderLinks
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import (
    check_answers,
    if_it_answers_soon,
    outlasting,
    reaching_server,
    says_there_is_none,
)
from order_system.infra.temporal.executions import describe, first_run, side_by_side
from order_system.intake.reader import order_document
from order_system.orders.details import AS_LISTED, OrderDetails, receipts_of
from order_system.orders.in_book import in_book_alone
from order_system.orders.on_server import TemporalOrderRuns
from order_system.orders.refunds import Refunds
from order_system.orders.relatives import Relatives
from order_system.orders.timeline import timeline_of
from workflows.order import OrderFulfillmentWorkflow

_STARTED_BY = "started_by"

log = structlog.stdlib.get_logger(__name__)


class Submitted(StrEnum):
    STARTED = "started"
    RUNNING = "already running"
    FULFILLED = "already fulfilled"


@dataclass(frozen=True)
class SubmitResult:
    order_id: str
    how: Submitted


class CancelAnswer(StrEnum):
    UNDONE = "undone"
    TOO_LATE = "too late"
    ALREADY_CLOSED = "already closed"
    FIRST_FAILED = "it was failing already"
    STILL_UNDOING = "still being undone"


_CANCEL_ANSWERS = {
    OrderStatus.FULFILLED: CancelAnswer.TOO_LATE,
    OrderStatus.FAILED: CancelAnswer.FIRST_FAILED,
    OrderStatus.NEEDS_ATTENTION: CancelAnswer.STILL_UNDOING,
    OrderStatus.TERMINATED: CancelAnswer.ALREADY_CLOSED,
}
"""The answer to a cancel, by the order's status afterwards. With any other status, the order was undone."""


def _rests(order: OrderProgress) -> bool:
    return order.status is not OrderStatus.RUNNING


class OrderClient(Relatives):
    """Works on a Temporal client and the order book. What asks the server may raise ServerUnreachable."""

    def __init__(
        self,
        temporal: Client,
        book: SqlOrderBook,
        *,
        task_queue: str,
        defaults: Handling = NOT_SAID,
        links: ProviderLinks | None = None,
    ) -> None:
        """`defaults` apply to what an order does not say itself. `links` lead to the gateways' own pages."""
        super().__init__(temporal, book, task_queue)
        self._defaults = defaults
        self._links = links or ProviderLinks()
        self.refunds = Refunds(temporal, book, task_queue)

    @noted("submit")
    async def submit(self, order: Order) -> SubmitResult:
        """Start the order, or find it. Safe to repeat: never a second charge.

        If it runs or is fulfilled, with the same content, nothing is started. If it failed, was cancelled or
        was terminated, it runs again, as a new submission. Raises OrderConflict if an order with this ID runs
        or is fulfilled with other content."""
        fulfilled = SubmitResult(order.order_id, Submitted.FULFILLED)
        if await self.check_content(order.order_id, order.fingerprint()):
            return fulfilled
        ours = uuid.uuid4().hex
        async with reaching_server():
            try:
                handle = await self._temporal.start_workflow(
                    OrderFulfillmentWorkflow.run,
                    order.with_defaults(self._defaults),
                    id=order_workflow_id(order.order_id),
                    task_queue=self._task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    memo={FINGERPRINT: order.fingerprint(), _STARTED_BY: ours, BOOK: self._book.book_id},
                    static_summary=f"order {order.order_id}: {len(order.lines)} line(s)",
                    search_attributes=search_attributes.of_new_order(order.order_id),
                    priority=domain_policy.BY_HAND,
                    rpc_timeout=policy.RPC,
                )
            except WorkflowAlreadyStartedError:
                # It has completed on the server: the book must know that by now.
                if await self.check_content(order.order_id, order.fingerprint()):
                    return fulfilled
                raise OrderConflict(
                    f"{order.order_id} is completed on the server but not in this order book: "
                    "is ORDER_DATABASE_URL or ORDER_DATA_DIR the one that its worker used?"
                ) from None
            # That run, and no newer one: it may have failed meanwhile, and another been submitted.
            run = self._temporal.get_workflow_handle(handle.id, run_id=handle.result_run_id)
            described = await run.describe(rpc_timeout=policy.RPC)
            memo = await described.memo()
        _refuse_other_content(order, memo)
        if memo.get(_STARTED_BY) != ours:
            return SubmitResult(order.order_id, Submitted.RUNNING)
        try:
            async with reaching_server():
                await self._book.accept(order.order_id, first_run(described), described.start_time)
        except (SQLAlchemyError, OSError, ServerUnreachable) as trouble:
            # The order runs all the same; it is listed later.
            log.warning("not noted as accepted", order_id=order.order_id, reason=str(trouble))
        return SubmitResult(order.order_id, Submitted.STARTED)

    async def check_conflict(self, order: Order) -> None:
        """Raise the OrderConflict that `submit` would raise now. Starts nothing."""
        if await self.check_content(order.order_id, order.fingerprint()):
            return
        async with reaching_server():
            running = await describe(self._temporal, order_workflow_id(order.order_id))
            if running is not None and running.status is WorkflowExecutionStatus.RUNNING:
                _refuse_other_content(order, await running.memo())

    async def status(self, order_id: str) -> OrderProgress:
        """Return the order document, from the workflow while Temporal has it, else from the book. The order
        may have been fulfilled with any content: `check_content` checks that.

        Raises UnknownOrder."""
        check_order_id(order_id)
        async with reaching_server():
            return await self._status.read(order_id)

    async def status_or_record(
        self, order_id: str, content: str | None = None, *, open_too: bool = False
    ) -> OrderProgress:
        """Return `status` or, if no server answers, the book's record, as `in_book_alone` does. `content` is
        the fingerprint for `check_content`.

        Raises UnknownOrder and OrderConflict. Raises ServerUnreachable unless the book has it."""
        try:
            if open_too:
                await check_answers(self._temporal)
            progress = await self.status(order_id)
        except ServerUnreachable:
            recorded = await in_book_alone(self._book, order_id, open_too=open_too)
            if recorded is None:
                raise
            progress = recorded
        if content is not None:
            await self.check_content(order_id, content)
        return progress

    async def in_full(self, order: OrderProgress, known: OrderDetails | None = None) -> OrderDetails:
        """Return the order in full. If no server answers, its contents are the `known`: they never change."""
        ref = SubmissionRef(order_id=order.order_id, submission=order.submission or "")
        runs, journal = TemporalOrderRuns(self._temporal), await self._book.journal(ref)
        attempts, answered = await self._book.history(ref)
        contents = known.contents if known and known.submission == order.submission else None
        until = None
        async with if_it_answers_soon(self._temporal):
            if contents is None and order.submission and (found := await runs.order_of(ref)):
                contents = order_document(found)
            if contents is not None and order.closed_at and (kept := (await runs.server()).retention):
                until = order.closed_at + kept
        listed = (await self._book.orders(OrderFilter(order_ids=[order.order_id]), limit=1)).rows
        same = [row.model_dump(include=AS_LISTED) for row in listed if row.submission == order.submission]
        return OrderDetails(
            **dict(order),
            **(same[0] if same else {}),
            timeline=timeline_of(order, journal, attempts),
            contents=contents,
            contents_until=until,
            receipts=receipts_of(ref, journal, self._links),
            attempts=tuple(attempts),
            answered=tuple(answered),
        )

    async def check_content(self, order_id: str, fingerprint: str) -> bool:
        """Return whether the order was fulfilled with the content of this fingerprint. Raises OrderConflict
        if it was fulfilled with other content, even if that came to light only after the submission."""
        known = (await self._book.find([order_id])).get(order_id)
        if known is None or known.status is not SubmissionStatus.FULFILLED:
            return False
        if known.ref.fingerprint != fingerprint:
            when = f"{known.closed_at:%Y-%m-%d %H:%M} UTC" if known.closed_at else "an earlier day"
            raise OrderConflict(
                f"{order_id} has been fulfilled with other content, by submission {known.ref.submission} of "
                f"{when}; for this content nothing was charged or sent"
            )
        return True

    async def watch(
        self, order_ids: Sequence[str], until: Callable[[OrderProgress], bool] = _rests
    ) -> AsyncGenerator[dict[str, OrderProgress]]:
        """Yield the documents of all these orders, again and again, until `until` holds for each: by default,
        it is closed or waits for a person. Outlasts a server that is away for up to policy.SERVER_AWAY."""
        seen: dict[str, OrderProgress] = {}
        pending = list(order_ids)
        while True:
            for progress in await side_by_side(lambda each: outlasting(partial(self.status, each)), pending):
                seen[progress.order_id] = progress
            pending = [order_id for order_id in pending if not until(seen[order_id])]
            yield {order_id: seen[order_id] for order_id in order_ids}
            if not pending:
                return
            await asyncio.sleep(policy.watch_pause(len(pending)))

    @noted("cancel")
    async def cancel(self, order_id: str) -> tuple[CancelAnswer, OrderProgress]:
        """Ask for a cancel and wait for the answer. A stuck undo is not waited for.

        Raises UnknownOrder, and ServerUnreachable, also if the order is open on another server than ours."""
        before = await self.status(order_id)
        if before.closed:
            return CancelAnswer.ALREADY_CLOSED, before
        if before.run_id is None:  # the book alone knows it
            raise ServerUnreachable(
                f"{order_id} is open on another Temporal server, and can be cancelled only there "
                "(`attention` lists that server)"
            )
        async with reaching_server():
            order = self._temporal.get_workflow_handle(order_workflow_id(order_id))
            try:
                await order.cancel(rpc_timeout=policy.RPC)
                ended = (await order.describe(rpc_timeout=policy.RPC)).status
            except RPCError as error:
                if not says_there_is_none(error):
                    raise
                ended = WorkflowExecutionStatus.TERMINATED  # or in another way: before the cancel came
            if ended is WorkflowExecutionStatus.TERMINATED:
                return CancelAnswer.ALREADY_CLOSED, await self.status(order_id)
        # An order that is still held has not received the cancel yet.
        after = before
        async for documents in self.watch([order_id], lambda order: _rests(order) and not order.held_until):
            after = documents[order_id]
        return _CANCEL_ANSWERS.get(after.status, CancelAnswer.UNDONE), after

    async def known_order_ids(self, prefix: str) -> set[str]:
        """Return the IDs that start with `prefix`, of the orders in the book or on the server."""
        known = set(await self._book.order_ids(prefix))
        start = visibility.quoted(order_workflow_id(prefix))
        async with reaching_server():
            async for execution in self._temporal.list_workflows(
                f"WorkflowId STARTS_WITH {start}", rpc_timeout=policy.RPC
            ):
                known.add(order_id_in(execution.id))
        return known

    async def find_existing(self, order_ids: Sequence[str]) -> dict[str, SubmissionStatus]:
        """Return the status of those orders that the book knows. A look-up that fails raises what the
        database raises; it never looks like "nothing exists"."""
        return {order_id: known.status for order_id, known in (await self._book.find(order_ids)).items()}


def _refuse_other_content(order: Order, memo: Mapping[str, object]) -> None:
    if memo.get(FINGERPRINT) != order.fingerprint():
        raise OrderConflict(f"{order.order_id} is running with other content; it was left as it is")
