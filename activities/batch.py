"""Reads the file of a batch, and looks its orders up."""

import asyncio
import contextvars
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from temporalio import activity

from order_system.domain import policy
from order_system.domain.batch import (
    BatchBook,
    BatchCounts,
    BatchOpening,
    Fate,
    FilePageRequest,
    LookedUp,
    LookUpRequest,
    PagePlan,
    RefusedFate,
    RefusedStart,
    fate_of,
    fate_of_refused,
)
from order_system.domain.book import SubmissionStatus
from order_system.domain.order_file import FilePage, ParsedOrder, RowSource
from order_system.domain.reconciliation import OrderRuns


@dataclass(frozen=True)
class BatchActivities:
    book: BatchBook
    rows: RowSource
    runs: OrderRuns

    @activity.defn
    async def open_batch(self, opening: BatchOpening) -> None:
        """Remember the batch, and make sure that its file is the one that was planned.

        Idempotent. Raises FileChanged or FileRefused, never to be retried."""
        at = activity.info().started_time
        await self.book.open_batch(opening.batch, opening.run, opening.request, at)
        await self.rows.verify(opening.request.file, heartbeats_from_a_thread())

    @activity.defn
    async def read_page(self, request: FilePageRequest) -> PagePlan:
        """Read one page of orders, and decide what to do with each. Idempotent: a second reading decides the
        same, except for orders that have moved on meanwhile.

        A failed look-up fails the page, which is retried. It never counts as "nothing exists"."""
        page = await self._page_that_fits(request)
        decided = await self._decided(request, page)
        start = [each.order for each, fate in zip(page.orders, decided, strict=True) if fate is Fate.START]
        return PagePlan(
            start=() if request.start_none else tuple(start),
            counts=_counted(request, page, decided),
            position=page.next,
            at_end=page.at_end,
        )

    async def _decided(self, request: FilePageRequest, page: FilePage) -> list[Fate]:
        noted = await self.book.note_orders(request.batch, request.run, page.orders)
        activity.heartbeat()
        known = await self.book.find([each.order_id for each in page.orders])
        unknown = [each.order_id for each in page.orders if each.order_id not in known]
        never_begun = await self.book.decided_to_start(request.batch, unknown) if request.only_failed else ()
        activity.heartbeat()

        def fate(each: ParsedOrder) -> Fate:
            if noted[each.order_id] != each.first_line:
                return Fate.DUPLICATE
            asked_for = not request.only_failed or each.order_id in never_begun
            return fate_of(each.fingerprint, known.get(each.order_id), new_ones=asked_for)

        decided = [fate(each) for each in page.orders]
        fates = {
            each.order_id: one
            for each, one in zip(page.orders, decided, strict=True)
            if one is not Fate.DUPLICATE
        }
        await self.book.note_fates(request.batch, request.run, fates)
        return decided

    async def _page_that_fits(self, request: FilePageRequest) -> FilePage:
        """Read a page, and a smaller one if it has more orders than one message and one history can bear."""
        wanted, got_on = request.page_bytes, heartbeats_from_a_thread()
        page = await self.rows.read_page(request.file, request.position, wanted, got_on)
        while len(page.orders) > policy.BATCH_PAGE_ORDERS and not request.start_none and wanted > 1:
            wanted = min(wanted, page.bytes_read) // 2
            page = await self.rows.read_page(request.file, request.position, max(1, wanted), got_on)
        return page

    @activity.defn
    async def decide_refused(self, refused: RefusedStart) -> RefusedFate:
        """Find out why the server refused a start: the order runs, is fulfilled, or is another one.

        We ask the server before the book, so that an order which ends in between is found fulfilled."""
        on_server = await self.runs.fingerprint(refused.order_id)
        known = (await self.book.find([refused.order_id])).get(refused.order_id)
        fate = fate_of_refused(refused.fingerprint, known, on_server)
        await self.book.note_fates(refused.batch, refused.run, {refused.order_id: fate})
        return RefusedFate(fate=fate)

    @activity.defn
    async def look_up(self, request: LookUpRequest) -> LookedUp:
        """Return how each order ended that has. Another submission's end counts only if it is fulfilled."""
        found = await self.book.find(list(request.submissions))
        statuses: dict[str, SubmissionStatus] = {}
        for order_id, record in found.items():
            asked = request.submissions[order_id]
            if record.status is SubmissionStatus.FULFILLED:
                statuses[order_id] = record.status
                # The server may have another order under this ID than was fulfilled: it was refused then.
                if asked != record.ref.submission:
                    on_server = await self.runs.fingerprint(order_id)
                    if on_server not in (None, record.ref.fingerprint):
                        statuses[order_id] = SubmissionStatus.FAILED
            elif record.status is not SubmissionStatus.OPEN and asked == record.ref.submission:
                statuses[order_id] = record.status
        return LookedUp(statuses=statuses)


def _counted(request: FilePageRequest, page: FilePage, decided: Sequence[Fate]) -> BatchCounts:
    orders, rows = Counter(decided), Counter[Fate]()
    for each, fate in zip(page.orders, decided, strict=True):
        rows[fate] += each.rows
    left_out = [problem.rows for problem in page.problems if problem.is_left_out]
    return BatchCounts(
        bytes_read=page.bytes_read + (request.file.start.offset if request.position is None else 0),
        rows=page.rows,
        rows_rejected=sum(problem.rows for problem in page.problems) - sum(left_out),
        rows_duplicate=rows[Fate.DUPLICATE],
        rows_left_out=sum(left_out),
        rows_valid=rows.total() - rows[Fate.DUPLICATE],
        rejected=len(page.problems) - len(left_out),
        duplicate=orders[Fate.DUPLICATE],
        left_out=len(left_out),
        valid=orders.total() - orders[Fate.DUPLICATE],
        skipped=orders[Fate.SKIP_FULFILLED],
        conflicting=orders[Fate.CONFLICT],
        not_started=orders[Fate.START] + orders[Fate.NOT_ASKED_FOR],
    )


def heartbeats_from_a_thread() -> Callable[[], None]:
    """Return a function that a thread of this activity calls, however often, when it has made progress.

    An asynchronous activity sends heartbeats from its event loop only. If a thread goes on after its activity
    was cancelled, its heartbeats have no effect, and do no harm."""
    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()
    last = float("-inf")

    def got_on() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= policy.HEARTBEAT_EVERY.total_seconds():
            last = now
            loop.call_soon_threadsafe(activity.heartbeat, context=context)

    return got_on
