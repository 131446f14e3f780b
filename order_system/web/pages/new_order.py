"""`/new-order`: a form for an order's document, typed or pasted."""

import json
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from order_system.domain.card_numbers import holds_card_number
from order_system.domain.errors import InvalidOrder, OrderConflict, ServerAway
from order_system.domain.ids import is_order_id
from order_system.gateways.loading import chosen, not_simulated
from order_system.gateways.simulated.scenarios import SCENARIOS, scenario_order
from order_system.infra.temporal.connection import no_answer
from order_system.intake.reader import order_document, read_orders
from order_system.orders.client import Submitted
from order_system.web.documents.orders import read_order
from order_system.web.guards.access import Operator
from order_system.web.pages.visit import Visit, redirect

router = APIRouter()
HERE = "/new-order"
_CODES: dict[type[Exception], int] = {InvalidOrder: 422, OrderConflict: 409, ServerAway: 503}


@router.get(HERE)
async def ask(
    visit: Visit,
    caller: Operator,
    story: Annotated[str, Query(max_length=100)] = "ok",
    again: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Show the form with the sample of a story, or with the content of an order that is to run `again`.
    Raises UnknownOrder once the server has forgotten that content."""
    story = story if story in SCENARIOS else "ok"
    document = order_document(scenario_order(story, f"WEB-{visit.now:%y%m%d-%H%M%S}"))
    if again:
        document = (await read_order(visit.services, again, caller)).document
    text = json.dumps({name: value for name, value in document.items() if value is not None}, indent=2)
    return await _form(visit, text, story=story, again=again)


@router.post(HERE)
async def submit(
    visit: Visit, _caller: Operator, document: Annotated[str, Form()], again: Annotated[str, Form()] = ""
) -> Response:
    """Submit the order. Safe to repeat, as every submission."""
    try:
        if len(orders := read_orders(document, "the document")) != 1:
            raise InvalidOrder("This takes one order; a file of many is a batch: upload it.")
        [order] = orders
        if again not in ("", order.order_id):
            raise InvalidOrder(f"the document: order_id must stay {again}: another ID is another order")
        submission = await visit.services.orders.submit(order)
    except (InvalidOrder, OrderConflict, ServerAway) as refused:
        kept = "" if holds_card_number(document) else document
        told = no_answer(visit.services.temporal) if isinstance(refused, ServerAway) else str(refused)
        code = next(code for kind, code in _CODES.items() if isinstance(refused, kind))
        return await _form(visit, kept, mistakes=told.splitlines(), again=again, code=code)
    started = submission.how is Submitted.STARTED
    return redirect(f"/orders/{order.order_id}", "submitted" if started else "submitted-before")


async def _form(
    visit: Visit,
    text: str,
    *,
    mistakes: list[str] | None = None,
    story: str = "",
    again: str = "",
    code: int = HTTPStatus.OK,
) -> Response:
    real = not_simulated(chosen(visit.services.settings))
    return await visit.page(
        "order_new.html",
        place="/",
        code=code,
        document=text,
        mistakes=mistakes or [],
        story=story,
        again=again if is_order_id(again) else "",
        stories=[] if real or again else [(name, each.story) for name, each in SCENARIOS.items()],
    )
