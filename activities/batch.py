"""Reading a batch's file and looking its orders up."""

import asyncio
import contextvars
import time
from collections.abc import Callable

from temporalio import activity

from order_system.domain import policy
from order_system.domain.batch import (
    BatchBook,
    BatchCounts,
    BatchOpening,
    Fate,
    LookedUp,
    LookUpRequest,
    PagePlan,
    PageRequest,
    RefusedFate,
    RefusedStart,
    fate_of,
    fate_of_refused,
)
from order_system.domain.book import SubmissionStatus
from order_system.domain.order import Order
from order_system.domain.order_page import Page, RowSource
from order_system.domain.reconciliation import OrderRuns


class BatchActivities:
    def __init__(self, book: BatchBook, rows: RowSource, runs: OrderRuns) -> None:
        self._book = book
        self._rows = rows
        self._runs = runs

    @activity.defn
    async def open_batch(self, opening: BatchOpening) -> None:
        """Remember the batch, and make sure that its file is the one that was planned.

        Idempotent. Raises FileChanged or FileRefused, never to be retried."""
        await self._book.open_batch(opening.batch, opening.run, opening.request)
        await self._rows.verify(opening.request.file, heartbeats_from_a_thread())

    @activity.defn
    async def read_page(self, request: PageRequest) -> PagePlan:
        """One page of orders, and what to do with each. Idempotent: read again, it decides the same but for
        orders that have moved on meanwhile.

        A look-up that fails fails the page, and is retried: it never reads as "nothing exists".
        """
        page = await self._page_that_fits(request)
        noted = await self._book.note_orders(request.batch, request.run, page.orders)
        activity.heartbeat()
        known = await self._book.find([each.order_id for each in page.orders])
        unknown = [each.order_id for each in page.orders if each.order_id not in known]
        never_begun = await self._book.decided_to_start(request.batch, unknown) if request.only_failed else ()
        activity.heartbeat()

        start: list[Order] = []
        fates: dict[str, Fate] = {}
        rows = dict.fromkeys(Fate, 0)
        orders = dict.fromkeys(Fate, 0)
        for each in page.orders:
            order_id = each.order_id
            if noted[order_id] != each.first_line:
                fate = Fate.DUPLICATE
            else:
                asked_for = not request.only_failed or order_id in never_begun
                fate = fate_of(each.fingerprint, known.get(order_id), new_ones=asked_for)
                fates[order_id] = fate
            if fate is Fate.START and not request.start_none:
                start.append(each.order)
            rows[fate] += each.rows
            orders[fate] += 1
        await self._book.note_fates(request.batch, request.run, fates)

        duplicates = orders.pop(Fate.DUPLICATE)
        rows_duplicate = rows.pop(Fate.DUPLICATE)
        left_out = [problem.rows for problem in page.problems if problem.is_left_out]
        counts = BatchCounts(
            bytes_read=page.bytes_read + (request.file.start.offset if request.position is None else 0),
            rows=page.rows,
            rows_rejected=sum(problem.rows for problem in page.problems) - sum(left_out),
            rows_duplicate=rows_duplicate,
            rows_left_out=sum(left_out),
            rows_valid=sum(rows.values()),
            rejected=len(page.problems) - len(left_out),
            duplicate=duplicates,
            left_out=len(left_out),
            valid=sum(orders.values()),
            skipped=orders[Fate.SKIP_FULFILLED],
            conflicting=orders[Fate.CONFLICT],
            not_started=orders[Fate.START] + orders[Fate.NOT_ASKED_FOR],
        )
        return PagePlan(start=tuple(start), counts=counts, position=page.next, at_end=page.at_end)

    async def _page_that_fits(self, request: PageRequest) -> Page:
        """Rows may be short: so many bytes could hold more orders than one message and one history bear."""
        wanted, got_on = request.page_bytes, heartbeats_from_a_thread()
        page = await self._rows.read_page(request.file, request.position, wanted, got_on)
        while len(page.orders) > policy.BATCH_PAGE_ORDERS and not request.start_none and wanted > 1:
            wanted = min(wanted, page.bytes_read) // 2
            page = await self._rows.read_page(request.file, request.position, max(1, wanted), got_on)
        return page

    @activity.defn
    async def decide_refused(self, refused: RefusedStart) -> RefusedFate:
        """Why the server refused a start: the order runs, is fulfilled, or is another one.

        The server is asked before the book, so that an order which ends in between is found fulfilled."""
        on_server = await self._runs.fingerprint(refused.order_id)
        known = (await self._book.find([refused.order_id])).get(refused.order_id)
        fate = fate_of_refused(refused.fingerprint, known, on_server)
        await self._book.note_fates(refused.batch, refused.run, {refused.order_id: fate})
        return RefusedFate(fate=fate)

    @activity.defn
    async def look_up(self, request: LookUpRequest) -> LookedUp:
        """How the orders ended that have. An older submission's end is not the one that is asked for."""
        found = await self._book.find(list(request.submissions))
        statuses: dict[str, SubmissionStatus] = {}
        for order_id, record in found.items():
            asked = request.submissions[order_id]
            if record.status is SubmissionStatus.FULFILLED:
                statuses[order_id] = record.status
                # What the server has under the order's ID may not be what was fulfilled: it was refused then.
                if asked != record.ref.submission:
                    on_server = await self._runs.fingerprint(order_id)
                    if on_server not in (None, record.ref.fingerprint):
                        statuses[order_id] = SubmissionStatus.FAILED
            elif record.status is not SubmissionStatus.OPEN and asked == record.ref.submission:
                statuses[order_id] = record.status
        return LookedUp(statuses=statuses)


def heartbeats_from_a_thread() -> Callable[[], None]:
    """For a thread that works for this activity: to be called whenever it has got on, however often.

    An asynchronous activity beats on its event loop alone. A thread that goes on after its activity was
    cancelled beats in vain, and harmlessly.
    """
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
