"""`/`: the orders, newest first, with counts by status and filters."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from order_system.batches.names import BATCH_NAME
from order_system.domain.ids import is_order_id
from order_system.domain.listing import OrderFilter, OrderSummary, Page
from order_system.domain.messages import OrderStatus
from order_system.web.pages.visit import Visit
from order_system.web.services import Services

router = APIRouter()
HERE = "/"
SPANS = {
    "": ("any time", None),
    "hour": ("in the last hour", timedelta(hours=1)),
    "day": ("in the last day", timedelta(days=1)),
    "week": ("in the last week", timedelta(weeks=1)),
}


class Chosen(BaseModel):
    """What somebody wants to see. None of it is more than a value that rows are compared with."""

    model_config = ConfigDict(str_strip_whitespace=True)

    status: OrderStatus | None = None
    find: str = Field("", max_length=200)
    batch: str = Field("", max_length=200)
    since: str = Field("", max_length=20)
    cursor: str | None = Field(None, max_length=500)

    @property
    def any(self) -> bool:
        return bool(self.status or self.find or self.batch or (self.since in SPANS and self.since))

    @property
    def possible(self) -> bool:
        """Whether there can be such orders at all."""
        id_is_fine = not self.find or is_order_id(self.find)
        return id_is_fine and (not self.batch or BATCH_NAME.fullmatch(self.batch) is not None)

    def since_when(self, now: datetime) -> datetime | None:
        _, span = SPANS.get(self.since, SPANS[""])
        return now - span if span else None


@router.get(HERE)
async def list_orders(visit: Visit, chosen: Annotated[Chosen, Query()]) -> Response:
    return await visit.page(
        "orders.html",
        place=HERE,
        counts=await visit.services.lists.counts(),
        page=await _found(visit.services, chosen, visit.now),
        chosen=chosen,
        filtered=chosen.any,
        spans=[(value, words) for value, (words, _) in SPANS.items()],
    )


async def _found(services: Services, chosen: Chosen, now: datetime) -> Page[OrderSummary]:
    """Raises InvalidCursor."""
    if not chosen.possible:
        return Page((), None)
    return await services.lists.orders(
        OrderFilter(
            id_prefix=chosen.find or None,
            batch=chosen.batch or None,
            opened_since=chosen.since_when(now),
        ),
        chosen.status,
        cursor=chosen.cursor,
    )
