"""How far a batch has read its file, and which orders it has read but not started."""

from collections import deque

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.batch import BatchActivities
    from order_system.domain import metrics, policy
    from order_system.domain.batch import BatchOpening, BatchRequest, FilePageRequest
    from order_system.domain.ids import BOOK
    from workflows.tally import BatchTally


class BatchFile:
    def __init__(self, request: BatchRequest, tally: BatchTally) -> None:
        self._request = request
        self._tally = tally
        self.position = request.state.position
        """Where the next page begins; None before the first."""
        self.at_end = request.state.at_end
        self.to_start = deque(request.state.to_start)
        """The orders of the last page that are not started yet."""

    @property
    def is_done(self) -> bool:
        return self.at_end and not self.to_start

    async def open(self) -> None:
        """Note the run in the book, and check the file. Raises ActivityError if it is gone or has changed."""
        await workflow.execute_activity_method(
            BatchActivities.open_batch,
            BatchOpening(
                book=workflow.memo_value(BOOK, default=None),
                batch=workflow.info().workflow_id,
                run=workflow.info().first_execution_run_id,
                request=self._request,
            ),
            start_to_close_timeout=policy.FILE_ATTEMPT,
            heartbeat_timeout=policy.FILE_HEARTBEAT,
            retry_policy=policy.PAGE_RETRY,
            summary="compare the file's checksum",
        )

    async def count_the_rest(self) -> None:
        """Read the rest of the file without starting any order. Raises ActivityError."""
        for _ in range(policy.BATCH_PAGES_WHEN_STOPPING):
            if self.at_end:
                return
            await self.read_page(policy.BATCH_PAGE_BYTES_LIMIT, start_none=True)

    async def read_page(self, page_bytes: int | None = None, *, start_none: bool = False) -> None:
        """Read and count the next page. Raises ActivityError, also on a cancel; then nothing is counted."""
        page = await workflow.execute_activity_method(
            BatchActivities.read_page,
            FilePageRequest(
                book=workflow.memo_value(BOOK, default=None),
                batch=workflow.info().workflow_id,
                run=workflow.info().first_execution_run_id,
                file=self._request.file,
                position=self.position,
                page_bytes=page_bytes or self._request.page_bytes,
                only_failed=self._request.only_failed,
                start_none=start_none,
            ),
            start_to_close_timeout=policy.PAGE_ATTEMPT,
            heartbeat_timeout=policy.PAGE_HEARTBEAT,
            retry_policy=policy.PAGE_RETRY,
            summary="read a page and look its orders up",
        )
        self.position, self.at_end = page.position, page.at_end
        self.to_start.extend(page.start)
        self._tally.add(page.counts)
        for result in ("valid", "rejected", "duplicate", "left_out"):
            rows: int = getattr(page.counts, f"rows_{result}")
            metrics.note("batch_rows", workflow.metric_meter(), result, value=rows)
