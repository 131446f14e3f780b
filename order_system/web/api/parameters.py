"""Reads requests strictly: a JSON body with one order, and query parameters. A misspelt parameter is refused,
since ignoring it would list everything."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict
from python_multipart.multipart import parse_options_header

from order_system.domain.listing import PAGE_ROWS, PAGE_ROWS_LIMIT, OrderFilter, Page, Sort
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.search import LONGEST
from order_system.domain.steps import Step
from order_system.intake.documents import UnreadableText, read_documents, spell
from order_system.intake.reader import examine
from order_system.web import examples, patterns
from order_system.web.problems import Invalid, Mistake, UnsupportedMediaType

JSON = "application/json"


def media_type(request: Request) -> str:
    kind, _options = parse_options_header(request.headers.get("content-type"))
    return kind.decode("latin-1")


async def _order(request: Request) -> Order:
    """Read the posted order. Raises Invalid with every mistake at its place, but without the wrong values."""
    if media_type(request) != JSON:
        raise UnsupportedMediaType(f"send the order as {JSON}")
    try:
        documents = read_documents(await request.body())
    except UnreadableText as error:
        raise Invalid([Mistake(field="", message=f"the body {error}")]) from None
    if len(documents) != 1:
        many = "the body must be one order; a file of many is a batch: POST /api/batches"
        raise Invalid([Mistake(field="", message=many)])
    order, problems = examine(documents[0])
    if order is None:
        raise Invalid([Mistake(field=spell(each.place), message=each.message) for each in problems])
    return order


PostedOrder = Annotated[Order, Depends(_order)]


def only_known_parameters(request: Request) -> None:
    """Raise Invalid for a parameter that the OpenAPI document does not have, or that is given twice. Every
    route below /api depends on this."""
    paths: dict[str, Any] = request.app.openapi()["paths"]
    operation = paths.get(request.scope["route"].path, {}).get(request.method.lower(), {})
    known = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    given = [name for name, _ in request.query_params.multi_items()]
    there_are = f"there are {', '.join(known)}" if known else "it takes none"
    unknown = f"is no parameter of this request; {there_are}"
    mistakes = [
        *(Mistake(field=spell((name,)), message=unknown) for name in sorted(set(given) - set(known))),
        *(Mistake(field=name, message="is given more than once") for name in known if given.count(name) > 1),
    ]
    if mistakes:
        raise Invalid(mistakes)


def _linking(request: Request, response: Response) -> "Linked":
    def linked(page: Page[Any]) -> Page[Any]:
        if page.next:
            following = request.url.include_query_params(cursor=page.next)
            response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
        return page

    return linked


Linked = Annotated[Callable[[Page[Any]], Page[Any]], Depends(_linking)]
"""Adds to the answer a `Link` to the next page, if there is one."""


def in_utc(moment: datetime) -> datetime:
    """Convert the moment to UTC; without a zone it already is in UTC."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:  # within a day of the calendar's end
        raise ValueError("is beyond all time") from None


OrderId = Annotated[
    str, Path(pattern=patterns.ORDER_ID, description="The order's ID.", examples=[examples.ORDER_ID])
]
BatchName = Annotated[
    str, Path(pattern=patterns.BATCH_NAME, description="The batch's name.", examples=[examples.BATCH])
]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_ROWS_LIMIT, description="Rows of a page, at most.")]
Moment = Annotated[
    Annotated[AwareDatetime, AfterValidator(in_utc)] | None,
    Query(description="A time with its zone.", examples=["2026-11-25T08:00:00Z"]),
]


class Wanted(BaseModel):
    """Which orders a query asks for."""

    model_config = ConfigDict(str_strip_whitespace=True)

    status: Annotated[OrderStatus | None, Query(description="Only orders of this status.")] = None
    batch: Annotated[
        str | None,
        Query(
            pattern=patterns.BATCH_NAME,
            description="Only orders that this batch started.",
            examples=[examples.BATCH],
        ),
    ] = None
    opened_since: Moment = None
    opened_before: Moment = None
    text: Annotated[
        str | None,
        Query(
            alias="q",
            max_length=LONGEST,
            description="Only orders that it matches: a part of the ID, a workflow's ID, a tracking number, "
            "the gateway's ID of the charge, an amount, or the customer's whole e-mail.",
            examples=["1059.97 USD"],
        ),
    ] = None
    step: Annotated[Step | None, Query(description="Only orders that failed at this step.")] = None
    reason: Annotated[
        str | None, Query(max_length=LONGEST, description="A part of the reason.", examples=["declined"])
    ] = None
    currency: Annotated[str | None, Query(pattern=patterns.CURRENCY, examples=["USD"])] = None
    sort: Annotated[
        Sort, Query(description="`amount`: the largest first, and only orders that have one.")
    ] = Sort.NEWEST

    @property
    def filter(self) -> OrderFilter:
        """The filter without its status."""
        given = self.model_dump(include=set(Wanted.model_fields) - {"status"})
        return OrderFilter(**{name: value for name, value in given.items() if value != ""})


class WantedPage(Wanted):
    cursor: Cursor = None
    limit: Limit = PAGE_ROWS
