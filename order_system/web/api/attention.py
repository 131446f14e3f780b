"""`/api/attention`: what waits for a person."""

from fastapi import APIRouter
from pydantic import BaseModel

from order_system.attention.concerns import Concern
from order_system.web.guards.access import Viewer
from order_system.web.openapi import examples
from order_system.web.problems import documented
from order_system.web.services import Given, Services

router = APIRouter(prefix="/api/attention", tags=["Attention"])

MOST_LISTED = 500
"""Of what waits; where more does, it is not one by one that it is answered."""


class Attention(BaseModel):
    concerns: tuple[Concern, ...]
    more: bool
    """There are more than are listed."""


@router.get(
    "",
    summary="What waits for a person",
    responses={
        200: examples.answer("What waits; empty if all is well.", examples.ATTENTION),
        **documented(422, 502, 503),
    },
)
async def list_attention(services: Given, _caller: Viewer) -> Attention:
    """Undos that are stuck, orders that are held, bugs, and whatever else does not go on by itself; since
    when, why, and the commands that answer it. What has changed within the last second may not show yet."""
    return await read_attention(services)


async def read_attention(services: Services) -> Attention:
    concerns: list[Concern] = []
    async for concern in services.attention.attention():
        if len(concerns) == MOST_LISTED:
            return Attention(concerns=tuple(concerns), more=True)
        concerns.append(concern)
    return Attention(concerns=tuple(concerns), more=False)
