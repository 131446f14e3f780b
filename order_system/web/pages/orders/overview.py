"""`/`: the orders, newest first, with counts by status, a search and filters."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field, model_validator
from starlette.responses import Response

from order_system.domain.listing import EVERY_ORDER, OrderFilter, Sort
from order_system.domain.search import LONGEST
from order_system.domain.steps import Step
from order_system.orders.exports import ExportFormat
from order_system.web.api.parameters import Wanted, in_utc
from order_system.web.pages.visit import Visit, address

router = APIRouter()
HERE = "/"
SPANS = {
    "": ("any time", None),
    "hour": ("in the last hour", timedelta(hours=1)),
    "day": ("in the last day", timedelta(days=1)),
    "week": ("in the last week", timedelta(weeks=1)),
}
SORTS = {
    Sort.NEWEST: ("newest first", "Newest", "Older"),
    Sort.OLDEST: ("oldest first", "Oldest", "Newer"),
    Sort.AMOUNT: ("largest first", "Largest", "Smaller"),
}
"""In words, and the links to the first page and to the next."""
_Moment = Annotated[datetime, AfterValidator(in_utc)] | None


class Chosen(Wanted):
    """As the API takes it; but a form sends empty fields, and what people type there need not exist."""

    batch: str | None = Field(None, max_length=LONGEST)
    currency: Annotated[str, Field(max_length=LONGEST), AfterValidator(str.upper)] | None = None
    opened_since: _Moment = None
    opened_before: _Moment = None
    since: str = Field("", max_length=20)
    cursor: str | None = Field(None, max_length=500)

    @model_validator(mode="before")
    @classmethod
    def _as_forms_send_it(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if value != ""}

    @property
    def more(self) -> bool:
        """Whether one is set of the filters that are folded away."""
        return any((self.step, self.reason, self.batch, self.currency, self.opened_since, self.opened_before))

    def wanted(self, now: datetime) -> OrderFilter:
        _, span = SPANS.get(self.since, SPANS[""])
        return replace(self.filter, opened_since=now - span) if span else self.filter


@router.get(HERE)
async def list_orders(visit: Visit, chosen: Annotated[Chosen, Query()]) -> Response:
    """Raises InvalidCursor."""
    wanted, services = chosen.wanted(visit.now), visit.services
    return await visit.page(
        "orders.html",
        place=HERE,
        counts=await services.lists.counts(),
        page=await services.lists.orders(wanted, chosen.status, cursor=chosen.cursor),
        chosen=chosen,
        filtered=bool(chosen.status) or replace(wanted, sort=Sort.NEWEST) != EVERY_ORDER,
        spans=[(value, words) for value, (words, _) in SPANS.items()],
        sorts=[(value, words) for value, (words, *_) in SORTS.items()],
        paged=SORTS[chosen.sort][1:],
        steps=list(Step),
        exports=[(form.upper(), _exported(chosen, wanted, form)) for form in ExportFormat],
    )


def _exported(chosen: Chosen, wanted: OrderFilter, form: ExportFormat) -> str:
    """The address of the same list as a file."""
    given = chosen.model_copy(update={"opened_since": wanted.opened_since})
    query = given.model_dump(mode="json", by_alias=True, include=set(Wanted.model_fields))
    return address(f"/api/orders.{form}", query)
