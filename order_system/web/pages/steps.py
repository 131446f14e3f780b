"""`/steps`: how long each step takes, and how often it is retried, fails and is undone."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from order_system.orders.step_statistics import SUBMISSIONS_LOOKED_AT, steps_since
from order_system.web.pages.step_figures import Scale
from order_system.web.pages.visit import Visit

router = APIRouter()
HERE = "/steps"
SPANS = {"hour": ("Last hour", timedelta(hours=1)), "day": ("Last day", timedelta(days=1))}


@router.get(HERE)
async def show(visit: Visit, since: Annotated[str, Query(max_length=20)] = "hour") -> Response:
    chosen = since if since in SPANS else "hour"
    steps = await steps_since(visit.services.listing, visit.now - SPANS[chosen][1])
    return await visit.page(
        "steps.html",
        place=HERE,
        calm=True,
        spans=SPANS,
        chosen=chosen,
        steps=steps if any(step.runs for step in steps) else (),
        scale=Scale.over([step.classes for step in steps]),
        submissions_limit=SUBMISSIONS_LOOKED_AT,
    )
