"""What a program may ask about batches: plan, run, watch, pause, cancel, retry, outcome of each line."""

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from order_system import policy
from order_system.batch_files import FileRef, Position
from order_system.batch_files.findings import ParsedOrder, ProblemKind, RowProblem
from order_system.batch_files.seen import SeenOrders
from order_system.batch_in_book import FORGOTTEN, NO_WORKER, progress_in_book
from order_system.batch_ports import BatchBook
from order_system.batches import ENDED, BatchProgress, BatchRecord, BatchRequest, BatchStatus, Fate, fate_of
from order_system.client import reaching_server
from order_system.csv_orders import OrderFiles, duplicate
from order_system.errors import InvalidUsage, NoWorkerAnswers, OrderConflict, UnknownBatch
from order_system.ids import batch_workflow_id, order_workflow_id
from order_system.journal import SubmissionRecord, SubmissionStatus
from workflows.batch import BatchFulfillmentWorkflow

BATCH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
MAX_EXAMPLES = 50
_CHECKSUM = "sha256"
_STARTED_BY = "started_by"
_RAN_NO_MORE_CODE = {
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT,
}
"""What such a workflow last said of itself is no longer so."""
_NO_WORKER = {
    RPCStatusCode.CANCELLED,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.FAILED_PRECONDITION,  # no worker has asked for work in a while
}
"""What a query ends with that nobody takes."""


@dataclass
class Plan:
    """What a run of a file would do."""

    file: FileRef
    rows: int = 0
    orders: int = 0
    fates: dict[str, int] = field(default_factory=dict[str, int])
    """How many orders are new, and how many known as what."""
    conflicts: list[str] = field(default_factory=list[str])
    problems: int = 0
    duplicates: int = 0
    examples: list[RowProblem] = field(default_factory=list[RowProblem])
    """The first problems and duplicates, up to MAX_EXAMPLES."""


@dataclass(frozen=True)
class LineOutcome:
    """The fate of an order's rows, or of rows that are none. Every line of the file is in exactly one."""

    first_line: int
    last_line: int
    rows: int
    order_id: str | None
    workflow_id: str | None
    status: str
    """An order's status, or `rejected`, `duplicate`, `conflict`, `not started`."""
    failed_step: str | None
    reason: str | None
    closed_at: datetime | None


