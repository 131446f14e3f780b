"""A file of orders: a sliding window of order workflows over it, safe to run again.

The batch reads the file a page at a time and keeps up to `window` orders under way. Each is a child that
outlives its batch (ABANDON): ending a batch never ends an order. The key of an order is its ID, so running
the same file again starts only what is new or failed.

Before its history grows long the batch continues as new at the next page. Completions of children do not
follow it there, so it waits a while for its window to empty; an order that takes longer is handed on by its
ID and looked up at the end. One bad row, or one failed order, stops nothing.
"""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

from workflows.failures import is_eviction, raise_if_cancelled, state_after, uninterrupted

with workflow.unsafe.imports_passed_through():
    from activities.batch import BatchActivities
    from order_system import policy, search_attributes
    from order_system.batches import (
        BatchOpening,
        BatchProgress,
        BatchRequest,
        BatchState,
        BatchStatus,
        Fate,
        LookUpRequest,
        PagePlan,
        PageRequest,
        RefusedStart,
    )
    from order_system.ids import FINGERPRINT, order_workflow_id
    from order_system.journal import SubmissionStatus
    from order_system.messages import OrderOutcome
    from order_system.models import Order
    from order_system.progress import StepState
    from workflows.order import OrderFulfillmentWorkflow

_COUNTED_AS = {
    SubmissionStatus.FULFILLED: "fulfilled",
    SubmissionStatus.FAILED: "failed",
    SubmissionStatus.TERMINATED: "failed",
    SubmissionStatus.CANCELLED: "cancelled",
}


