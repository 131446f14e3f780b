"""`/attention`: what waits for a person, since when, why, and what may be answered."""

from fastapi import APIRouter
from starlette.responses import Response

from order_system.attention.concerns import Concern, ConcernKind
from order_system.web.documents.orders import OrderAction
from order_system.web.pages.visit import Visit

router = APIRouter()
HERE = "/attention"
MOST_SHOWN = 100

_ANSWERS = {
    ConcernKind.STUCK_UNDO: (OrderAction.RESOLVE,),
    ConcernKind.STUCK_REFUND: (OrderAction.RESOLVE,),
    ConcernKind.ABANDONED: (OrderAction.RESOLVE,),
    ConcernKind.NOTICE_OWED: (OrderAction.RESOLVE,),
    ConcernKind.HELD: (OrderAction.RETRY, OrderAction.GIVE_UP),
}


@router.get(HERE)
async def show(visit: Visit) -> Response:
    """Raises ServerUnreachable."""
    cards: list[tuple[Concern, tuple[OrderAction, ...]]] = []
    total = 0
    async for concern in visit.services.attention.attention():
        total += 1
        if total <= MOST_SHOWN:
            cards.append((concern, _answers(concern)))
    return await visit.page(
        "attention.html",
        place=HERE,
        calm=True,  # it asks a lot of the server
        cards=cards,
        links=visit.services.links,
        more=max(0, total - MOST_SHOWN),
        total=total,
        quiet="" if total else await visit.services.attention.all_quiet(),
    )


def _answers(concern: Concern) -> tuple[OrderAction, ...]:
    nobody_tried = concern.kind is ConcernKind.ABANDONED and concern.step is None
    return () if nobody_tried else _ANSWERS.get(concern.kind, ())
