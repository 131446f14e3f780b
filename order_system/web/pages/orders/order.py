"""`/orders/{order_id}`: one order with its children, its timeline, and what may be done about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from order_system.domain.durations import in_time, milliseconds_between, time_between
from order_system.domain.listing import OrderFilter, OrderSummary
from order_system.domain.progress import StepProgress, StepState, UndoProgress, UndoState
from order_system.domain.steps import Step
from order_system.web.documents.orders import OrderAction, OrderDocument, read_order
from order_system.web.pages.orders.stories import stories_of
from order_system.web.pages.orders.timeline import spans_of
from order_system.web.pages.orders.timeline_drawing import drawn
from order_system.web.pages.visit import Visit
from order_system.web.pages.words import status_words, undo_words
from order_system.web.services import Services

router = APIRouter()


@router.get("/orders/{order_id}")
async def show(visit: Visit, order_id: str) -> Response:
    """Raises UnknownOrder, ServerUnreachable."""
    order = await read_order(visit.services, order_id)
    summary = await _in_book(visit.services, order)
    batch = summary.batch if summary else None
    return await visit.page(
        "order.html",
        place="/",
        calm=order.closed,
        order=order,
        batch=batch,
        status=order.status.value,
        status_words=status_words(order),
        took=_took(order, visit.now),
        links=order.links,
        stories=stories_of(order, visit.now),
        steps=list(_steps(order, visit.now)),
        drawing=drawn(list(spans_of(order)), visit.now),
        facts=list(_facts(order, summary)),
        may=may(order),
    )


@dataclass(frozen=True)
class May:
    """What may be done about an order as it stands."""

    cancel: bool = False
    retry: bool = False
    give_up: bool = False
    resolve: tuple[Step, ...] = ()
    """Steps whose undos are stuck."""


def may(order: OrderDocument) -> May:
    stuck = (undo.step for undo in order.undos if undo.status is UndoState.STUCK)
    return May(
        cancel=OrderAction.CANCEL in order.actions,
        retry=OrderAction.RETRY in order.actions,
        give_up=OrderAction.GIVE_UP in order.actions,
        resolve=tuple(stuck) if OrderAction.RESOLVE in order.actions else (),
    )


@dataclass(frozen=True)
class UndoLine:
    words: str
    look: str
    icon: str


@dataclass(frozen=True)
class StepLine:
    name: str
    state: str
    reason: str
    attempts: str
    took: str
    workflow_id: str
    link: str | None
    undo: UndoLine | None


def _steps(order: OrderDocument, now: datetime) -> Iterator[StepLine]:
    undos = {undo.step: undo for undo in order.undos}
    for step in order.children:
        undo = undos.get(step.step)
        yield StepLine(
            name=step.step,
            state=step.status,
            reason=step.reason or "",
            attempts=str(step.attempts) if step.attempts else "",
            took=_step_took(step, now),
            workflow_id=step.workflow_id,
            link=order.links.steps.get(step.step),
            undo=_undo_line(undo) if undo else None,
        )


def _undo_line(undo: UndoProgress) -> UndoLine:
    stuck = undo.status is UndoState.STUCK
    return UndoLine(undo_words(undo), "stuck" if stuck else "undo", "attention" if stuck else "undo")


def _step_took(step: StepProgress, now: datetime) -> str:
    if step.status is StepState.RUNNING and step.started_at is not None:
        return time_between(step.started_at, now)
    return "" if step.duration_ms is None else in_time(step.duration_ms)


def _took(order: OrderDocument, now: datetime) -> str:
    began, ended = order.timeline.began_at, order.timeline.ended_at
    return in_time(milliseconds_between(began, ended or now)) if began else ""


async def _in_book(services: Services, order: OrderDocument) -> OrderSummary | None:
    """None before its payment has begun."""
    page = await services.listing.orders(OrderFilter(order_ids=[order.order_id]), limit=1)
    return next(iter(page.rows), None)


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