@workflow.defn
class BatchFulfillmentWorkflow:
    """`batch-<name>`: ends when every order of the file has ended or waits for a person."""

    @workflow.init
    def __init__(self, request: BatchRequest) -> None:
        self._request = request
        self._window = request.window
        self._position = request.state.position
        self._counts = request.state.counts
        self._handed_on = dict(request.state.handed_on)
        self._paused = request.state.paused
        self._status = BatchStatus.RUNNING
        self._under_way: dict[str, datetime] = {}
        """Order ID -> when it was started, for those that this run awaits."""
        self._children: dict[str, ChildWorkflowHandle[OrderFulfillmentWorkflow, OrderOutcome]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """Held, since the event loop holds tasks only weakly."""
        self._start_no_more = False

    @workflow.run
    async def run(self, request: BatchRequest) -> BatchProgress:
        patience = asyncio.create_task(self._hand_on_what_takes_too_long())
        try:
            if not await self._work_through_the_file():
                await self._continue_as_new()
        except (asyncio.CancelledError, ActivityError) as stopped:
            # A cancel while a page is read arrives as the failure of that activity.
            if is_eviction(stopped) or workflow.cancellation_reason() is None:
                raise
            self._status = BatchStatus.STOPPING
            await uninterrupted(self._count_the_rest())
        await uninterrupted(self._wait_for_orders())
        patience.cancel()
        if self._status is BatchStatus.STOPPING:
            self._status = BatchStatus.CANCELLED
            raise asyncio.CancelledError("stopped on request; its orders were left to finish")
        self._status = BatchStatus.FINISHED
        return self.progress()

    # --- what may be asked of a running batch ----------------------------------------------------

    @workflow.query
    def progress(self) -> BatchProgress:
        paused = self._status is BatchStatus.RUNNING and self._paused
        return BatchProgress(
            name=self._request.name,
            workflow_id=workflow.info().workflow_id,
            status=BatchStatus.PAUSED if paused else self._status,
            window=self._window,
            bytes_total=self._request.file.size,
            counts=self._counts,
            handed_on=tuple(sorted(self._handed_on)),
        )

    @workflow.signal
    def pause(self) -> None:
        """Start no more orders for now; those under way go on."""
        self._paused = True

    @workflow.signal
    def resume(self) -> None:
        self._paused = False

    @workflow.signal
    def set_window(self, window: int) -> None:
        self._window = max(1, min(window, policy.BATCH_WINDOW_LIMIT))

    @workflow.signal
    def cancel_orders(self) -> None:
        """Start no more orders and cancel those under way; a cancel of the batch alone lets them finish."""
        self._start_no_more = True
        for child in self._children.values():
            child.cancel()

    # --- reading and starting --------------------------------------------------------------------

    async def _work_through_the_file(self) -> bool:
        """False if the history has grown long before the end of the file."""
        if self._position is None:
            await workflow.execute_activity_method(
                BatchActivities.open_batch,
                BatchOpening(
                    batch=workflow.info().workflow_id,
                    run=workflow.info().first_execution_run_id,
                    request=self._request,
                ),
                start_to_close_timeout=policy.FILE_ATTEMPT,
                retry_policy=policy.PAGE_RETRY,
                summary="compare the file's checksum",
            )
        while True:
            raise_if_cancelled()
            page = await self._next_page(self._request.page_bytes)
            for order in page.start:
                await workflow.wait_condition(self._may_start)
                self._start(order)
            if page.at_end:
                return True
            if self._history_is_long():
                return False

    async def _count_the_rest(self) -> None:
        """Stopped half-way: read on without starting anything, so that the counts are the whole file's."""
        for _ in range(policy.BATCH_PAGES_WHEN_STOPPING):
            if (await self._next_page(policy.BATCH_PAGE_BYTES_LIMIT)).at_end:
                return

    async def _next_page(self, page_bytes: int) -> PagePlan:
        page = await workflow.execute_activity_method(
            BatchActivities.read_page,
            PageRequest(
                batch=workflow.info().workflow_id,
                run=workflow.info().first_execution_run_id,
                file=self._request.file,
                position=self._position,
                page_bytes=page_bytes,
                only_failed=self._request.only_failed,
                start_none=self._status is BatchStatus.STOPPING,
            ),
            start_to_close_timeout=policy.PAGE_ATTEMPT,
            retry_policy=policy.PAGE_RETRY,
            summary="read a page and look its orders up",
        )
        self._counts = self._counts.plus(page.counts)
        self._position = page.position
        return page

    def _may_start(self) -> bool:
        return not self._paused and not self._start_no_more and len(self._under_way) < self._window

    def _history_is_long(self) -> bool:
        info = workflow.info()
        events = info.get_current_history_length()
        return events >= self._request.continue_after_events or info.is_continue_as_new_suggested()

    # --- one order -------------------------------------------------------------------------------

    def _start(self, order: Order) -> None:
        self._under_way[order.order_id] = workflow.now()
        self._count("not_started", "running")
        task = asyncio.create_task(self._see_through(order))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _see_through(self, order: Order) -> None:
        ended_as = await self._run_order(order)
        if order.order_id in self._under_way or order.order_id in self._handed_on:
            self._count("running", ended_as)  # unless the last look has counted it already
        self._under_way.pop(order.order_id, None)
        self._children.pop(order.order_id, None)
        self._handed_on.pop(order.order_id, None)

    async def _run_order(self, order: Order) -> str:
        """The count that its end belongs to."""
        try:
            child = await workflow.start_child_workflow(
                OrderFulfillmentWorkflow.run,
                order,
                id=order_workflow_id(order.order_id),
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                parent_close_policy=ParentClosePolicy.ABANDON,
                memo={FINGERPRINT: order.fingerprint()},
                static_summary=f"order {order.order_id}: {len(order.lines)} line(s)",
                search_attributes=search_attributes.of_new_order(order.order_id, self._request.name),
            )
        except WorkflowAlreadyStartedError:
            return await self._refused(order)
        self._children[order.order_id] = child
        try:
            await child
        except ChildWorkflowError as failure:
            return "cancelled" if state_after(failure) is StepState.CANCELLED else "failed"
        return "fulfilled"

    async def _refused(self, order: Order) -> str:
        """It was started or fulfilled between our look at the page and our start."""
        answer = await workflow.execute_activity_method(
            BatchActivities.decide_refused,
            RefusedStart(
                batch=workflow.info().workflow_id,
                run=workflow.info().first_execution_run_id,
                order_id=order.order_id,
                fingerprint=order.fingerprint(),
            ),
            start_to_close_timeout=policy.EFFECT_ATTEMPT,
            retry_policy=policy.PAGE_RETRY,
            summary=f"{order.order_id} is known already: as what?",
        )
        return "conflicting" if answer.fate is Fate.CONFLICT else "skipped"

    def _count(self, leaves: str, joins: str) -> None:
        change = {leaves: getattr(self._counts, leaves) - 1, joins: getattr(self._counts, joins) + 1}
        self._counts = self._counts.model_copy(update=change)

    # --- stragglers and the end ------------------------------------------------------------------

    async def _hand_on_what_takes_too_long(self) -> None:
        """So that an order which waits for a person does not keep a place in the window for ever."""
        while True:
            await workflow.sleep(policy.BATCH_PATIENCE)
            longest = workflow.now() - policy.BATCH_PATIENCE
            self._hand_on([order_id for order_id, since in self._under_way.items() if since <= longest])

    def _hand_on(self, order_ids: list[str]) -> None:
        for order_id in order_ids:
            del self._under_way[order_id]
            child = self._children.get(order_id)
            self._handed_on[order_id] = child.first_execution_run_id if child else None

    async def _continue_as_new(self) -> None:
        try:
            await workflow.wait_condition(lambda: not self._under_way, timeout=policy.BATCH_DRAIN)
        except TimeoutError:
            self._hand_on(list(self._under_way))
        raise_if_cancelled()
        workflow.continue_as_new(
            self._request.model_copy(
                update={
                    "window": self._window,
                    "state": BatchState(
                        position=self._position,
                        counts=self._counts,
                        handed_on=self._handed_on,
                        paused=self._paused,
                    ),
                }
            )
        )

    async def _wait_for_orders(self) -> None:
        await workflow.wait_condition(lambda: not self._under_way)
        until = workflow.now() + policy.BATCH_LAST_LOOK
        while self._handed_on:
            await self._look_up_handed_on()
            if not self._handed_on or workflow.now() >= until:
                break
            await workflow.sleep(policy.BATCH_LOOK_AGAIN)
        for _ in self._handed_on:
            self._count("running", "needing_attention")

    async def _look_up_handed_on(self) -> None:
        answer = await workflow.execute_activity_method(
            BatchActivities.look_up,
            LookUpRequest(submissions=self._handed_on),
            start_to_close_timeout=policy.EFFECT_ATTEMPT,
            retry_policy=policy.PAGE_RETRY,
            summary="what became of the orders that took long?",
        )
        for order_id, status in answer.statuses.items():
            if order_id in self._handed_on:
                del self._handed_on[order_id]
                self._count("running", _COUNTED_AS[status])
