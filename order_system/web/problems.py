"""Turns errors into answers: for a program `application/problem+json` (RFC 9457), with a line for each
mistake; for a person a page that says the same. No answer repeats what was sent, since that may hold a card
number, and none has a stack trace."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic.alias_generators import to_snake
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from order_system.domain import errors
from order_system.domain.card_numbers import REFUSAL, holds_card_number, identifier_holds_card_number
from order_system.domain.order_file import FileChanged, FileUnreachable
from order_system.infra.temporal.connection import no_answer
from order_system.intake.documents import Place, spell
from order_system.web import policy
from order_system.web.examples import EXAMPLES, answer
from order_system.web.patterns import RULES

log = structlog.stdlib.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
EXPLAINED = "/api/docs"
"""The page that explains each type of problem. It is for people, though its path begins with /api/."""
OURS_TO_MEND = "this should not happen; the log of `starter.py serve` tells more"
FOR_PROGRAMS = ("/api/", "/healthz", "/readyz", "/static/")


class Mistake(BaseModel):
    """One thing that is wrong with what was sent."""

    field: str = Field(
        description='Where: `lines[0].quantity`, or "" for the whole.', examples=["lines[0].quantity"]
    )
    message: str = Field(description="The rule.", examples=["must be between 1 and 10,000"])


class Problem(BaseModel):
    """What went wrong, after RFC 9457."""

    type: str = Field(
        description="Where `/api/docs` explains it, or `about:blank` if the status says it all.",
        examples=["/api/docs#unknown-order"],
    )
    title: str
    status: int
    detail: str = Field(description="What is wrong, and the cure.")
    errors: list[Mistake] = Field(default_factory=list[Mistake], description="With 422: each mistake.")


class Invalid(errors.OrderSystemError):
    """What was sent is wrong, at the places in `errors`."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(
            "; ".join(f"{each.field}: {each.message}" if each.field else each.message for each in mistakes)
        )
        self.mistakes = list(mistakes)


class UnsupportedMediaType(errors.OrderSystemError):
    """The request's Content-Type is not one that the address takes."""