class BatchClient:
    def __init__(
        self, temporal: Client | None, book: BatchBook, files: OrderFiles, *, task_queue: str
    ) -> None:
        """`temporal` may be None for what needs no server: `plan` and `outcome`."""
        self._temporal = temporal
        self._book = book
        self._files = files
        self._task_queue = task_queue

    # --- before and after ------------------------------------------------------------------------

    async def plan(self, file: FileRef) -> AsyncGenerator[tuple[int, Plan]]:
        """A dry run: bytes read so far and the plan so far, page by page. Starts and writes nothing."""
        plan = Plan(file)
        async for offset, orders, problems in self._pages(file):
            known = await self._book.find([order.order_id for order in orders])
            for order in orders:
                name = _planned(order, known.get(order.order_id))
                plan.fates[name] = plan.fates.get(name, 0) + 1
                plan.orders += 1
                plan.rows += order.rows
                if name == Fate.CONFLICT and len(plan.conflicts) < MAX_EXAMPLES:
                    plan.conflicts.append(order.order_id)
            for problem in problems:
                plan.rows += problem.rows
                plan.duplicates += problem.kind is ProblemKind.DUPLICATE
                plan.problems += problem.kind is ProblemKind.INVALID
            plan.examples += problems[: MAX_EXAMPLES - len(plan.examples)]
            yield offset, plan

    async def outcome(self, name: str) -> AsyncGenerator[LineOutcome]:
        """Every line of the file of the newest run, joined with the book. Raises UnknownBatch, and
        FileChanged if the file is no longer there as it was."""
        record = await self._record(name)
        await self._files.verify(record.request.file)
        async for _, orders, problems in self._pages(record.request.file):
            known = await self._book.find([order.order_id for order in orders])
            fates = await self._book.fates(record.batch, record.run, [order.order_id for order in orders])
            lines = [
                *(_line_of(order, known.get(order.order_id), fates.get(order.order_id)) for order in orders),
                *map(_line_of_problem, problems),
            ]
            for line in sorted(lines, key=lambda line: line.first_line):
                yield line

    async def _pages(self, file: FileRef) -> AsyncGenerator[tuple[int, list[ParsedOrder], list[RowProblem]]]:
        """Pages of the whole file, with further blocks under one order ID among the problems."""
        seen = SeenOrders()
        position: Position | None = None
        while True:
            page = await self._files.read_page(file, position)
            orders: list[ParsedOrder] = []
            problems = list(page.problems)
            for order in page.orders:
                first_line = seen.first_line(order.order_id, order.first_line)
                if first_line == order.first_line:
                    orders.append(order)
                else:
                    problems.append(duplicate(order, first_line))
            yield page.next_offset, orders, problems
            if page.at_end:
                return
            position = page.next

    # --- running ---------------------------------------------------------------------------------

    async def start(self, request: BatchRequest) -> bool:
        """Start the batch, or find it running with the same file (False). Raises OrderConflict if it is
        running with another file, InvalidUsage for a bad name."""
        workflow_id = _workflow_id(request.name)
        ours = uuid.uuid4().hex
        async with reaching_server():
            handle = await self._server.start_workflow(
                BatchFulfillmentWorkflow.run,
                request,
                id=workflow_id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                memo={_CHECKSUM: request.file.sha256, _STARTED_BY: ours},
                static_summary=f"batch {request.name}",
                rpc_timeout=policy.RPC,
            )
            memo = await (await handle.describe(rpc_timeout=policy.RPC)).memo()
        if memo.get(_CHECKSUM) != request.file.sha256:
            raise OrderConflict(f"batch {request.name} is running with another file: choose another name")
        return memo.get(_STARTED_BY) == ours

    async def retry(self, name: str) -> bool:
        """Run again what failed, was cancelled or was terminated, from the same file. Raises UnknownBatch."""
        record = await self._record(name)
        return await self.start(record.request.model_copy(update={"only_failed": True}))

    async def progress(self, name: str) -> BatchProgress:
        """How far it has come: by its workflow's own word or, where no worker answers or Temporal has
        forgotten it, by the book. Raises UnknownBatch, and NoWorkerAnswers if the book does not know it
        either."""
        try:
            return await self._asked(name)
        except UnknownBatch:
            record = await self._book.newest_batch(_workflow_id(name))
            if record is None:
                raise
            return await progress_in_book(self._book, record, BatchStatus.FORGOTTEN, FORGOTTEN)
        except NoWorkerAnswers:
            progress = await self._without_worker(name)
            if progress is None:
                raise
            return progress

    async def _asked(self, name: str) -> BatchProgress:
        """Raises UnknownBatch and NoWorkerAnswers."""
        async with self._asking(name) as batch:
            closed = (await batch.describe(rpc_timeout=policy.RPC)).status
            if closed is WorkflowExecutionStatus.COMPLETED:
                return await batch.result(rpc_timeout=policy.RPC)  # which needs no worker
            try:
                progress = await batch.query(BatchFulfillmentWorkflow.progress, rpc_timeout=policy.QUERY)
            except RPCError as error:
                if error.status not in _NO_WORKER:
                    raise
                raise NoWorkerAnswers("no worker answers: start one with `python worker.py`") from None
            if closed in _RAN_NO_MORE_CODE:
                reason = await _why(batch)
                return progress.model_copy(update={"status": BatchStatus.FAILED, "reason": reason})
        return progress

    async def _without_worker(self, name: str) -> BatchProgress | None:
        """What the server knows of its end, and the book of its orders. None if that run is not in the book
        (yet)."""
        async with self._asking(name) as batch:
            described = await batch.describe(rpc_timeout=policy.RPC)
            record = await self._book.newest_batch(described.id)
            run = described.raw_description.workflow_execution_info.first_run_id or described.run_id
            if record is None or record.run != run:
                return None
            if described.status in _RAN_NO_MORE_CODE:
                return await progress_in_book(self._book, record, BatchStatus.FAILED, await _why(batch))
        cancelled = described.status is WorkflowExecutionStatus.CANCELED
        status = BatchStatus.CANCELLED if cancelled else BatchStatus.RUNNING
        return await progress_in_book(self._book, record, status, NO_WORKER)

    async def watch(self, name: str) -> AsyncGenerator[BatchProgress]:
        """The progress again and again, until the batch has ended. Outlasts a restart of the worker."""
        while True:
            with suppress(NoWorkerAnswers):
                progress = await self._asked(name)
                yield progress
                if progress.status in ENDED:
                    return
            await asyncio.sleep(policy.WATCH_POLL.total_seconds())

    async def pause(self, name: str) -> None:
        """Start no more orders; those under way go on. Idempotent."""
        async with self._asking(name) as batch:
            await batch.signal(BatchFulfillmentWorkflow.pause, rpc_timeout=policy.RPC)

    async def resume(self, name: str) -> None:
        async with self._asking(name) as batch:
            await batch.signal(BatchFulfillmentWorkflow.resume, rpc_timeout=policy.RPC)

    async def set_window(self, name: str, window: int) -> None:
        """How many orders may be under way at once, from now on."""
        async with self._asking(name) as batch:
            await batch.signal(BatchFulfillmentWorkflow.set_window, window, rpc_timeout=policy.RPC)

    async def cancel(self, name: str, *, orders_too: bool = False) -> None:
        """Start no more orders. Those under way finish, unless they are to be cancelled too. Raises
        UnknownBatch if it has ended."""
        async with self._asking(name) as batch:
            # The server would thank for the cancel of a closed workflow, and forget it.
            if (await batch.describe(rpc_timeout=policy.RPC)).status is not WorkflowExecutionStatus.RUNNING:
                raise UnknownBatch(f"batch {name} has ended: there is nothing left to cancel")
            if orders_too:
                await batch.signal(BatchFulfillmentWorkflow.cancel_orders, rpc_timeout=policy.RPC)
            await batch.cancel(rpc_timeout=policy.RPC)

    @property
    def _server(self) -> Client:
        if self._temporal is None:
            raise RuntimeError("this BatchClient was made without a server")
        return self._temporal

    @asynccontextmanager
    async def _asking(
        self, name: str
    ) -> AsyncGenerator[WorkflowHandle[BatchFulfillmentWorkflow, BatchProgress]]:
        handle = self._server.get_workflow_handle_for(BatchFulfillmentWorkflow.run, _workflow_id(name))
        async with reaching_server():
            try:
                yield handle
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                raise UnknownBatch(f"no batch {name} is running, or the server has forgotten it") from None

    async def _record(self, name: str) -> BatchRecord:
        record = await self._book.newest_batch(_workflow_id(name))
        if record is None:
            raise UnknownBatch(f"the book knows of no batch {name}")
        return record


