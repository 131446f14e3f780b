"""`/attention`: what waits for a person, since when, why, and the possible answers. Also the action on all
that a person has chosen, here or in the list of orders."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from order_system.attention.chosen import BY_HAND, Action
from order_system.attention.concerns import Concern, ConcernKind
from order_system.attention.what_waits import sums_of
from order_system.domain.errors import ServerAway
from order_system.infra.temporal.connection import check_answers
from order_system.web.api.attention import ActionBody, EventId, send_again, waiting_for
from order_system.web.documents.orders import OrderAction
from order_system.web.guards.access import Operator
from order_system.web.pages.visit import Visit, redirect

router = APIRouter()
HERE = "/attention"
MOST_SHOWN = 100


@router.get(HERE)
async def show(visit: Visit) -> Response:
    """Show all concerns; if no server answers, those that the book has."""
    attention, away = visit.services.attention, False
    try:
        await check_answers(visit.services.temporal)
        found = await waiting_for(visit.services, visit.caller)
        quiet = "" if found else await attention.all_quiet()
    except ServerAway:
        found = [each if visit.caller.may_act else each.masked() for each in await attention.in_book_alone()]
        quiet, away = "The book shows nothing that waits for a person.", True
    return await visit.page(
        "attention.html",
        place=HERE,
        calm=True,  # it asks a lot of the server
        away=away,
        cards=[(concern, () if away else _answers(concern)) for concern in found[:MOST_SHOWN]],
        links=visit.services.links,
        more=max(0, len(found) - MOST_SHOWN),
        total=len(found),
        sums=sums_of(found),
        quiet=quiet,
    )


@router.post("/chosen")
async def act(visit: Visit, caller: Operator, wish: Annotated[ActionBody, Form()]) -> Response:
    """Act on all that was chosen. Safe to repeat: what was done already is refused."""
    done = await wish.carried_out(visit.services, caller)
    if wish.action is Action.TAKE and not done.refused:
        return redirect(HERE, "taken")
    return await visit.page("chosen_done.html", place=HERE, done=done, action=wish.action)


@router.post("/webhooks/{event_id}/again")
async def answer_event(
    visit: Visit, caller: Operator, event_id: EventId, drop: Annotated[bool, Form()] = False
) -> Response:
    await send_again(event_id, visit.services, caller, drop)
    return redirect(HERE, "event-dropped" if drop else "event-again")


def _answers(concern: Concern) -> tuple[OrderAction, ...]:
    nobody_tried = concern.kind is ConcernKind.ABANDONED and concern.step is None
    if concern.kind is ConcernKind.HELD:
        return (OrderAction.RETRY, OrderAction.GIVE_UP)
    return (OrderAction.RESOLVE,) if concern.kind in BY_HAND and not nobody_tried else ()
