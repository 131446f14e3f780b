"""What a program may ask about batches: run, watch, pause, cancel, retry. The plan of a file and the outcome
of each line, which need no server, are in `reports.py`."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from order_system.batches.files import OrderFiles
from order_system.batches.progress import FORGOTTEN, NO_WORKER, progress_in_book
from order_system.batches.reports import BatchReports
from order_system.book.batches import SqlBatchBook
from order_system.domain.batch import ENDED, BatchCounts, BatchProgress, BatchRequest, BatchStatus
from order_system.domain.errors import (
    InvalidUsage,
    NoWorkerAnswers,
    OrderConflict,
    OrderSystemError,
    UnknownBatch,
)
from order_system.domain.ids import BOOK, batch_workflow_id, check_batch_name, check_new_batch_name
from order_system.domain.listing import PAGE_ROWS, BatchFilter, BatchSummary, Page
from order_system.domain.order import NOT_SAID, Handling
from order_system.domain.order_profile import UNCHECKED
from order_system.domain.search_attributes import BATCH_NAME
from order_system.infra import policy
from order_system.infra.changes import noted
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import (
    check_answers,
    outlasting,
    reaching_server,
    says_there_is_none,
)
from order_system.infra.temporal.executions import first_run, side_by_side
from workflows.batch import BatchFulfillmentWorkflow
from workflows.batch_orders import COUNTED_AS
from workflows.failures import root_cause

_CHECKSUM = "sha256"
_STARTED_BY = "started_by"
_RAN_NO_MORE_CODE = {
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT,
}
"""What such a workflow last said of itself is out of date."""
_ROWS = {name for name in BatchCounts.model_fields if name.startswith("rows")}
_OF_FILE = _ROWS | {"bytes_read", "rejected", "duplicate", "left_out"}
"""Counts that the book does not keep."""
_NO_WORKER = {
    RPCStatusCode.CANCELLED,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.FAILED_PRECONDITION,  # no worker has asked for work in a while
}
"""The status of a query that no worker takes."""


class BatchClient(BatchReports):
    def __init__(
        self,
        temporal: Client,
        book: SqlBatchBook,
        files: OrderFiles,
        *,
        task_queue: str,
        defaults: Handling = NOT_SAID,
    ) -> None:
        """`defaults` apply to what a batch does not say itself."""
        super().__init__(book, files)
        self.defaults = defaults
        self._temporal = temporal
        self._task_queue = task_queue

    @noted("run batch")
    async def start(self, request: BatchRequest) -> bool:
        """Start the batch, or find it running with the same file (False). Raises OrderConflict if it is
        running with another file, InvalidUsage for a bad name or an unchecked profile."""
        check_new_batch_name(request.name)
        if (profile := request.file.profile) and profile.guessed:
            raise InvalidUsage(f"nothing was started: {UNCHECKED}")
        request = request.with_defaults(self.defaults)
        ours = uuid.uuid4().hex
        async with reaching_server():
            handle = await self._temporal.start_workflow(
                BatchFulfillmentWorkflow.run,
                request,
                id=batch_workflow_id(request.name),
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                memo={_CHECKSUM: request.file.sha256, _STARTED_BY: ours, BOOK: self._book.book_id},
                static_summary=f"batch {request.name}",
                rpc_timeout=policy.RPC,
            )
            # That run, and no newer one: it may have ended meanwhile, and another been started.
            run = self._temporal.get_workflow_handle(handle.id, run_id=handle.result_run_id)
            memo = await (await run.describe(rpc_timeout=policy.RPC)).memo()
        _check_same(request.name, memo, request.file.sha256)
        return memo.get(_STARTED_BY) == ours

    async def check_free(self, name: str, sha256: str) -> None:
        """Raise OrderConflict if the batch is running with another file: before this one is kept for it."""
        with suppress(UnknownBatch):
            async with self._asking(name) as batch:
                described = await batch.describe(rpc_timeout=policy.RPC)
            if described.status is WorkflowExecutionStatus.RUNNING:
                _check_same(name, await described.memo(), sha256)

    async def retry(self, name: str) -> bool:
        """Run again what failed, was cancelled or terminated, or never began. Raises UnknownBatch, and what
        `start` raises."""
        record = await self.record(name)
        # Which activities run, and on which queues, was chosen for the workers of that run.
        settled = {"queues_by_step": None, "first_attempts": None}
        return await self.start(record.request.model_copy(update={"only_failed": True, **settled}))

    async def progress(self, name: str) -> BatchProgress:
        """Return how far the batch has come, by its workflow, or by the book if no worker answers or Temporal
        has forgotten it. Raises UnknownBatch, and NoWorkerAnswers if the book does not know it either."""
        try:
            return await self._asked(name)
        except UnknownBatch:
            record = await self._book.batch_run(batch_workflow_id(name))
            if record is None:
                raise UnknownBatch(
                    f"there is no batch {name}, neither on the server nor in the book"
                ) from None
            return await progress_in_book(self._book, record, BatchStatus.FORGOTTEN, FORGOTTEN)
        except NoWorkerAnswers:
            progress = await self._without_worker(name)
            if progress is None:
                raise
            return progress

    async def listed(
        self, wanted: BatchFilter, status: BatchStatus | None, *, cursor: str | None, limit: int = PAGE_ROWS
    ) -> Page[BatchSummary]:
        """Return a page of the book's batches, with the progress of each. With a status it may have fewer
        rows than `limit` although there are more, and raises ServerUnreachable: the book lacks that."""
        if status:
            await check_answers(self._temporal)
        page = await self._book.batches(wanted, cursor=cursor, limit=limit)
        ask = self.progress if status else self._progress_soon
        found = await side_by_side(ask, [row.name for row in page.rows])
        rows = (
            row.model_copy(update={"progress": known})
            for row, known in zip(page.rows, found, strict=True)
            if status in (None, known and known.status)
        )
        return replace(page, rows=tuple(rows))

    async def _progress_soon(self, name: str) -> BatchProgress | None:
        """Return the progress, or None if it cannot be had soon: a list then shows the other batches."""
        with suppress(OrderSystemError, TimeoutError):
            await check_answers(self._temporal)
            async with asyncio.timeout(policy.WAITING_ASKED.total_seconds()):
                return await self.progress(name)
        return None

    async def _asked(self, name: str) -> BatchProgress:
        """Ask the workflow for its progress. Raises UnknownBatch and NoWorkerAnswers."""
        async with self._asking(name) as batch:
            closed = (await batch.describe(rpc_timeout=policy.RPC)).status
            if closed is WorkflowExecutionStatus.COMPLETED:
                ended = await batch.result(rpc_timeout=policy.RPC)  # needs no worker
                return await self._answered_since(ended)
            try:
                progress = await batch.query(BatchFulfillmentWorkflow.progress, rpc_timeout=policy.QUERY)
            except RPCError as error:
                if error.status not in _NO_WORKER:
                    raise
                raise NoWorkerAnswers("no worker answers: one has to be started") from None
            if progress.status is BatchStatus.FAILED:  # it has closed since we looked
                closed = WorkflowExecutionStatus.FAILED
            if closed in _RAN_NO_MORE_CODE:
                if closed is not WorkflowExecutionStatus.FAILED and (
                    found := await self._without_worker(name)
                ):
                    # Orders that it believed to run go on without it, have ended, or never started.
                    counts = found.counts.model_copy(update=progress.counts.model_dump(include=_OF_FILE))
                    return found.model_copy(update={"counts": counts})
                reason = await _why(batch)
                return progress.model_copy(update={"status": BatchStatus.FAILED, "reason": reason})
        return await self._answered_since(progress)

    async def _answered_since(self, progress: BatchProgress) -> BatchProgress:
        """Recount the orders that need attention, or did when the batch ended, as they stand now."""
        if progress.status not in ENDED and progress.counts.running:
            ours = f"{BATCH_NAME.name} = {visibility.quoted(progress.name)}"
            query = visibility.all_of(visibility.WAITING, ours)
            found = (await self._temporal.count_workflows(query, rpc_timeout=policy.RPC)).count
            return progress.model_copy(update={"waiting": min(found, progress.counts.running)})
        if progress.status not in ENDED or not progress.handed_on:
            return progress
        known = await self._book.find(progress.handed_on)
        ended = {name: COUNTED_AS[known[name].status] for name in known if known[name].status in COUNTED_AS}
        counts = progress.counts.model_dump()
        for counted_as in ended.values():
            counts["needing_attention"] -= 1
            counts[counted_as] += 1
        left = tuple(each for each in progress.handed_on if each not in ended)
        return progress.model_copy(update={"counts": BatchCounts(**counts), "handed_on": left})

    async def _without_worker(self, name: str) -> BatchProgress | None:
        """Return what the server knows of its end, and the book of its orders. None if the book lacks it."""
        async with self._asking(name) as batch:
            described = await batch.describe(rpc_timeout=policy.RPC)
            record = await self._book.batch_run(described.id)
            if record is None or record.run != first_run(described):
                return None
            if described.status in _RAN_NO_MORE_CODE:
                return await progress_in_book(self._book, record, BatchStatus.FAILED, await _why(batch))
        cancelled = described.status is WorkflowExecutionStatus.CANCELED
        status = BatchStatus.CANCELLED if cancelled else BatchStatus.RUNNING
        return await progress_in_book(self._book, record, status, NO_WORKER)

    async def watch(self, name: str) -> AsyncGenerator[BatchProgress]:
        """Yield the progress again and again, until the batch has ended. Outlasts a restart of the worker,
        and a server that is away for up to policy.SERVER_AWAY."""
        while True:
            with suppress(NoWorkerAnswers):
                progress = await outlasting(partial(self._asked, name))
                yield progress
                if progress.status in ENDED:
                    return
            await asyncio.sleep(policy.WATCH_POLL.total_seconds())

    @noted("pause batch")
    async def pause(self, name: str) -> None:
        """Start no more orders; those under way go on. Idempotent."""
        async with self._asking(name) as batch:
            await batch.signal(BatchFulfillmentWorkflow.pause, rpc_timeout=policy.RPC)

    @noted("resume batch")
    async def resume(self, name: str) -> None:
        async with self._asking(name) as batch:
            await batch.signal(BatchFulfillmentWorkflow.resume, rpc_timeout=policy.RPC)

    @noted("set window")
    async def set_window(self, name: str, window: int) -> None:
        """Set how many orders may be under way at once, from now on."""
        async with self._asking(name) as batch:
            await batch.signal(BatchFulfillmentWorkflow.set_window, window, rpc_timeout=policy.RPC)

    @noted("cancel batch")
    async def cancel(self, name: str, *, orders_too: bool = False) -> None:
        """Start no more orders. Those under way finish; with `orders_too` they are cancelled, too. Raises
        UnknownBatch if the batch has ended."""
        async with self._asking(name) as batch:
            # The server would accept the cancel of a closed workflow, and ignore it.
            if (await batch.describe(rpc_timeout=policy.RPC)).status is not WorkflowExecutionStatus.RUNNING:
                raise UnknownBatch(f"batch {name} has ended: there is nothing left to cancel")
            if orders_too:
                await batch.signal(BatchFulfillmentWorkflow.cancel_orders, rpc_timeout=policy.RPC)
            await batch.cancel(rpc_timeout=policy.RPC)

    @asynccontextmanager
    async def _asking(
        self, name: str
    ) -> AsyncGenerator[WorkflowHandle[BatchFulfillmentWorkflow, BatchProgress]]:
        check_batch_name(name)
        handle = self._temporal.get_workflow_handle_for(BatchFulfillmentWorkflow.run, batch_workflow_id(name))
        async with reaching_server():
            try:
                yield handle
            except RPCError as error:
                if not says_there_is_none(error):
                    raise
                raise UnknownBatch(f"no batch {name} is running, or the server has forgotten it") from None


def _check_same(name: str, memo: Mapping[str, Any], sha256: str) -> None:
    if memo.get(_CHECKSUM) != sha256:
        raise OrderConflict(f"batch {name} is running with another file: choose another name")


async def _why(batch: WorkflowHandle[BatchFulfillmentWorkflow, BatchProgress]) -> str:
    try:
        await batch.result(rpc_timeout=policy.RPC)
    except WorkflowFailureError as failure:
        return str(root_cause(failure))
    return "unknown"
