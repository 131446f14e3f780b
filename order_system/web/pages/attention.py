"""`/attention`: what waits for a person, since when, why, and what may be answered."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from fastapi import APIRouter
from starlette.responses import Response

from order_system.attention.concerns import Concern, ConcernKind
from order_system.domain.durations import time_between
from order_system.domain.steps import Step
from order_system.web.pages.orders.order import May
from order_system.web.pages.visit import Visit
from order_system.web.pages.words import counted, plain
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


@dataclass(frozen=True)
class ConcernCard:
    id: str
    """Of this page's own, for its parts that renew themselves."""
    name: str
    kind: str
    look: str
    order_id: str | None
    failed_step: Step | None
    address: str | None
    link: str | None
    workflow_id: str
    batch: str | None
    waits: str
    reason: str
    until: datetime | None
    left: str
    cure: str | None
    commands: tuple[str, ...]
    may: May


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
        concerns=[_card(concern, visit.services, visit.now) for concern in concerns],
        more=max(0, total - MOST_SHOWN),
        summary=f"{counted(total, 'thing')} {'waits' if total == 1 else 'wait'} for a person"
        if total
        else "",
    )


def _card(concern: Concern, services: Services, now: datetime) -> ConcernCard:
    of_order = concern.order_id is not None
    return ConcernCard(
        id="-".join(filter(None, (concern.workflow_id, concern.step, concern.kind.name.lower()))),
        name=concern.order_id or concern.batch or concern.workflow_id or "worker.py",
        kind=_kind(concern),
        look=_LOOKS.get(concern.kind, "failed"),
        order_id=concern.order_id,
        failed_step=concern.step,
        address=_address(concern),
        link=services.links.run(concern.workflow_id, concern.run_id),
        workflow_id=concern.workflow_id,
        batch=concern.batch if of_order else None,
        waits=time_between(concern.since, now) if concern.since else "",
        reason=plain(concern.reason),
        until=concern.held_until,
        left=time_between(now, concern.held_until) if concern.held_until else "",
        cure=concern.cure,
        commands=concern.commands,
        may=May(
            retry=concern.kind is ConcernKind.HELD,
            give_up=concern.kind is ConcernKind.HELD,
            resolve=tuple(_stuck(concern)),
        ),
    )


def _kind(concern: Concern) -> str:
    if concern.step and concern.kind is ConcernKind.STUCK_UNDO:
        return f"undo of {concern.step} is stuck"
    if concern.step and concern.kind is ConcernKind.HELD:
        return f"held at {concern.step}"
    return concern.kind


def _stuck(concern: Concern) -> Iterator[Step]:
    if concern.kind is ConcernKind.STUCK_UNDO and concern.step:
        yield concern.step


def _address(concern: Concern) -> str | None:
    if concern.order_id:
        return f"/orders/{concern.order_id}"
    return f"/batches/{concern.batch}" if concern.batch else None
