"""`/`: the orders, with counts by status, a search and filters. `/orders/{order_id}`: one order
with its children, its timeline, and what a person may do about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Query
from pydantic import AfterValidator, Field, model_validator
from starlette.responses import Response

from order_system.domain.answers import GiveUp, Resolution, StepRetry
from order_system.domain.listing import EVERY_ORDER, OrderFilter, Sort
from order_system.domain.progress import AttemptMade
from order_system.domain.search import LONGEST
from order_system.domain.steps import Step
from order_system.infra.process import STARTER
from order_system.orders.exports import ExportFormat
from order_system.orders.in_book import NO_SERVER
from order_system.web.api.orders import cancel_order
from order_system.web.api.parameters import Wanted, in_utc
from order_system.web.documents import orders as documents
from order_system.web.guards.access import Operator, operator
from order_system.web.pages.timeline import drawn, spans_of
from order_system.web.pages.visit import Visit, address, redirect
from order_system.web.services import Given

router = APIRouter()
HERE = "/"
ONE = "/orders/{order_id}"
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
"""Each way to sort, with its name and the words of the links to the first page and to the next."""
_Moment = Annotated[datetime, AfterValidator(in_utc)] | None


class FilterForm(Wanted):
    """The API's filter as a form sends it: fields may be empty, and what people type there need not exist."""

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
        """Whether one of the filters that are folded away is set."""
        return any((self.step, self.reason, self.batch, self.currency, self.opened_since, self.opened_before))

    def wanted(self, now: datetime) -> OrderFilter:
        _, span = SPANS.get(self.since, SPANS[""])
        return replace(self.filter, opened_since=now - span) if span else self.filter


@router.get(ONE.rpartition("/")[0])  # where people look who shorten an order's address
@router.get(HERE)
async def list_orders(visit: Visit, chosen: Annotated[FilterForm, Query()]) -> Response:
    """Show the list. Raises InvalidUsage."""
    wanted, services = chosen.wanted(visit.now), visit.services
    exported = chosen.model_copy(update={"opened_since": wanted.opened_since})
    query = exported.model_dump(mode="json", by_alias=True, include=set(Wanted.model_fields))
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
        exports=[(form.upper(), address(f"/api/orders.{form}", query)) for form in ExportFormat],
    )


# --- one order ------------------------------------------------------------------------------------


@router.get(ONE)
async def show(visit: Visit, order_id: str) -> Response:
    """Show an order, if need be as the book has it. Raises UnknownOrder, ServerUnreachable."""
    order = await documents.read_order(visit.services, order_id, visit.caller, open_too=True)
    return await visit.page(
        "order.html",
        place="/",
        calm=order.closed,
        order=order,
        away=order.note == NO_SERVER,
        undos={undo.step: undo for undo in order.undos},
        stuck=[undo.step for undo in order.undos if undo.may_be_handled],
        tried_again=[undo.step for undo in order.undos if undo.tried_again],
        drawing=drawn(list(spans_of(order)), visit.now),
        attempts=list(attempts_told(order_id, order.attempts)),
    )


# --- what may be done, each by a form that asks first ---------------------------------------------


@router.post(f"{ONE}/cancel", dependencies=[Depends(operator)])
async def cancel(order_id: str, services: Given) -> Response:
    """Cancel, and wait a moment for the verdict; the page shows the rest. Raises UnknownOrder."""
    answer = await cancel_order(services, order_id)
    return redirect(f"/orders/{order_id}", f"cancel-{answer.name.lower()}")


@router.post(f"{ONE}/resolve")
async def resolve(
    order_id: str, services: Given, caller: Operator, answer: Annotated[documents.ResolutionBody, Form()]
) -> Response:
    """Answer a stuck undo or refund, or an unsent notice. Raises what `AttentionClient` raises."""
    await services.attention.answer(order_id, Resolution(**answer.given(caller)))
    return redirect(f"/orders/{order_id}", "answered")


@router.post(f"{ONE}/refunds")
async def refund(
    order_id: str, services: Given, caller: Operator, wish: Annotated[documents.RefundBody, Form()]
) -> Response:
    """Give money back. A field that is left empty counts as not given. Raises as `Refunds.give_back`."""
    refunded = await services.orders.refunds.give_back(order_id, **wish.given(caller))
    return redirect(f"/orders/{order_id}", f"refund-{refunded.state.name.lower()}")


@router.post(ONE + "/{how}")
async def answer_hold(
    order_id: str,
    how: Literal["retry", "give-up"],
    services: Given,
    caller: Operator,
    answer: Annotated[documents.AnswerBody, Form()],
) -> Response:
    """Run only the failed step of a held order again, or undo the order now. Raises as `resolve`."""
    kind = StepRetry if how == "retry" else GiveUp
    await services.attention.answer(order_id, kind(**answer.given(caller)))
    return redirect(f"/orders/{order_id}", "answered")


# --- the attempts at an order's activities, as its page shows them --------------------------------

MOST_APART = 6
"""The most lines of one series of attempts, with the line for those that are left out: an activity that is
stuck over a weekend is tried thousands of times. Shown are the first and the last few."""


@dataclass(frozen=True)
class Tried:
    """A line about one attempt, or about several."""

    activity: str
    first: int
    last: int
    said: str
    began_at: datetime | None = None
    ended_at: datetime | None = None


def attempts_told(order_id: str, attempts: Sequence[AttemptMade]) -> Iterator[Tried]:
    """Yield lines by series, in order of the first attempts. Retrying a held step begins a new series."""
    series: list[list[Tried]] = []
    latest: dict[str, list[Tried]] = {}
    for made in attempts:
        lines = latest.get(made.activity, [])
        if not lines or made.number <= lines[-1].last:
            lines = latest[made.activity] = []
            series.append(lines)
        due = lines[-1].last + 1 if lines else 1
        if due < made.number:
            lines.append(Tried(made.activity, due, made.number - 1, "no answer noted"))
        said = ("the last one: " if made.last_number > made.number else "") + (made.said or "done")
        last = made.last_number
        lines.append(Tried(made.activity, made.number, last, said, made.began_at, made.ended_at))
    for lines in series:
        yield from _folded(order_id, lines)


def _folded(order_id: str, lines: list[Tried]) -> list[Tried]:
    if len(lines) <= MOST_APART:
        return lines
    begin, hidden, end = lines[:1], lines[1 : 2 - MOST_APART], lines[2 - MOST_APART :]
    first, last, said = hidden[0], hidden[-1], {each.said for each in hidden}
    told = f"each: {said.pop()}" if len(said) == 1 else f"of which {STARTER} status {order_id} --json tells"
    words = f"… {last.last - first.first + 1:,} attempts more, {told}"
    ended_at = first.began_at and last.ended_at  # the time in between is shown
    return [*begin, Tried(first.activity, first.first, last.last, words, first.began_at, ended_at), *end]
