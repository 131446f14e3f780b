"""`/api/orders/actions`: one answer to many orders."""

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from order_system.attention.chosen import Action, Came, Chosen
from order_system.domain.answers import ParcelFate
from order_system.domain.ids import ORDER_ID
from order_system.domain.listing import PAGE_ROWS_LIMIT
from order_system.web.documents.orders import AnswerBody
from order_system.web.guards.access import Caller, Operator
from order_system.web.openapi import examples
from order_system.web.problems import documented
from order_system.web.services import Given, Services

router = APIRouter(prefix="/api/orders/actions", tags=["Orders"])


class ActionBody(AnswerBody):
    chosen: list[Annotated[str, Field(pattern=f"^{ORDER_ID.pattern}(:[A-Za-z0-9._]+){{0,2}}$")]] = Field(
        min_length=1,
        max_length=PAGE_ROWS_LIMIT,
        description="IDs of orders. `ORDER-001:payment`: only what waits of that step.",
        examples=[["ORDER-001", "ORDER-002:payment"]],
    )
    action: Action = Field(
        description="`retry`: what is held or stuck is tried again now, and an order that was undone runs "
        "again with its content. `resolve`: what is stuck was done by hand, as `note` says. `give-up`: undo "
        "what is held. `take`: somebody is on it."
    )
    parcel: ParcelFate | None = Field(None, description="As in `resolve`, of those whose shipping is stuck.")


class Actions(BaseModel):
    accepted: int
    refused: int
    rows: list[Came]


@router.post(
    "",
    summary="Retry, resolve, give up, cancel or take many orders",
    responses={
        200: examples.answer("What came of each.", "actions"),
        **documented(408, 413, 422, 502, 503),
    },
)
async def act(
    wish: Annotated[ActionBody, Body(openapi_examples=examples.EXAMPLES["action_bodies"])],
    services: Given,
    caller: Operator,
) -> Actions:
    """Each by itself: what one refuses keeps no other from it. Within 40 seconds for all of them."""
    return await carried_out(services, caller, wish)


async def carried_out(services: Services, caller: Caller, wish: ActionBody) -> Actions:
    said: dict[str, Any] = wish.given(caller)
    chosen = Chosen(services.orders, services.attention, said["who"], wish.note, wish.parcel)
    rows = await chosen.all_told(wish.chosen, wish.action)
    accepted = sum(row.accepted for row in rows)
    return Actions(accepted=accepted, refused=len(rows) - accepted, rows=rows)
