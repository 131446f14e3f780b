"""`/attention`: what waits for a person, since when, why, and what may be answered."""

from dataclasses import dataclass
from itertools import count

from fastapi import APIRouter
from starlette.responses import Response

from order_system.attention.concerns import Concern, ConcernKind
from order_system.web.documents.orders import OrderAction
from order_system.web.pages.visit import Visit
from order_system.web.services import Services

router = APIRouter()
HERE = "/attention"
MOST_SHOWN = 100

_LOOKS = {
    ConcernKind.STUCK_UNDO: "stuck",
    ConcernKind.HELD: "held",
    ConcernKind.UNKNOWN_NEED: "needs_attention",
    ConcernKind.BATCH_ORDERS: "needs_attention",
    ConcernKind.NO_PROGRESS: "terminated",
    ConcernKind.RETRIED: "terminated",
}
"""What is not here is red: nothing of it mends itself."""
_ANSWERS = {
    ConcernKind.STUCK_UNDO: (OrderAction.RESOLVE,),
    ConcernKind.ABANDONED: (OrderAction.RESOLVE,),
    ConcernKind.NOTICE_OWED: (OrderAction.RESOLVE,),
    ConcernKind.HELD: (OrderAction.RETRY, OrderAction.GIVE_UP),
}


@dataclass(frozen=True)
class Card:
    concern: Concern
    id: str
    """Of this page's own, for its parts that are renewed."""
    name: str
    look: str
    address: str | None
    link: str | None
    actions: tuple[OrderAction, ...]


@router.get(HERE)
async def show(visit: Visit) -> Response:
    """Raises ServerUnreachable."""
    concerns: list[Concern] = []
    numbers = count()
    async for concern in visit.services.attention.attention():
        if next(numbers) < MOST_SHOWN:
            concerns.append(concern)
    total = next(numbers)
    return await visit.page(
        "attention.html",
        place=HERE,
        calm=True,  # it asks a lot of the server
        cards=[_card(concern, visit.services) for concern in concerns],
        more=max(0, total - MOST_SHOWN),
        total=total,
        quiet="" if total else await visit.services.attention.all_quiet(),
    )


def _card(concern: Concern, services: Services) -> Card:
    nobody_tried = concern.kind is ConcernKind.ABANDONED and concern.step is None
    return Card(
        concern=concern,
        id="-".join(
            filter(None, (concern.workflow_id, concern.server, concern.step, concern.kind.name.lower()))
        ),
        name=concern.order_id or concern.batch or concern.workflow_id or concern.server or "worker.py",
        look=_LOOKS.get(concern.kind, "failed"),
        address=_address(concern),
        link=services.links.run(concern.workflow_id, concern.run_id),
        actions=() if nobody_tried else _ANSWERS.get(concern.kind, ()),
    )


def _address(concern: Concern) -> str | None:
    if concern.order_id:
        return f"/orders/{concern.order_id}"
    return f"/batches/{concern.batch}" if concern.batch else None
