"""`/api/orders`: submit, list, read and follow orders, and act on one."""

import asyncio
import hashlib
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from order_system.domain.answers import Came, GiveUp, Resolution, StepRetry
from order_system.domain.errors import ForgettingRefused
from order_system.domain.listing import OrderSummary, Page
from order_system.domain.messages import OrderOutcome
from order_system.domain.refunds import RefundDocument, RefundState
from order_system.infra import policy
from order_system.orders.client import CancelAnswer
from order_system.orders.client import Submitted as How
from order_system.orders.exports import ExportFormat, exported
from order_system.web import examples
from order_system.web.api.parameters import Linked, OrderId, PostedOrder, Wanted, WantedPage
from order_system.web.documents.orders import (
    AnswerBody,
    Answered,
    Cancelled,
    OrderDocument,
    RefundBody,
    ResolutionBody,
    Submitted,
    read_order,
)
from order_system.web.downloads import CSV, EVENTS, JSON_LINES, attached, begun, order_events
from order_system.web.guards.access import Access, Caller, Operator, Viewer, operator
from order_system.web.problems import described
from order_system.web.services import Given, Services

router = APIRouter(prefix="/api/orders", tags=["Orders"])

_ORDER = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/OrderForm"},
            "example": examples.EXAMPLES["new_order"],
        }
    },
}


@router.post(
    "",
    response_model=Submitted,
    **described(
        "Submit an order",
        "Taken, or under way already.",
        "submitted",
        [408, 409, 413, 415, 502],
        status_code=202,
        also={
            200: examples.answer(
                "Fulfilled before, with this content. Its outcome.", "outcome", model=OrderOutcome
            )
        },
    ),
    openapi_extra={"requestBody": _ORDER},
)
async def submit_order(order: PostedOrder, services: Given, _caller: Operator) -> Response:
    """Submits an order. Safe to repeat: it is charged once, however often it is posted. An order that has
    failed, was cancelled or was terminated runs again. Other content under the ID of an order that runs or is
    fulfilled is refused."""
    submission = await services.orders.submit(order)
    outcome = await services.book.outcome(order.order_id) if submission.how is How.FULFILLED else None
    location = f"/api/orders/{quote(order.order_id, safe='')}?content={order.fingerprint()}"
    if outcome is not None:
        return JSONResponse(outcome.model_dump(mode="json"), headers={"Location": location})
    taken = Submitted(order_id=order.order_id, started=submission.how is How.STARTED, location=location)
    return JSONResponse(taken.model_dump(mode="json"), 202, {"Location": location})


@router.get("", **described("List orders", "A page, sorted as asked.", "orders", [502]))
async def list_orders(
    services: Given, linked: Linked, wanted: Annotated[WantedPage, Query()]
) -> Page[OrderSummary]:
    """Lists orders from the order book. An order has no total before its payment has begun. A page may hold
    fewer rows than `limit` although there are more: `next` tells. The first page may begin with some extra
    orders, which are so new that the book does not know them yet."""
    cursor, limit = wanted.cursor, wanted.limit
    return linked(await services.lists.orders(wanted.filter, wanted.status, cursor=cursor, limit=limit))


@router.get(
    ".{form}",
    response_class=StreamingResponse,
    **described(
        "Download a list of orders",
        "All orders that match, sent while they are read.",
        {CSV: examples.text("orders_csv"), JSON_LINES: examples.text("orders_json_lines")},
        [502],
    ),
)
async def download(
    form: ExportFormat, services: Given, wanted: Annotated[Wanted, Query()]
) -> StreamingResponse:
    """Downloads the whole list: one row, or one JSON object, for each order. No spreadsheet runs a cell."""
    pieces = exported(services.lists, wanted.filter, wanted.status, form)
    return attached(await begun(pieces), f"orders.{form}", CSV if form is ExportFormat.CSV else JSON_LINES)


_UNCHANGED = {304: {"description": "Nothing has changed since it had the `ETag` that `If-None-Match` names."}}


@router.get(
    "/{order_id}",
    response_model=OrderDocument,
    **described("Read an order", "Where it stands.", "order", [404, 409, 502], also=_UNCHANGED),
)
async def read(
    order_id: OrderId,
    request: Request,
    services: Given,
    caller: Viewer,
    content: Annotated[
        str | None,
        Query(
            max_length=64,
            description="As in the `location` of the order that you have posted. 409 if the order turns out "
            "to have been fulfilled with other content.",
        ),
    ] = None,
) -> Response:
    """Reads an order in full. Its workflow answers as long as Temporal has it, and then the order book, which
    has no contents. A viewer sees `[redacted]` for personal data. Send the `ETag` back as `If-None-Match`: as
    long as nothing has changed, the answer is an empty 304."""
    body = (await read_order(services, order_id, caller, content)).model_dump_json()
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


