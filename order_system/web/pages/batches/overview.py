"""`/batches`: the batches, newest first, with how far each has come."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from order_system.domain.batch import ENDED, BatchProgress
from order_system.domain.errors import OrderSystemError
from order_system.domain.listing import BatchSummary
from order_system.infra import policy as infra_policy
from order_system.web.pages.batches.progress import Part, parts_of
from order_system.web.pages.orders.rows import address
from order_system.web.pages.visit import Visit
from order_system.web.services import Services

router = APIRouter()
HERE = "/batches"
NOT_KNOWN = "not known"
ROWS = 20
"""Few, since each is asked how far it is."""


@dataclass(frozen=True)
class BatchRow:
    name: str
    status: str
    parts: list[Part]
    orders: str
    failed: str
    started_at: datetime


@router.get(HERE)
async def list_batches(visit: Visit, cursor: Annotated[str | None, Query(max_length=500)] = None) -> Response:
    page = await visit.services.listing.batches(cursor=cursor, limit=ROWS)
    progress = await asyncio.gather(*(_progress(visit.services, batch) for batch in page.rows))
    rows = [_row(batch, known) for batch, known in zip(page.rows, progress, strict=True)]
    under_way = any(known is not None and known.status not in ENDED for known in progress)
    return await visit.page(
        "batches.html",
        place=HERE,
        calm=not under_way,
        rows=rows,
        older=address(HERE, {"cursor": page.next}) if page.next else None,
        newest=HERE if cursor else None,
    )


async def _progress(services: Services, batch: BatchSummary) -> BatchProgress | None:
    """None if nobody can tell just now: the list shows the others all the same."""
    try:
        async with asyncio.timeout(infra_policy.WAITING_ASKED.total_seconds()):
            return await services.batches.progress(batch.name)
    except (OrderSystemError, TimeoutError):
        return None


def _row(batch: BatchSummary, progress: BatchProgress | None) -> BatchRow:
    counts = progress.counts if progress else None
    return BatchRow(
        name=batch.name,
        status=progress.status if progress else NOT_KNOWN,
        parts=parts_of(progress) if progress else [],
        orders=f"{max(progress.orders_expected, progress.counts.valid):,}" if progress else "",
        failed=f"{counts.failed:,}" if counts and counts.failed else "",
        started_at=batch.started_at,
    )
