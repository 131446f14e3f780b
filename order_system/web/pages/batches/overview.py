"""`/batches`: the batches, newest first, with how far each has come."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from order_system.domain.batch import ENDED
from order_system.domain.listing import BatchFilter
from order_system.domain.search import LONGEST
from order_system.web.pages.batches.batch import expected, parts_of
from order_system.web.pages.visit import Visit

router = APIRouter()
HERE = "/batches"
ROWS = 20
"""Few, since each is asked how far it is."""


@router.get(HERE)
async def list_batches(
    visit: Visit,
    q: Annotated[str, Query(max_length=LONGEST)] = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    wanted = BatchFilter(name=q.strip() or None)
    page = await visit.services.book.batches(wanted, cursor=cursor, limit=ROWS)
    batches = visit.services.batches
    progress = await asyncio.gather(*(batches.progress_soon(batch.name) for batch in page.rows))
    return await visit.page(
        "batches.html",
        place=HERE,
        calm=all(known is None or known.status in ENDED for known in progress),
        page=page,
        wanted=wanted.name,
        batches=[
            (batch, known, expected(known) if known else 0, parts_of(known) if known else [])
            for batch, known in zip(page.rows, progress, strict=True)
        ],
    )
