"""`/batches`: the batches, newest first, with the progress of each. `/batches/{name}`: one batch, its orders,
and what a person may do about it."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import Response

from order_system.batches.progress import pace_words
from order_system.domain.batch import ENDED, BatchProgress
from order_system.domain.errors import UnknownBatch
from order_system.domain.listing import BatchFilter, BatchOrder, LineStatus, Page
from order_system.domain.search import LONGEST
from order_system.domain.wording import so_many
from order_system.infra.temporal.connection import check_answers
from order_system.web.api.batches import Steering, steer
from order_system.web.documents.batches import read_batch
from order_system.web.guards.access import operator
from order_system.web.pages.visit import Visit, redirect
from order_system.web.pages.words import in_words
from order_system.web.services import Given

router = APIRouter()
HERE = "/batches"
ONE = "/batches/{name}"
ROWS = 20
"""Rows of a page: few, since each batch is asked for its progress."""


@router.get(HERE)
async def list_batches(
    visit: Visit,
    q: Annotated[str, Query(max_length=LONGEST)] = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    wanted = BatchFilter(name=q.strip() or None)
    page = await visit.services.batches.listed(wanted, None, cursor=cursor, limit=ROWS)
    return await visit.page(
        "batches.html",
        place=HERE,
        calm=all(batch.progress is None or batch.progress.status in ENDED for batch in page.rows),
        page=page,
        wanted=wanted.name,
        expected=expected,
        parts_of=parts_of,
    )


# --- one batch ------------------------------------------------------------------------------------


@router.get(ONE)
async def show(
    visit: Visit,
    name: str,
    status: Annotated[LineStatus | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Show a batch. Raises UnknownBatch, ServerUnreachable, and InvalidUsage for a bad name or cursor."""
    services = visit.services
    await check_answers(services.temporal)
    progress = await read_batch(services, name)
    request, page, numbers = None, Page[BatchOrder]((), None), dict[LineStatus, int]()
    with suppress(UnknownBatch):  # it is too new for the book
        record = await services.batches.record(name)
        request, page = record.request, await services.lists.batch_orders(name, status, cursor=cursor)
        waiting = await services.lists.waiting_ids()
        numbers = await services.book.batch_counts(record.batch, record.run, waiting=waiting)
        if progress.status not in ENDED:  # some orders run, but are not in the book yet
            begun = max(0, numbers[LineStatus.NOT_STARTED] - progress.counts.not_started)
            numbers[LineStatus.NOT_STARTED] -= begun
            numbers[LineStatus.RUNNING] += begun
            # One may have begun to wait since the progress was asked: the bar is not to contradict the list.
            waits = min(progress.counts.running, max(progress.waiting, numbers[LineStatus.NEEDS_ATTENTION]))
            progress = progress.model_copy(update={"waiting": waits})
    return await visit.page(
        "batch.html",
        place=HERE,
        calm=progress.status in ENDED,
        batch=progress,
        parts=parts_of(progress),
        headline=headline(progress),
        pace_words=pace_words(progress, elsewhere="Needs attention"),
        chosen_status=status,
        request=request,
        page=page,
        numbers=numbers,
    )


# --- how far it has come, as a bar and in words ---------------------------------------------------

_PARTS = ("fulfilled", "skipped", "failed", "cancelled", "needing_attention", "conflicting", "running")
"""The parts in their order in the bar; the rest of the bar is not started."""
_NAMES = {"needing_attention": "need attention", "conflicting": "in conflict"}


def expected(progress: BatchProgress) -> int:
    """Return the number of orders: an estimate until all of the file has been read."""
    return max(progress.orders_expected, progress.counts.valid)


def parts_of(progress: BatchProgress) -> list[tuple[str, float, str]]:
    """Return each part of the bar: its look, its width in percent of the whole, and its title."""
    whole = max(1, expected(progress))
    numbers = [(name, getattr(progress.stand, name)) for name in _PARTS]
    return [
        (name, 100 * number / whole, f"{number:,} {_NAMES.get(name, in_words(name))}")
        for name, number in numbers
        if number
    ]


def headline(progress: BatchProgress) -> str:
    if progress.status in ENDED and progress.counts.rows and not progress.counts.valid:
        return "There was no order to run"
    about = "" if progress.counts.bytes_read >= progress.bytes_total or progress.status in ENDED else "about "
    return f"{progress.counts.ended:,} of {about}{so_many(expected(progress), 'order')} done"


# --- what may be done -----------------------------------------------------------------------------


@router.post(f"{ONE}/retry", dependencies=[Depends(operator)])
async def retry(name: str, services: Given) -> Response:
    """Retry what failed, was cancelled or terminated, or never began. Raises UnknownBatch, OrderConflict."""
    started = await services.batches.retry(name)
    return redirect(f"/batches/{name}", "batch-started" if started else "batch-running")


@router.post(ONE + "/{how}", dependencies=[Depends(operator)])
async def act(
    name: str, how: Steering, services: Given, orders_too: Annotated[bool, Form()] = False
) -> Response:
    """Pause, resume or cancel the batch. Raises as `steer`."""
    await steer(services, name, how, orders_too=orders_too)
    return redirect(f"/batches/{name}", "batch-told")
