"""`/api/orders`: submit, list, read, follow."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from order_system.batches.names import BATCH_NAME
from order_system.domain.listing import PAGE_ROWS, OrderFilter, OrderSummary
from order_system.domain.messages import OrderOutcome, OrderStatus
from order_system.orders.client import Submitted as How
from order_system.web.api.parameters import Cursor, Limit, Moment, OrderId
from order_system.web.documents.orders import OrderDocument, Rows, Submitted, read_order
from order_system.web.guards.access import Operator, Viewer
from order_system.web.openapi import examples
from order_system.web.problems import documented
from order_system.web.requests import PostedOrder
from order_system.web.services import Given

router = APIRouter(prefix="/api/orders", tags=["Orders"])


@router.post(
    "",
    status_code=202,
    summary="Submit an order",
    response_model=Submitted,
    responses={
        202: examples.answer("Taken, or under way already.", examples.SUBMITTED, headers=examples.LOCATION),
        200: {
            **examples.answer("Fulfilled before, with this content: its outcome.", examples.OUTCOME),
            "model": OrderOutcome,
        },
        **documented(408, 409, 413, 415, 422, 502, 503),
    },
    openapi_extra={"requestBody": examples.ORDER_BODY},
)
async def submit_order(order: PostedOrder, services: Given, _caller: Operator) -> Response:
    """Safe to repeat: an order is charged once, however often it is posted. One that has failed, was
    cancelled or terminated runs again. Other content under the ID of an order that runs or is fulfilled is
    refused."""
    submission = await services.orders.submit(order)
    outcome = await services.orders.outcome(order.order_id) if submission.how is How.FULFILLED else None
    location = f"/api/orders/{quote(order.order_id, safe='')}"
    if outcome is not None:
        return JSONResponse(outcome.model_dump(mode="json"), headers={"Location": location})
    taken = Submitted(order_id=order.order_id, started=submission.how is How.STARTED, location=location)
    return JSONResponse(taken.model_dump(mode="json"), 202, {"Location": location})


@router.get(
    "",
    summary="List orders",
    responses={200: examples.answer("A page, newest first.", examples.ORDERS), **documented(422, 502, 503)},
)
async def list_orders(  # noqa: PLR0917 - FastAPI's parameters are named
    services: Given,
    _caller: Viewer,
    status: Annotated[OrderStatus | None, Query(description="Only those that stand so.")] = None,
    batch: Annotated[
        str | None,
        Query(
            pattern=f"^{BATCH_NAME.pattern}$",
            description="Only those that this batch started.",
            examples=[examples.BATCH],
        ),
    ] = None,
    opened_since: Moment = None,
    opened_before: Moment = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_ROWS,
) -> Rows[OrderSummary]:
    """From the order book, where an order is once its payment has begun. A page may hold fewer rows than
    `limit` although there are more: `next` tells."""
    page = await services.lists.orders(
        OrderFilter(batch=batch, opened_since=opened_since, opened_before=opened_before),
        status,
        cursor=cursor,
        limit=limit,
    )
    return Rows(rows=page.rows, next=page.next)


@router.get(
    "/{order_id}",
    summary="Read an order",
    responses={200: examples.answer("Where it stands.", examples.ORDER), **documented(404, 422, 502, 503)},
)
async def read(order_id: OrderId, services: Given, _caller: Viewer) -> OrderDocument:
    """With its timeline: from its workflow while Temporal has it, from the order book afterwards."""
    return await read_order(services, order_id)
