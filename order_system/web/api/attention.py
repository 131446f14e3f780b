"""`/api/attention`: what waits for a person."""

import time

from fastapi import APIRouter
from pydantic import BaseModel, Field

from order_system.attention.concerns import Concern
from order_system.attention.sums import sums_of
from order_system.web.guards.access import Caller, Viewer
from order_system.web.openapi import examples
from order_system.web.problems import documented
from order_system.web.services import Given, Services

router = APIRouter(prefix="/api/attention", tags=["Attention"])

MOST_LISTED = 500
"""Where more than these wait, they are not answered one by one."""


class Attention(BaseModel):
    concerns: list[Concern]
    more: bool
    """There are more than are listed."""
    sums: list[str] = Field(description="How many of each kind, and their money by currency: of all of them.")


@router.get(
    "",
    summary="List what needs attention",
    responses={
        200: examples.answer("What waits for a person. Empty if all is well.", "attention"),
        **documented(422, 502, 503),
    },
)
async def list_attention(services: Given, caller: Viewer) -> Attention:
    """Undos that are stuck, orders that are held, bugs, and whatever else does not go on by itself. The
    oldest come first. Each tells since when it waits, why, what a hand needs for it, who is on it, and the
    commands that answer it. Only operators see who the customer is. What has changed within the last second
    may not show yet."""
    found = await waiting_for(services, caller)
    more = len(found) > MOST_LISTED
    return Attention(concerns=found[:MOST_LISTED], more=more, sums=sums_of(found))


async def waiting_for(services: Services, caller: Caller) -> list[Concern]:
    """All that waits, as much as they may see of it. Raises ServerUnreachable."""
    began = time.monotonic()
    found = [each if caller.may_act else each.masked() async for each in services.attention.attention()]
    services.waiting.is_known(len(found), time.monotonic() - began)
    return found
