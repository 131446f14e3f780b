"""What goes wrong, as an answer: `application/problem+json` (RFC 9457), with a line for each mistake. Nothing
that was sent is repeated, since it may hold a card number; no stack trace gets out."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from order_system.domain import errors
from order_system.domain.card_numbers import REFUSAL, holds_card_number
from order_system.domain.order_file import FileChanged, FileUnreachable
from order_system.intake.documents import Place, spell
from order_system.web import policy

log = structlog.stdlib.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
OURS_TO_MEND = "this should not happen; the log of `starter.py serve` tells more"


class Mistake(BaseModel):
    """One thing that is wrong with what was sent."""

    field: str = Field(
        description='Where: `lines[0].quantity`, or "" for the whole.', examples=["lines[0].quantity"]
    )
    message: str = Field(description="The rule.", examples=["must be between 1 and 10,000"])


class Problem(BaseModel):
    """RFC 9457; `type` is always `about:blank`, so that `title` is that of the status."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What is wrong, and the cure.")
    errors: list[Mistake] = Field(default_factory=list[Mistake], description="With 422: each mistake.")


class Invalid(errors.OrderSystemError):
    """What was sent is wrong, at these places."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(
            "; ".join(f"{each.field}: {each.message}" if each.field else each.message for each in mistakes)
        )
        self.mistakes = list(mistakes)


def problem_response(
    status: int,
    detail: str,
    mistakes: Sequence[Mistake] = (),
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    if holds_card_number(detail):  # an ID in a path, perhaps
        detail = f"what was sent {REFUSAL}"
    mistakes = [
        each.model_copy(update={"message": REFUSAL}) if holds_card_number(each.message) else each
        for each in mistakes
    ]
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=mistakes)
    return JSONResponse(problem.model_dump(), status, dict(headers or {}), MEDIA_TYPE)


_STATUS: dict[type[Exception], int] = {
    errors.UnknownOrder: 404,
    errors.UnknownBatch: 404,
    errors.UnknownWorkflow: 404,
    errors.OrderConflict: 409,
    errors.AnswerRefused: 409,
    FileChanged: 409,
    errors.InvalidOrder: 422,
    errors.InvalidUsage: 422,
    errors.ServerUnreachable: 503,
    errors.NoWorkerAnswers: 503,
    errors.DatabaseUnready: 503,
    errors.UploadFailed: 503,
    FileUnreachable: 503,
    errors.OrderSystemError: 502,
}
"""The nearest of its classes counts."""
_BOOK_AWAY = (OperationalError, InterfaceError, PoolTimeout)
_AGAIN = {"Retry-After": f"{policy.ASK_AGAIN.total_seconds():.0f}"}


def answer_to(error: Exception) -> Response:
    """Of any error at all."""
    if isinstance(error, Invalid):
        return problem_response(422, str(error), error.mistakes)
    if isinstance(error, _BOOK_AWAY):
        log.warning("the order book cannot be read", reason=type(error).__name__)
        return problem_response(503, "the order book does not answer", headers=_AGAIN)
    for kind in type(error).__mro__:
        if status := _STATUS.get(kind):
            mistakes = (
                [Mistake(field="", message=line) for line in str(error).splitlines()] if status == 422 else []
            )
            return problem_response(status, str(error), mistakes, headers=_AGAIN if status == 503 else None)
    log.error("a request failed", exc_info=error)
    return problem_response(500, OURS_TO_MEND)


def answer_with_problems(app: FastAPI) -> None:
    """Every error of a route becomes a problem. On the pages, people see it drawn."""

    def of_error(_request: Request, error: Exception) -> Response:
        return answer_to(error)

    def of_validation(_request: Request, error: Exception) -> Response:
        mistakes = [_mistake(each) for each in cast("RequestValidationError", error).errors()]
        return answer_to(Invalid(mistakes))

    def of_http(_request: Request, error: Exception) -> Response:
        refused = cast("HTTPException", error)
        if refused.status_code == 400:  # FastAPI's word for a body that it cannot decode
            return answer_to(Invalid([Mistake(field="", message="the body is not JSON in UTF-8")]))
        return problem_response(refused.status_code, refused.detail, headers=refused.headers)

    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(errors.OrderSystemError, of_error)
    for away in _BOOK_AWAY:
        app.add_exception_handler(away, of_error)


def _mistake(found: Mapping[str, Any]) -> Mistake:
    """Of pydantic's, without what was given."""
    place: Place = tuple(found["loc"])
    inside = place[:1] in {("body",), ("query",), ("path",)}
    field = spell(place[1:] if inside else place)
    message = str(found["msg"]).removeprefix("Value error, ")
    return Mistake(field=field, message=REFUSAL if holds_card_number(message) else message)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for the OpenAPI document."""
    return {status: _DOCUMENTED[status] for status in (401, 403, *statuses)}


def _example(status: int, description: str, detail: str, mistakes: Sequence[Mistake] = ()) -> dict[str, Any]:
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(mistakes))
    return {
        "description": description,
        "content": {
            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": problem.model_dump()}
        },
    }


_DOCUMENTED = {
    401: _example(401, "No key, or none that is known.", "a key is needed: Authorization: Bearer ..."),
    403: _example(403, "A viewer may not act.", "viewer may look, and not act: that takes an operator's key"),
    404: _example(
        404, "There is no such thing.", "there is no order ORDER-404, neither on the server nor in the book"
    ),
    408: _example(408, "The body did not come in time.", "the body did not come within 10 seconds"),
    409: _example(
        409,
        "It does not fit how things stand. Nothing has changed.",
        "ORDER-001 is running with other content; it was left as it is",
    ),
    413: _example(413, "The body is too large.", "the body is larger than 1 MB"),
    415: _example(415, "The body is of another type.", "send the order as application/json"),
    422: _example(
        422,
        "Something is wrong with what was sent: where, and the rule.",
        "lines[0].quantity: must be between 1 and 10,000",
        [Mistake(field="lines[0].quantity", message="must be between 1 and 10,000")],
    ),
    502: _example(502, "The Temporal server refuses.", "the Temporal server refuses: ..."),
    503: _example(
        503, "Server, worker or database does not answer just now.", "the Temporal server does not answer"
    ),
}