@router.get(
    "/{order_id}/events",
    response_class=StreamingResponse,
    **described(
        "Follow an order",
        "Server-sent events. `order` holds the order document, at first and whenever it has changed. "
        "`closed` is the last one.",
        {EVENTS: examples.text("events") | {"schema": examples.EXAMPLES["event_schema"]}},
        [404, 502],
    ),
)
async def events(order_id: OrderId, services: Given, caller: Viewer, request: Request) -> StreamingResponse:
    """Sends events until the order is closed. After a break connect again: the first event has its state."""
    access: Access = request.app.state.access
    pieces = await begun(order_events(services, order_id, caller, lambda: access.caller(request) == caller))
    return StreamingResponse(pieces, media_type=EVENTS, headers={"X-Accel-Buffering": "no"})


actions = APIRouter(prefix="/api/orders/{order_id}", tags=["Orders"], dependencies=[Depends(operator)])

Answer = Annotated[AnswerBody, Body(openapi_examples=examples.EXAMPLES["answers"])]
Resolving = Annotated[ResolutionBody, Body(openapi_examples=examples.EXAMPLES["resolutions"])]
Refunding = Annotated[RefundBody, Body(openapi_examples=examples.EXAMPLES["refunds"])]
_PROBLEMS = (404, 408, 409, 413, 502)
_ANSWERED = ("The answer was taken.", "answered", _PROBLEMS)


@actions.post(
    "/cancel",
    **described(
        "Cancel an order",
        "What came of it.",
        "cancelled",
        [404, 413, 502],
        also={202: examples.answer("The order is still being undone.", "still_undoing", model=Cancelled)},
    ),
)
async def cancel(order_id: OrderId, services: Given, caller: Operator, response: Response) -> Cancelled:
    """Cancels an order, and waits some seconds for the verdict: the order is undone; it is too late, since
    the parcel has gone; or the order was closed already. Safe to repeat."""
    answer = await cancel_order(services, order_id)
    if answer is CancelAnswer.STILL_UNDOING:
        response.status_code = 202
    return Cancelled(verdict=answer, order=await read_order(services, order_id, caller))


async def cancel_order(services: Services, order_id: str) -> CancelAnswer:
    try:
        async with asyncio.timeout(policy.ANSWER.total_seconds()):
            answer, _ = await services.orders.cancel(order_id)
    except TimeoutError:
        return CancelAnswer.STILL_UNDOING
    return answer


@actions.post("/retry", **described("Retry the failed step of a held order", *_ANSWERED))
async def retry(order_id: OrderId, answer: Answer, services: Given, caller: Operator) -> Answered:
    """Runs the failed step of a held order once more, and only that step."""
    return await _answered(services, order_id, caller, StepRetry(**answer.given(caller)))


@actions.post("/give-up", **described("Give a held order up", *_ANSWERED))
async def give_up(order_id: OrderId, answer: Answer, services: Given, caller: Operator) -> Answered:
    """Undoes a held order now, before its hold runs out."""
    return await _answered(services, order_id, caller, GiveUp(**answer.given(caller)))


@actions.post("/resolve", **described("Answer an undo that is stuck", *_ANSWERED))
async def resolve(order_id: OrderId, answer: Resolving, services: Given, caller: Operator) -> Answered:
    """Has a stuck undo or refund tried again now, or records that it was done by hand; or that a person has
    told the customer what was never sent."""
    return await _answered(services, order_id, caller, Resolution(**answer.given(caller)))


@actions.post(
    "/refunds",
    **described(
        "Give money of a fulfilled order back",
        "It is given back, or noted.",
        "refund",
        _PROBLEMS,
        also={202: examples.answer("It is under way.", "refund", model=RefundDocument)},
    ),
)
async def refund(
    order_id: OrderId, wish: Refunding, services: Given, caller: Operator, response: Response
) -> RefundDocument:
    """Gives money back, and waits some seconds for the result. 409 if it is refused, as when less is left."""
    refunded = await services.orders.refunds.give_back(order_id, **wish.given(caller))
    if refunded.state is RefundState.UNDER_WAY:
        response.status_code = 202
    return refunded


@actions.post(
    "/forget",
    **described("Forget a closed order", "Nothing of its customer is kept any more.", "forgotten", _PROBLEMS),
)
async def forget(order_id: OrderId, answer: Answer, services: Given, caller: Operator) -> Came:
    """Deletes an order's workflows, and all data about its customer. Amounts, stock and times stay. `note`
    says why; it is kept, so it must not mention the customer. 409 for an order that is not finished. Safe to
    repeat, also to finish what was interrupted."""
    await services.orders.status(order_id)  # this raises UnknownOrder
    [came] = [each async for each in services.forgetting.all_of([order_id], **answer.given(caller))]
    if not came.accepted:
        raise ForgettingRefused(came.detail)
    return came


async def _answered(
    services: Services, order_id: str, caller: Caller, answer: Resolution | StepRetry | GiveUp
) -> Answered:
    receipt = await services.attention.answer(order_id, answer)
    return Answered(receipt=receipt, order=await read_order(services, order_id, caller))
