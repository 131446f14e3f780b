"""A file of orders: a sliding window of order workflows over it, safe to run again.

The batch reads the file a page at a time and keeps up to `window` orders under way (`window.py`). Each is a
child that outlives its batch (ABANDON): ending a batch never ends an order. The key of an order is its ID, so
running the same file again starts only what is new or failed.

Before its history grows long the batch continues as new, and hands on what it knows: where the next page
begins, the counts, and the orders under way by their IDs. One bad row, or one failed order, stops nothing."""

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.batch_file import BatchFile
from workflows.failures import is_eviction, raise_if_cancelled, uninterrupted
from workflows.window import OrderWindow

with workflow.unsafe.imports_passed_through():
    from order_system.domain import policy
    from order_system.domain.batch import ENDED, BatchProgress, BatchRequest, BatchState, BatchStatus
    from workflows.tally import BatchTally


@workflow.defn
class BatchFulfillmentWorkflow:
    """`batch-<name>`: ends when every order of the file has ended or waits for a person."""

    @workflow.init
    def __init__(self, request: BatchRequest) -> None:
        state = request.state
        self._request = request
        started_at = workflow.info().workflow_start_time
        self._tally = BatchTally(state, workflow.now, started_at, request.file.orders)
        self._window = OrderWindow(request.window, self._tally, state)
        self._file = BatchFile(request, self._tally)
        self._paused = state.paused
        self._cancelling_orders = False
        self._status = BatchStatus.RUNNING

    @workflow.run
    async def run(self, request: BatchRequest) -> BatchProgress:
        self._window.open()
        failure = None
        try:
            await self._work_through_the_file()
        except (asyncio.CancelledError, ActivityError) as stopped:
            # A cancel while a page is read arrives as the failure of that activity.
            if is_eviction(stopped):
                raise
            failure = None if self._stopped() else stopped
        if self._stopped():
            with suppress(ActivityError):  # the counts cover the whole file, or what can be read of it
                await uninterrupted(self._file.count_the_rest())
        await uninterrupted(self._window.see_out())
        if failure is not None:
            self._status = BatchStatus.FAILED
            raise failure
        return await self._end()

    # --- what may be asked of a running batch ----------------------------------------------------

    @workflow.query
    def progress(self) -> BatchProgress:
        """Return the status, the counts and the pace. Asking changes nothing."""
        status, size, tally = self._shown_status(), self._request.file.size, self._tally
        ended = status in ENDED
        left = tally.seconds_left(size) if status is BatchStatus.RUNNING else None
        return BatchProgress(
            name=self._request.name,
            workflow_id=workflow.info().workflow_id,
            status=status,
            window=self._window.size,
            bytes_total=size,
            counts=tally.counts,
            started_at=tally.started_at,
            updated_at=tally.updated_at,
            orders_expected=tally.counts.valid if ended else tally.expected(size),
            orders_a_second=tally.whole_pace() if ended else tally.recent_pace(),
            seconds_left=0.0 if ended else left,
            handed_on=tuple(sorted(self._window.handed_on())),
        )

    @workflow.signal
    def pause(self) -> None:
        """Start no more orders for now; those under way go on."""
        self._paused = True

    @workflow.signal
    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._tally.measure_anew()

    @workflow.signal
    def set_window(self, window: int) -> None:
        self._window.size = max(1, min(window, policy.BATCH_WINDOW_LIMIT))

    @workflow.signal
    def cancel_orders(self) -> None:
        """Stop, and cancel the orders that this batch has started. A cancel of the batch lets them finish."""
        self._cancelling_orders = True
        self._window.cancel_orders()

    def _stopped(self) -> bool:
        return self._cancelling_orders or workflow.cancellation_reason() is not None

    def _shown_status(self) -> BatchStatus:
        if self._status in ENDED:
            return self._status
        if self._stopped():
            return BatchStatus.STOPPING
        return BatchStatus.PAUSED if self._paused else self._status

    # --- reading and starting --------------------------------------------------------------------

    async def _work_through_the_file(self) -> None:
        """Start the orders. Returns at the file's end, or after `cancel_orders`. Raises CancelledError."""
        if self._file.position is None:
            await uninterrupted(self._file.open())  # even after a cancel: the book must know of the run
        while not self._cancelling_orders:
            raise_if_cancelled()
            if self._file.is_done:
                return
            if self._history_is_long():
                await self._continue_as_new()
            elif not self._file.to_start:
                await self._file.read_page()
            elif self._may_start():
                self._window.start(self._file.to_start.popleft().with_defaults(self._request))
            else:
                await self._window.until(
                    lambda: self._may_start() or self._cancelling_orders or self._history_is_long()
                )

    def _may_start(self) -> bool:
        return not self._paused and self._window.has_room()

    # --- stopping and ending ---------------------------------------------------------------------

    async def _end(self) -> BatchProgress:
        if self._cancelling_orders:
            await self._wait_for_the_cancel()
        self._status = BatchStatus.CANCELLED if self._stopped() else BatchStatus.FINISHED
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError("stopped on request")
        return self.progress()

    async def _wait_for_the_cancel(self) -> None:
        """Wait for the client's cancel, which shows on the server. It follows `cancel_orders`, or is lost."""
        try:
            await workflow.wait_condition(
                lambda: workflow.cancellation_reason() is not None, timeout=policy.BATCH_CANCEL_FOLLOWS
            )
        except TimeoutError:
            pass
        except asyncio.CancelledError as cancelled:
            if is_eviction(cancelled):
                raise

    def _history_is_long(self) -> bool:
        info = workflow.info()
        events = info.get_current_history_length()
        return events >= self._request.continue_after_events or info.is_continue_as_new_suggested()

    async def _continue_as_new(self) -> None:
        """Start a new run. Returns if the batch is stopped meanwhile: the run that was told so ends it."""
        await self._window.drain(self._stopped)
        if self._stopped():
            return
        state = BatchState(
            position=self._file.position,
            at_end=self._file.at_end,
            to_start=tuple(self._file.to_start),
            counts=self._tally.counts,
            under_way=self._window.under_way(),
            handed_on=self._window.handed_on(),
            paused=self._paused,
            started_at=self._tally.started_at,
            pace=self._tally.marks,
        )
        workflow.continue_as_new(
            self._request.model_copy(update={"window": self._window.size, "state": state}),
            # Where workers are versioned, a long batch moves on to the newest version with each new run.
            initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE,
        )