class ProblemResponse(JSONResponse):
    """A problem as JSON; at an address that people visit, as a page, which `state.bare_page` draws."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, headers: Mapping[str, str]) -> None:
        super().__init__(problem.model_dump(), problem.status, headers)
        self._problem = problem
        self._told = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if str(scope["path"]).startswith(FOR_PROGRAMS) and scope["path"] != EXPLAINED:
            await super().__call__(scope, receive, send)
            return
        draw, problem = scope["app"].state.bare_page, self._problem
        page: Response = draw(Request(scope), "problem.html", status=problem.status, problem=problem)
        page.headers.update(self._told)
        await page(scope, receive, send)


def problem_response(
    status: int,
    detail: str,
    mistakes: Sequence[Mistake] = (),
    *,
    headers: Mapping[str, str] | None = None,
    kind: type[Exception] | None = None,
) -> Response:
    """Answer with a problem. Without a `kind` of TYPES, the problem says no more than its status."""
    if identifier_holds_card_number(detail):  # such as an ID in a path
        detail = f"what was sent {REFUSAL}"
    mistakes = [
        each.model_copy(update={"message": REFUSAL}) if holds_card_number(each.message) else each
        for each in mistakes
    ]
    return ProblemResponse(_problem(status, detail, mistakes, kind), headers or {})


def _problem(
    status: int, detail: str, mistakes: Sequence[Mistake] = (), kind: type[Exception] | None = None
) -> Problem:
    name = TYPES.get(kind) if kind else None
    return Problem(
        type=f"{EXPLAINED}#{name}" if name else "about:blank",
        title=name.replace("-", " ").capitalize() if name else HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=list(mistakes),
    )


_STATUS: dict[type[Exception], int] = {
    errors.UnknownOrder: 404,
    errors.UnknownBatch: 404,
    errors.UnknownWorkflow: 404,
    errors.OrderConflict: 409,
    errors.AnswerRefused: 409,
    errors.RefundRefused: 409,
    errors.ForgettingRefused: 409,
    FileChanged: 409,
    UnsupportedMediaType: 415,
    errors.InvalidOrder: 422,
    errors.InvalidUsage: 422,
    errors.ServerUnreachable: 503,
    errors.NoWorkerAnswers: 503,
    errors.NewerBook: 503,
    errors.UploadFailed: 503,
    FileUnreachable: 503,
    errors.OrderSystemError: 502,
}
"""The status of each error. The nearest class of an error counts."""
TYPES = {
    kind: to_snake(kind.__name__).replace("_", "-")
    for kind in (*_STATUS, Invalid)
    if kind is not errors.OrderSystemError
}
"""The names by which a program tells problems of one status apart. They never change."""
_GONE = "the order book is gone from its place: move it back, or put a copy there and start `serve` again"
_BEGUN = "; what was asked for may have begun: look before you ask again"
_AGAIN = {"Retry-After": f"{policy.ASK_AGAIN.total_seconds():.0f}"}


def answer_to(error: Exception, method: str = "GET") -> Response:
    if isinstance(error, RequestValidationError):
        error = Invalid([_mistake(each) for each in error.errors()])
    elif isinstance(error, HTTPException):
        if error.status_code != 400:
            return problem_response(error.status_code, error.detail, headers=error.headers)
        # FastAPI answers 400 for a body that it cannot decode.
        error = Invalid([Mistake(field="", message="the body is not JSON in UTF-8, or nested too deeply")])
    if isinstance(error, Invalid):
        return problem_response(422, str(error), error.mistakes, kind=Invalid)
    if isinstance(error, errors.DatabaseUnready):
        log.warning("the order book cannot be read", reason=str(error))
        detail = _GONE if isinstance(error, errors.BookGone) else "the order book does not answer"
        return problem_response(503, detail + ("" if method in ("GET", "HEAD") else _BEGUN), headers=_AGAIN)
    for kind in type(error).__mro__:
        if status := _STATUS.get(kind):
            mistakes = (
                [Mistake(field="", message=line) for line in str(error).splitlines()] if status == 422 else []
            )
            later = _AGAIN if status == 503 else None
            return problem_response(status, str(error), mistakes, headers=later, kind=kind)
    log.error("a request failed", exc_info=error)
    return problem_response(500, OURS_TO_MEND)


def answer_with_problems(app: FastAPI) -> None:

    async def answered(request: Request, error: Exception) -> Response:
        if isinstance(error, errors.ServerAway):
            error = errors.ServerUnreachable(no_answer(request.app.state.services.temporal))
        answer = answer_to(error, request.method)
        if answer.status_code == 405:
            answer.headers["Allow"] = ", ".join(_allowed(request))
        return answer

    for kind in (RequestValidationError, HTTPException, errors.OrderSystemError):
        app.add_exception_handler(kind, answered)


def _allowed(request: Request) -> Iterator[str]:
    """Yield the methods that the address takes: the error names only those of one of its routes."""
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        scope = {**request.scope, "method": method}
        if any(each.matches(scope)[0] is Match.FULL for each in request.app.routes):
            yield from (method, "HEAD") if method == "GET" else (method,)


def _mistake(found: Mapping[str, Any]) -> Mistake:
    """Translate an error of pydantic's, without the value that was sent."""
    place: Place = tuple(found["loc"])
    inside = place[:1] in {("body",), ("query",), ("path",)}
    field = spell(place[1:] if inside else place)
    rule = RULES.get(found.get("ctx", {}).get("pattern", found["type"]))
    return Mistake(field=field, message=rule or str(found["msg"]).removeprefix("Value error, "))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a route may answer with, for the OpenAPI document."""
    return {status: _documented(status) for status in statuses}


def described(
    summary: str, meaning: str, example: str | Mapping[str, Any], problems: Sequence[int] = (), **more: Any
) -> dict[str, Any]:
    """Return what the OpenAPI document tells of a route, as the route's arguments: also the answer if all is
    well, as `examples.answer` takes it, and the problems besides those of every route. `also` has more
    answers, by their status."""
    ok = {more.get("status_code", 200): answer(meaning, example)}
    return {"summary": summary, "responses": {**ok, **more.pop("also", {}), **documented(*problems)}, **more}


def _documented(status: int) -> dict[str, Any]:
    meaning, detail = EXAMPLES["problems"][str(status)]
    field, _, message = detail.partition(": ")
    mistakes = [Mistake(field=field, message=message)] if status == 422 else []
    kind = next((kind for kind, its in {**_STATUS, Invalid: 422}.items() if its == status), None)
    example = _problem(status, detail, mistakes, kind).model_dump()
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": meaning, "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}
