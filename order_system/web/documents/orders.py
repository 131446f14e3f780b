"""What the API answers about orders, and what the pages draw: the order document, and all that belongs to
it."""

from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress, UndoState
from order_system.domain.steps import Step
from order_system.orders.client import CancelAnswer
from order_system.orders.timeline import Timeline, timeline_of
from order_system.web.services import Services

Row = TypeVar("Row")


class Rows(BaseModel, Generic[Row]):
    """A page of a list."""

    rows: tuple[Row, ...]
    next: str | None = Field(
        None, description="Send it as `cursor` for the page that follows. Null at the end."
    )


class OrderAction(StrEnum):
    """What a person may do about an order as it stands."""

    CANCEL = "cancel"
    RETRY = "retry"
    GIVE_UP = "give-up"
    RESOLVE = "resolve"


class OrderLinks(BaseModel):
    """Pages of Temporal's Web UI. Null where Temporal has no run (any more)."""

    order: str | None
    relationships: str | None = Field(description="Parent and children as a tree.")
    steps: dict[Step, str | None]


class OrderDocument(OrderProgress):
    """Where an order stands: what `starter.py status --json` prints, with its timeline."""

    timeline: Timeline
    links: OrderLinks
    actions: tuple[OrderAction, ...] = Field(description="What may be done about it now.")


class Submitted(BaseModel):
    """The order was taken, or is under way already. It is started once, however often it is posted."""

    order_id: str
    status: OrderStatus = OrderStatus.RUNNING
    started: bool = Field(description="False if it was running already, with the same content.")
    location: str


class Cancelled(BaseModel):
    verdict: CancelAnswer
    order: OrderDocument


async def read_order(services: Services, order_id: str, content: str | None = None) -> OrderDocument:
    """Raises UnknownOrder, OrderConflict, ServerUnreachable."""
    return await document_of(services, await services.orders.status_or_record(order_id, content))


async def document_of(services: Services, order: OrderProgress) -> OrderDocument:
    journal = await services.listing.journal(order.order_id, order.submission) if order.submission else {}
    links = services.links
    return OrderDocument(
        **dict(order),
        timeline=timeline_of(order, journal),
        links=OrderLinks(
            order=links.run(order.workflow_id, order.run_id),
            relationships=links.relationships(order.workflow_id, order.run_id),
            steps={step.step: links.run(step.workflow_id, step.run_id) for step in order.children},
        ),
        actions=actions_of(order),
    )


def actions_of(order: OrderProgress) -> tuple[OrderAction, ...]:
    if order.closed:
        return ()
    held = order.held_until is not None
    stuck = any(undo.status is UndoState.STUCK for undo in order.undos)
    return (
        *([] if order.undos else [OrderAction.CANCEL]),
        *([OrderAction.RETRY, OrderAction.GIVE_UP] if held else []),
        *([OrderAction.RESOLVE] if stuck else []),
    )
