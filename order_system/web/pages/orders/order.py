"""`/orders/{order_id}`: one order with its children, its timeline, and what may be done about it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from order_system.domain.durations import in_time, time_between
from order_system.domain.listing import OrderFilter, OrderSummary
from order_system.domain.progress import StepProgress, StepState, UndoState
from order_system.web.documents.orders import OrderDocument, read_order
from order_system.web.pages.orders.stories import stories_of
from order_system.web.pages.orders.timeline import spans_of
from order_system.web.pages.orders.timeline_drawing import drawn
from order_system.web.pages.visit import Visit
from order_system.web.services import Services

router = APIRouter()


@router.get("/orders/{order_id}")
async def show(visit: Visit, order_id: str) -> Response:
    """Raises UnknownOrder, ServerUnreachable."""
    order = await read_order(visit.services, order_id)
    summary = await _in_book(visit.services, order)
    undos = {undo.step: undo for undo in order.undos}
    began, ended = order.timeline.began_at, order.timeline.ended_at
    return await visit.page(
        "order.html",
        place="/",
        calm=order.closed,
        order=order,
        batch=summary.batch if summary else None,
        status_words=order.status_words,
        took=time_between(began, ended or visit.now) if began else "",
        stories=stories_of(order),
        steps=[(step, undos.get(step.step), _took(step, visit.now)) for step in order.children],
        stuck=[undo.step for undo in order.undos if undo.status is UndoState.STUCK],
        drawing=drawn(list(spans_of(order)), visit.now),
        facts=list(_facts(order, summary)),
    )


def _took(step: StepProgress, now: datetime) -> str:
    if step.status is StepState.RUNNING and step.started_at is not None:
        return time_between(step.started_at, now)
    return "" if step.duration_ms is None else in_time(step.duration_ms)


async def _in_book(services: Services, order: OrderDocument) -> OrderSummary | None:
    """None before its payment has begun, and if another submission counts there."""
    page = await services.listing.orders(OrderFilter(order_ids=[order.order_id]), limit=1)
    return next((row for row in page.rows if row.submission == order.submission), None)


def _facts(order: OrderDocument, summary: OrderSummary | None) -> Iterator[tuple[str, Any]]:
    """Names and texts; a moment is given as it is, for the template to tell."""
    if summary and summary.total:
        yield "Total", f"{summary.total} {summary.currency}"
    if summary:
        yield "Submitted", summary.opened_at
        if summary.closed_at:
            yield "Closed", summary.closed_at
    yield "Workflow", order.workflow_id
    if order.submission:
        yield "Submission", order.submission
    if order.run_id and order.run_id != order.submission:
        yield "Run", order.run_id
