"""The documents of orders that the API returns and the pages draw, and the bodies of a person's answers."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from order_system.domain import answers
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import OrderProgress
from order_system.domain.steps import Step
from order_system.infra.redaction import keep_private, redacted
from order_system.orders.client import CancelAnswer
from order_system.orders.details import OrderDetails
from order_system.web.guards.access import Caller
from order_system.web.services import Services


class OrderAction(StrEnum):
    """What a person may do about an order as it stands."""

    CANCEL = "cancel"
    RETRY = "retry"
    GIVE_UP = "give-up"
    RESOLVE = "resolve"
    REFUND = "refund"
    RUN_AGAIN = "run-again"


class OrderLinks(BaseModel):
    """Pages of Temporal's Web UI. Null where Temporal has no run (any more)."""

    order: str | None
    relationships: str | None = Field(description="Parent and children as a tree.")
    steps: dict[Step, str | None]


class OrderDocument(OrderDetails):
    """An order in full, as `starter.py status --json` prints it. Only operators see the customer."""

    links: OrderLinks
    actions: tuple[OrderAction, ...] = Field(description="What may be done about it now.")


class Submitted(BaseModel):
    """The order was accepted, or is under way already. It starts once, however often it is posted."""

    order_id: str
    status: OrderStatus = OrderStatus.RUNNING
    started: bool = Field(description="False if it was running already, with the same content.")
    location: str


class Cancelled(BaseModel):
    verdict: CancelAnswer
    order: OrderDocument


class AnswerBody(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    note: Annotated[str, StringConstraints(max_length=answers.MOST_CHARACTERS_OF_NOTE)] = Field(
        "", description="Why, in one line. A card number is refused.", examples=["the gateway is back"]
    )
    who: Annotated[str, StringConstraints(max_length=answers.MOST_CHARACTERS_OF_WHO)] | None = Field(
        None,
        description="Who answers. By default the key's name. The workflow's history and the book keep it.",
        examples=["ada@desk-1"],
    )

    def given(self, caller: Caller) -> dict[str, Any]:
        """Return all fields; `who` is the caller unless it is given."""
        return {**self.model_dump(), "who": caller.name if self.who is None else self.who}


class ResolutionBody(AnswerBody):
    step: Step = Field(
        description=f"The step whose undo is stuck: {', '.join(answers.UNDOABLE)}. `notification`: for a "
        "notice that was never sent, with `handled`."
    )
    remedy: answers.Remedy = Field(
        description="`retry`: try it again now. `handled`: it was done by hand, as `note` says."
    )
    parcel: answers.ParcelFate | None = Field(
        None,
        description="Only for shipping that was handled. `voided`: no parcel has gone, and none can go. "
        "`dispatched`: the parcel is with the carrier.",
    )
    refund: str | None = Field(None, description="Only for payment: the ID of the refund that is stuck.")


class RefundBody(AnswerBody):
    """What to give back: an `amount` in the order's currency; or the goods of a `line`, by its SKU, without
    fee, tax and discount; or all that is left. A request that repeats your own `refund_id` gives nothing back
    twice. With `made_elsewhere`, the provider's reference of a refund made there, it is only noted."""

    amount: str | None = None
    line: str | None = None
    refund_id: str | None = None
    made_elsewhere: str | None = None


class Answered(BaseModel):
    receipt: answers.AnswerReceipt
    order: OrderDocument


async def read_order(
    services: Services, order_id: str, caller: Caller, content: str | None = None, *, open_too: bool = False
) -> OrderDocument:
    """Read an order as the caller may see it. Raises what `OrderClient.status_or_record` raises."""
    order = await services.orders.status_or_record(order_id, content, open_too=open_too)
    return shown_to(caller, services, await services.orders.in_full(order))


_NEVER_PERSONAL = ("order_id", "workflow_id", "links", "receipts")
"""Fields that are not redacted: a tracking number may look like a card's, an order ID hold a postal code."""


def shown_to(caller: Caller, services: Services, order: OrderDetails) -> OrderDocument:
    links = services.links
    document = OrderDocument(
        **dict(order),
        links=OrderLinks(
            order=links.run(order.workflow_id, order.run_id),
            relationships=links.relationships(order.workflow_id, order.run_id),
            steps={step.step: links.run(step.workflow_id, step.run_id) for step in order.children},
        ),
        actions=actions_of(order),
    )
    if caller.may_act:
        return document
    keep_private(order.contents)  # the gateways' messages may repeat them
    plain = {name: getattr(document, name) for name in _NEVER_PERSONAL}
    return OrderDocument.model_validate({**redacted(document), **plain})


def actions_of(order: OrderProgress) -> tuple[OrderAction, ...]:
    if order.closed:
        return (OrderAction.REFUND if order.status is OrderStatus.FULFILLED else OrderAction.RUN_AGAIN,)
    if order.run_id is None:  # the book alone knows it: it is on another server, or ours is away
        return ()
    held = order.held_until is not None
    stuck = any(undo.may_be_handled for undo in order.undos)
    return (
        *([] if order.undos else [OrderAction.CANCEL]),
        *([OrderAction.RETRY, OrderAction.GIVE_UP] if held else []),
        *([OrderAction.RESOLVE] if stuck else []),
    )
