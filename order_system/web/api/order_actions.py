"""`/api/orders/{id}/...`: what is done about an order, and its events."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import StreamingResponse

from order_system.domain.answers import AnswerReceipt
from order_system.infra import policy
from order_system.orders.client import CancelAnswer
from order_system.web.api.parameters import OrderId
from order_system.web.documents.answers import AnswerBody, Answered, ResolutionBody
from order_system.web.documents.events import EVENT, MEDIA_TYPE, Listeners
from order_system.web.documents.orders import Cancelled, read_order
from order_system.web.guards.access import Operator, Viewer
from order_system.web.openapi import examples
from order_system.web.problems import documented
from order_system.web.services import Given, Services
from order_system.web.streams import begun

router = APIRouter(prefix="/api/orders/{order_id}", tags=["Orders"])

Answer = Annotated[AnswerBody, Body(openapi_examples=examples.ANSWERS)]
Resolving = Annotated[ResolutionBody, Body(openapi_examples=examples.RESOLUTIONS)]
_PROBLEMS = documented(404, 408, 409, 413, 422, 502, 503)
_ANSWERED = {200: examples.answer("The answer was taken.", examples.ANSWERED), **_PROBLEMS}


@router.post(
    "/cancel",
    summary="Cancel an order",
    responses={
        200: examples.answer("What came of it.", examples.CANCELLED),
        202: {
            **examples.answer("Asked for, and still being undone.", examples.STILL_UNDOING),
            "model": Cancelled,
        },
        **documented(404, 408, 413, 422, 502, 503),
    },
)
async def cancel(order_id: OrderId, services: Given, _caller: Operator, response: Response) -> Cancelled:
    """Asks, and waits some seconds for the answer: undone, too late since the parcel was gone, or already
    closed. Safe to repeat."""
    verdict = await cancel_order(services, order_id)
    if verdict is CancelAnswer.STILL_UNDOING:
        response.status_code = 202
    return Cancelled(verdict=verdict, order=await read_order(services, order_id))


async def cancel_order(services: Services, order_id: str) -> CancelAnswer:
    try:
        async with asyncio.timeout(policy.ANSWER.total_seconds()):
            verdict, _ = await services.orders.cancel(order_id)
    except TimeoutError:
        return CancelAnswer.STILL_UNDOING
    return verdict


@router.post("/retry", summary="Retry the failed step of a held order", responses=_ANSWERED)
async def retry(order_id: OrderId, answer: Answer, services: Given, caller: Operator) -> Answered:
    """Of an order that is held, since a step has failed for good: just that step runs once more."""
    return await _answered(
        services, order_id, await services.attention.answer(order_id, answer.to_retry(caller))
    )


@router.post("/give-up", summary="Give a held order up", responses=_ANSWERED)
async def give_up(order_id: OrderId, answer: Answer, services: Given, caller: Operator) -> Answered:
    """Of an order that is held: it is undone now, instead of when its hold has run out."""
    return await _answered(
        services, order_id, await services.attention.answer(order_id, answer.to_give_up(caller))
    )


@router.post("/resolve", summary="Answer an undo that is stuck", responses=_ANSWERED)
async def resolve(order_id: OrderId, answer: Resolving, services: Given, caller: Operator) -> Answered:
    """Have it tried again now, or say that it was done by hand."""
    receipt = await services.attention.answer(order_id, answer.to_resolution(caller))
    return await _answered(services, order_id, receipt)


async def _answered(services: Services, order_id: str, receipt: AnswerReceipt) -> Answered:
    return Answered(receipt=receipt, order=await read_order(services, order_id))


@router.get(
    "/events",
    summary="Follow an order",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: `order` with the order document at first and whenever it has "
            "changed, then `closed`, and the end.",
            "content": {MEDIA_TYPE: {"schema": EVENT, "example": examples.EVENTS}},
        },
        **documented(404, 422, 502, 503),
    },
)
async def events(order_id: OrderId, services: Given, _caller: Viewer, request: Request) -> StreamingResponse:
    """Until the order is closed. Connect again after a break: the first event says how it stands."""
    listeners: Listeners = request.app.state.listeners
    listeners.check()
    order = await services.orders.status(order_id)
    pieces = await begun(listeners.order_events(services, order))
    return StreamingResponse(pieces, media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})
