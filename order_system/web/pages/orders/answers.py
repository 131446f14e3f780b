"""What a person does about an order: each a form of its page, which asks first."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from order_system.domain.answers import GiveUp, ParcelFate, Remedy, Resolution, StepRetry
from order_system.domain.steps import Step
from order_system.orders.client import CancelAnswer
from order_system.web.api.order_actions import cancel_order
from order_system.web.guards.access import Operator
from order_system.web.pages.visit import redirect
from order_system.web.services import Given

router = APIRouter(prefix="/orders/{order_id}")
Note = Annotated[str, Form()]

_SAID = {
    CancelAnswer.UNDONE: "cancelled",
    CancelAnswer.TOO_LATE: "cancel-too-late",
    CancelAnswer.ALREADY_CLOSED: "cancel-closed",
    CancelAnswer.FIRST_FAILED: "cancel-first-failed",
    CancelAnswer.STILL_UNDOING: "cancel-asked",
}


@router.post("/cancel")
async def cancel(order_id: str, services: Given, _caller: Operator) -> Response:
    """Asks, and looks for a moment what comes of it; the page shows the rest. Raises UnknownOrder."""
    answer = await cancel_order(services, order_id)
    return redirect(f"/orders/{order_id}", _SAID[answer])


@router.post("/retry")
async def retry(order_id: str, services: Given, caller: Operator, note: Note = "") -> Response:
    """Of an order that is held: just the step that failed. Raises what `AttentionClient` raises."""
    await services.attention.answer(order_id, StepRetry(who=caller.name, note=note))
    return redirect(f"/orders/{order_id}", "answered")


@router.post("/give-up")
async def give_up(order_id: str, services: Given, caller: Operator, note: Note = "") -> Response:
    """Of an order that is held: undo it now. Raises as `retry`."""
    await services.attention.answer(order_id, GiveUp(who=caller.name, note=note))
    return redirect(f"/orders/{order_id}", "answered")


@router.post("/resolve")
async def resolve(
    *,
    order_id: str,
    services: Given,
    caller: Operator,
    step: Annotated[Step, Form()],
    remedy: Annotated[Remedy, Form()],
    parcel: Annotated[ParcelFate | None, Form()] = None,
    note: Note = "",
) -> Response:
    """Of an order with an undo that is stuck. Raises as `retry`."""
    resolution = Resolution(who=caller.name, note=note, step=step, remedy=remedy, parcel=parcel)
    await services.attention.answer(order_id, resolution)
    return redirect(f"/orders/{order_id}", "answered")
