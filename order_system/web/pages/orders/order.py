"""`/orders/{order_id}`: one order with its children, its timeline, and what may be done about it."""

from fastapi import APIRouter
from starlette.responses import Response

from order_system.domain.listing import OrderFilter, OrderSummary
from order_system.domain.progress import UndoState
from order_system.web.documents.orders import OrderDocument, read_order
from order_system.web.pages.orders.timeline import drawn, spans_of
from order_system.web.pages.visit import Visit
from order_system.web.services import Services

router = APIRouter()


@router.get("/orders/{order_id}")
async def show(visit: Visit, order_id: str) -> Response:
    """Raises UnknownOrder, ServerUnreachable."""
    order = await read_order(visit.services, order_id)
    return await visit.page(
        "order.html",
        place="/",
        calm=order.closed,
        order=order,
        summary=await _in_book(visit.services, order),
        undos={undo.step: undo for undo in order.undos},
        stuck=[undo.step for undo in order.undos if undo.status is UndoState.STUCK],
        drawing=drawn(list(spans_of(order)), visit.now),
    )


async def _in_book(services: Services, order: OrderDocument) -> OrderSummary | None:
    """None before its payment has begun, and if another submission counts there."""
    page = await services.listing.orders(OrderFilter(order_ids=[order.order_id]), limit=1)
    return next((row for row in page.rows if row.submission == order.submission), None)
