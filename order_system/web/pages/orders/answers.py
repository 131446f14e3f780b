"""What a person does about an order: each a form of its page, which asks first."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from order_system.domain.answers import GiveUp, Resolution, StepRetry
from order_system.orders.client import CancelAnswer
from order_system.web.api.order_actions import cancel_order
from order_system.web.documents.answers import AnswerBody, ResolutionBody
from order_system.web.guards.access import Operator, operator
from order_system.web.pages.visit import redirect
from order_system.web.services import Given

router = APIRouter(prefix="/orders/{order_id}", dependencies=[Depends(operator)])
Answer = Annotated[AnswerBody, Form()]

_SAID = {
    CancelAnswer.UNDONE: "cancelled",
    CancelAnswer.TOO_LATE: "cancel-too-late",
    CancelAnswer.ALREADY_CLOSED: "cancel-closed",
    CancelAnswer.FIRST_FAILED: "cancel-first-failed",
    CancelAnswer.STILL_UNDOING: "cancel-asked",
}


@router.post("/cancel")
async def cancel(order_id: str, services: Given) -> Response:
    """Waits for a moment what comes of it; the page shows the rest. Raises UnknownOrder."""
    answer = await cancel_order(services, order_id)
    return redirect(f"/orders/{order_id}", _SAID[answer])


@router.post("/resolve")
async def resolve(
    order_id: str, services: Given, caller: Operator, answer: Annotated[ResolutionBody, Form()]
) -> Response:
    """For an order with an undo that is stuck. Raises what `AttentionClient` raises."""
    await services.attention.answer(order_id, Resolution(**answer.given(caller)))
    return redirect(f"/orders/{order_id}", "answered")


@router.post("/{how}")
async def answer_hold(
    order_id: str, how: Literal["retry", "give-up"], services: Given, caller: Operator, answer: Answer
) -> Response:
    """For an order that is held: run just the step that failed again, or undo it now. Raises as `resolve`."""
    kind = StepRetry if how == "retry" else GiveUp
    await services.attention.answer(order_id, kind(**answer.given(caller)))
    return redirect(f"/orders/{order_id}", "answered")
