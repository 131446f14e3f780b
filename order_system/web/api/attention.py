"""`/api/attention`: what waits for a person. And one action on many orders."""

import time
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, Field

from order_system.attention.chosen import Action, Chosen, Summary
from order_system.attention.concerns import Concern
from order_system.attention.what_waits import sums_of
from order_system.domain.answers import Came, ParcelFate
from order_system.domain.listing import PAGE_ROWS_LIMIT
from order_system.web import examples, patterns
from order_system.web.documents.orders import AnswerBody
from order_system.web.guards.access import Caller, Operator, Viewer
from order_system.web.problems import described
from order_system.web.services import Given, Services

router = APIRouter(prefix="/api")

EventId = Annotated[
    str, Path(pattern=patterns.EVENT_ID, description="As a concern has it.", examples=[examples.EVENT])
]
MOST_LISTED = 500
"""The most concerns in an answer: nobody answers more than these one by one."""


class Attention(BaseModel):
    concerns: list[Concern]
    more: bool
    sums: list[str] = Field(description="Of all concerns, by kind: how many, and their money by currency.")


class ActionBody(AnswerBody):
    chosen: list[Annotated[str, Field(pattern=patterns.CHOICE)]] = Field(
        min_length=1,
        max_length=PAGE_ROWS_LIMIT,
        description="IDs of orders. `ORDER-001:payment`: only what waits of that step.",
        examples=[["ORDER-001", "ORDER-002:payment"]],
    )
    action: Action = Field(
        description="`retry`: what is held, stuck or undelivered is tried again now; an order that was "
        "undone runs again with its content. `resolve`: what is stuck was done by hand, as `note` says. "
        "`give-up`: undo what is held. `cancel`: cancel the order. `take`: somebody is on it."
    )
    parcel: ParcelFate | None = Field(None, description="As in `resolve`, for a stuck undo of shipping.")

    async def carried_out(self, services: Services, caller: Caller) -> Summary:
        who = self.given(caller)["who"]
        chosen = Chosen(services.orders, services.attention, who, self.note, self.parcel)
        return await chosen.all_told(self.chosen, self.action)


@router.get(
    "/attention",
    tags=["Attention"],
    **described(
        "List what needs attention", "What waits for a person. Empty if all is well.", "attention", [502]
    ),
)
async def list_attention(services: Given, caller: Viewer) -> Attention:
    """Lists stuck undos, held orders, bugs, and all else that does not go on by itself: what stops all orders
    first, then the oldest. Each tells since when and why it waits, what settles it, who has taken it on, and
    the commands that answer it. Only operators see the customer. Changes of the last second may be late."""
    found = await waiting_for(services, caller)
    more = len(found) > MOST_LISTED
    return Attention(concerns=found[:MOST_LISTED], more=more, sums=sums_of(found))


async def waiting_for(services: Services, caller: Caller) -> list[Concern]:
    """Return all concerns, as far as the caller may see them. Raises ServerUnreachable."""
    began = time.monotonic()
    found = [each if caller.may_act else each.masked() async for each in services.attention.attention()]
    services.waiting.is_known(len(found), time.monotonic() - began)
    return found


@router.post(
    "/orders/actions",
    tags=["Orders"],
    **described(
        "Retry, resolve, give up, cancel or take many orders",
        "What came of each.",
        "actions",
        [408, 413, 502],
    ),
)
async def act(
    wish: Annotated[ActionBody, Body(openapi_examples=examples.EXAMPLES["action_bodies"])],
    services: Given,
    caller: Operator,
) -> Summary:
    """Acts on each by itself: a refusal by one does not stop the others. Takes 40 seconds at most in all."""
    return await wish.carried_out(services, caller)


@router.post(
    "/webhooks/{event_id}/again",
    tags=["Attention"],
    **described("Send an undelivered event again", "What came of it.", "sent_again", [409, 413, 502]),
)
async def send_again(
    event_id: EventId,
    services: Given,
    caller: Operator,
    drop: Annotated[bool, Query(description="Give it up instead: it is never sent.")] = False,
) -> Came:
    """Sends an event that the receiver of webhooks has not taken. It is retried for as long as a new one. 409
    if no such event waits to be delivered."""
    await services.attention.answer_event(event_id, again=not drop)
    return Came(chosen=event_id, accepted=True, detail="it is dropped" if drop else "it is sent again")
