"""`/orders/{order_id}`: one order with its children, its timeline, and what may be done about it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from order_system.domain.answers import GiveUp, Resolution, StepRetry
from order_system.domain.listing import OrderFilter, OrderSummary
from order_system.web.api.orders import cancel_order
from order_system.web.documents.orders import (
    AnswerBody,
    OrderDocument,
    RefundBody,
    ResolutionBody,
    read_order,
)
from order_system.web.guards.access import Operator, operator
from order_system.web.pages.orders.timeline import drawn, spans_of
from order_system.web.pages.visit import Visit, redirect
from order_system.web.services import Given, Services

router = APIRouter(prefix="/orders/{order_id}")


@router.get("")
async def show(visit: Visit, order_id: str) -> Response:
    """Raises UnknownOrder, ServerUnreachable."""
    order = await read_order(visit.services, order_id, visit.caller)
    return await visit.page(
        "order.html",
        place="/",
        calm=order.closed,
        order=order,
        summary=await _in_book(visit.services, order),
        undos={undo.step: undo for undo in order.undos},
        stuck=[undo.step for undo in order.undos if undo.may_be_handled],
        tried_again=[undo.step for undo in order.undos if undo.tried_again],
        drawing=drawn(list(spans_of(order)), visit.now),
    )


async def _in_book(services: Services, order: OrderDocument) -> OrderSummary | None:
    """None before its payment has begun, and if another submission counts there."""
    page = await services.book.orders(OrderFilter(order_ids=[order.order_id]), limit=1)
    return next((row for row in page.rows if row.submission == order.submission), None)


# --- what may be done, each by a form that asks first ---------------------------------------------


@router.post("/cancel", dependencies=[Depends(operator)])
async def cancel(order_id: str, services: Given) -> Response:
    """Waits for a moment what comes of it; the page shows the rest. Raises UnknownOrder."""
    answer = await cancel_order(services, order_id)
    return redirect(f"/orders/{order_id}", f"cancel-{answer.name.lower()}")


@router.post("/resolve")
async def resolve(
    order_id: str, services: Given, caller: Operator, answer: Annotated[ResolutionBody, Form()]
) -> Response:
    """For an order with an undo that is stuck. Raises what `AttentionClient` raises."""
    await services.attention.answer(order_id, Resolution(**answer.given(caller)))
    return redirect(f"/orders/{order_id}", "answered")


@router.post("/refunds")
async def refund(
    order_id: str, services: Given, caller: Operator, wish: Annotated[RefundBody, Form()]
) -> Response:
    """Raises what `Refunds.give_back` raises. A field that is left empty is not given."""
    refunded = await services.orders.refunds.give_back(order_id, **wish.given(caller))
    return redirect(f"/orders/{order_id}", f"refund-{refunded.state.name.lower()}")


@router.post("/{how}")
async def answer_hold(
    order_id: str,
    how: Literal["retry", "give-up"],
    services: Given,
    caller: Operator,
    answer: Annotated[AnswerBody, Form()],
) -> Response:
    """For an order that is held: run just the step that failed again, or undo it now. Raises as `resolve`."""
    kind = StepRetry if how == "retry" else GiveUp
    await services.attention.answer(order_id, kind(**answer.given(caller)))
    return redirect(f"/orders/{order_id}", "answered")
