"""Parameters that several routes have."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from order_system.batches.names import BATCH_NAME
from order_system.domain.ids import ORDER_ID
from order_system.domain.listing import PAGE_ROWS, PAGE_ROWS_LIMIT, OrderFilter, Page, Sort
from order_system.domain.messages import OrderStatus
from order_system.domain.search import LONGEST
from order_system.domain.steps import Step
from order_system.web.openapi import examples


def _linking(request: Request, response: Response) -> "Linked":
    def linked(page: Page[Any]) -> Page[Any]:
        if page.next:
            following = request.url.include_query_params(cursor=page.next)
            response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
        return page

    return linked


Linked = Annotated[Callable[[Page[Any]], Page[Any]], Depends(_linking)]
"""Gives the answer a `Link` to the page that follows, if there is one."""


def in_utc(moment: datetime) -> datetime:
    """Which it is, if it does not say its zone."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:  # within a day of the calendar's end
        raise ValueError("is beyond all time") from None


PATTERN = f"^{BATCH_NAME.pattern}$"
"""Of a batch's name."""

OrderId = Annotated[
    str, Path(pattern=f"^{ORDER_ID.pattern}$", description="The order's ID.", examples=[examples.ORDER_ID])
]
BatchName = Annotated[str, Path(pattern=PATTERN, description="The batch's name.", examples=[examples.BATCH])]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_ROWS_LIMIT, description="Rows of a page, at most.")]
Moment = Annotated[
    Annotated[AwareDatetime, AfterValidator(in_utc)] | None,
    Query(description="A time with its zone.", examples=["2026-11-25T08:00:00Z"]),
]


class Wanted(BaseModel):
    """Which orders, as a query says it."""

    model_config = ConfigDict(str_strip_whitespace=True)

    status: Annotated[OrderStatus | None, Query(description="Only orders of this status.")] = None
    batch: Annotated[
        str | None,
        Query(pattern=PATTERN, description="Only orders that this batch started.", examples=[examples.BATCH]),
    ] = None
    opened_since: Moment = None
    opened_before: Moment = None
    text: Annotated[
        str | None,
        Query(
            alias="q",
            max_length=LONGEST,
            description="Only orders that it may mean: a part of the ID, a workflow's ID, a tracking number, "
            "what the gateway calls the charge, an amount, or the customer's whole e-mail.",
            examples=["1059.97 USD"],
        ),
    ] = None
    step: Annotated[Step | None, Query(description="Only orders that failed at this step.")] = None
    reason: Annotated[
        str | None, Query(max_length=LONGEST, description="A part of why.", examples=["declined"])
    ] = None
    currency: Annotated[str | None, Query(pattern="^[A-Z]{3}$", examples=["USD"])] = None
    sort: Annotated[
        Sort, Query(description="`amount`: the largest first, and only orders that have one.")
    ] = Sort.NEWEST

    @property
    def filter(self) -> OrderFilter:
        """But for the status."""
        given = self.model_dump(include=set(Wanted.model_fields) - {"status"})
        return OrderFilter(**{name: value for name, value in given.items() if value != ""})


class WantedPage(Wanted):
    cursor: Cursor = None
    limit: Limit = PAGE_ROWS
