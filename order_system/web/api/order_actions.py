"""`/api/orders/{order_id}/...`: what is done about an order."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response

from order_system.domain.answers import Came, GiveUp, Resolution, StepRetry
from order_system.domain.errors import ForgettingRefused
from order_system.domain.refunds import RefundDocument, RefundState
from order_system.infra import policy
from order_system.orders.client import CancelAnswer
from order_system.web.api.parameters import OrderId
from order_system.web.documents.orders import (
    AnswerBody,
    Answered,
    Cancelled,
    RefundBody,
    ResolutionBody,
    read_order,
)
from order_system.web.guards.access import Caller, Operator, operator
from order_system.web.openapi import examples
from order_system.web.problems import documented
from order_system.web.services import Given, Services

router = APIRouter(prefix="/api/orders/{order_id}", tags=["Orders"], dependencies=[Depends(operator)])

Answer = Annotated[AnswerBody, Body(openapi_examples=examples.EXAMPLES["answers"])]
Resolving = Annotated[ResolutionBody, Body(openapi_examples=examples.EXAMPLES["resolutions"])]
Refunding = Annotated[RefundBody, Body(openapi_examples=examples.EXAMPLES["refunds"])]
_PROBLEMS = documented(404, 408, 409, 413, 422, 502, 503)
_ANSWERED = {200: examples.answer("The answer was taken.", "answered"), **_PROBLEMS}


@router.post(
    "/cancel",
    summary="Cancel an order",
    responses={
        200: examples.answer("What came of it.", "cancelled"),
        202: examples.answer("The order is still being undone.", "still_undoing", model=Cancelled),
        **documented(404, 413, 422, 502, 503),
    },
)
async def cancel(order_id: OrderId, services: Given, caller: Operator, response: Response) -> Cancelled:
    """Waits some seconds for what comes of it: the order is undone; it is too late, since the parcel is gone;
    or the order was closed already. Safe to repeat."""
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


@router.post("/retry", summary="Retry the failed step of a held order", responses=_ANSWERED)
async def retry(order_id: OrderId, answer: Answer, services: Given, caller: Operator) -> Answered:
    """For an order that is held, since a step has failed for good. Just that step runs once more."""
    return await _answered(services, order_id, caller, StepRetry(**answer.given(caller)))


@router.post("/give-up", summary="Give a held order up", responses=_ANSWERED)
async def give_up(order_id: OrderId, answer: Answer, services: Given, caller: Operator) -> Answered:
    """For an order that is held. It is undone now, instead of when its hold runs out."""
    return await _answered(services, order_id, caller, GiveUp(**answer.given(caller)))


@router.post("/resolve", summary="Answer an undo that is stuck", responses=_ANSWERED)
async def resolve(order_id: OrderId, answer: Resolving, services: Given, caller: Operator) -> Answered:
    """Has the undo tried again now, or says that it was done by hand."""
    return await _answered(services, order_id, caller, Resolution(**answer.given(caller)))


@router.post(
    "/refunds",
    summary="Give money of a fulfilled order back",
    responses={
        200: examples.answer("It is given back, or noted.", "refund"),
        202: examples.answer("It is under way.", "refund", model=RefundDocument),
        **_PROBLEMS,
    },
)
async def refund(
    order_id: OrderId, wish: Refunding, services: Given, caller: Operator, response: Response
) -> RefundDocument:
    """Waits some seconds for what comes of it. 409 if nothing is given back, as where less is left."""
    refunded = await services.orders.refunds.give_back(order_id, **wish.given(caller))
    if refunded.state is RefundState.UNDER_WAY:
        response.status_code = 202
    return refunded


@router.post(
    "/forget",
    summary="Forget a closed order",
    responses={200: examples.answer("Nothing of its customer is kept any more.", "forgotten"), **_PROBLEMS},
)
async def forget(order_id: OrderId, answer: Answer, services: Given, caller: Operator) -> Came:
    """Deletes its workflows and all that tells of its customer. Amounts, stock and times stay. `note` says
    why, without a word about the customer: it is kept. 409 for an order that is not over and done with. Safe
    to repeat, also to finish what was cut off."""
    given = answer.given(caller)
    await services.orders.status(order_id)  # or it is unknown
    told = services.forgetting.all_of([order_id], who=given["who"], why=given["note"])
    [came] = [each async for each in told]
    if not came.accepted:
        raise ForgettingRefused(came.detail)
    return came


async def _answered(
    services: Services, order_id: str, caller: Caller, answer: Resolution | StepRetry | GiveUp
) -> Answered:
    receipt = await services.attention.answer(order_id, answer)
    return Answered(receipt=receipt, order=await read_order(services, order_id, caller))
