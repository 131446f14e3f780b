"""`/api/batches`: a file of orders as one workflow."""

from fastapi import APIRouter

from order_system.listing import PAGE_ROWS, BatchSummary
from order_system.web import examples
from order_system.web.access import Viewer
from order_system.web.api.orders import Cursor, Limit
from order_system.web.documents import Rows
from order_system.web.problems import documented
from order_system.web.services import Given

router = APIRouter(prefix="/api/batches", tags=["Batches"])


@router.get(
    "",
    summary="List batches",
    responses={200: examples.answer("A page, newest first.", examples.BATCHES), **documented(422, 503)},
)
async def list_batches(
    services: Given, _caller: Viewer, cursor: Cursor = None, limit: Limit = PAGE_ROWS
) -> Rows[BatchSummary]:
    """Each batch by its newest run."""
    page = await services.listing.batches(cursor=cursor, limit=limit)
    return Rows(rows=page.rows, next=page.next)