async def _why(batch: WorkflowHandle[BatchFulfillmentWorkflow, BatchProgress]) -> str:
    try:
        await batch.result()
    except WorkflowFailureError as failure:
        cause: BaseException = failure
        while cause.__cause__ is not None:
            cause = cause.__cause__
        return str(cause)
    return "unknown"


def _workflow_id(name: str) -> str:
    if BATCH_NAME.fullmatch(name) is None:
        raise InvalidUsage(
            f"{name[:100]!r} is no name for a batch: 1 to 100 letters, digits, '.', '_' or '-', e.g. monday-1"
        )
    return batch_workflow_id(name)


def _planned(order: ParsedOrder, known: SubmissionRecord | None) -> str:
    """How the plan counts an order: `new`, its status if it is known, or `conflict`."""
    if known is None:
        return "new"
    if fate_of(order.fingerprint, known, only_failed=False) is Fate.CONFLICT:
        return Fate.CONFLICT
    if known.status is SubmissionStatus.OPEN and known.ref.fingerprint != order.fingerprint:
        return Fate.CONFLICT
    return known.status


def _line_of(
    order: ParsedOrder, known: SubmissionRecord | None, noted: tuple[int, Fate | None] | None
) -> LineOutcome:
    fate = noted[1] if noted else None
    if fate is Fate.CONFLICT:
        status, reason = "conflict", "the ID is in use for an order with other content"
    elif known is None:
        status, reason = "not started", None
    else:
        status, reason = known.status, known.reason
    ended = known if known is not None and fate is not Fate.CONFLICT else None
    return LineOutcome(
        first_line=order.first_line,
        last_line=order.last_line,
        rows=order.rows,
        order_id=order.order_id,
        workflow_id=order_workflow_id(order.order_id),
        status=status,
        failed_step=ended.failed_step if ended else None,
        reason=reason,
        closed_at=ended.closed_at if ended else None,
    )


def _line_of_problem(problem: RowProblem) -> LineOutcome:
    duplicate_block = problem.kind is ProblemKind.DUPLICATE
    return LineOutcome(
        first_line=problem.first_line,
        last_line=problem.last_line,
        rows=problem.rows,
        order_id=problem.order_id,
        workflow_id=None,
        status="duplicate" if duplicate_block else "rejected",
        failed_step=None,
        reason=problem.reason,
        closed_at=None,
    )
