"""`/api/attention`: what waits for a person."""

from fastapi import APIRouter
from pydantic import BaseModel

from order_system.attention.concerns import Concern
from order_system.web.openapi import examples
from order_system.web.problems import documented
from order_system.web.services import Given

router = APIRouter(prefix="/api/attention", tags=["Attention"])

MOST_LISTED = 500
"""Where more than these wait, they are not answered one by one."""


class Attention(BaseModel):
    concerns: tuple[Concern, ...]
    more: bool
    """There are more than are listed."""


@router.get(
    "",
    summary="List what needs attention",
    responses={
        200: examples.answer("What waits for a person. Empty if all is well.", "attention"),
        **documented(422, 502, 503),
    },
)
async def list_attention(services: Given) -> Attention:
    """Undos that are stuck, orders that are held, bugs, and whatever else does not go on by itself. Each with
    the time since when it waits, the reason, and the commands that answer it. What has changed within the
    last second may not show yet."""
    concerns: list[Concern] = []
    async for concern in services.attention.attention():
        if len(concerns) == MOST_LISTED:
            return Attention(concerns=tuple(concerns), more=True)
        concerns.append(concern)
    return Attention(concerns=tuple(concerns), more=False)
