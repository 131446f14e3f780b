"""Requests, read strictly: JSON bodies (one order, or a small document of ours) and query parameters, of
which a misspelt one must not pass for none and list everything."""

from typing import Annotated, Any

from fastapi import Depends, Request
from python_multipart.multipart import parse_options_header

from order_system.domain.order import Order
from order_system.intake.documents import UnreadableText, read_documents, spell
from order_system.intake.reader import examine
from order_system.web.problems import Invalid, Mistake, UnsupportedMediaType

JSON = "application/json"


def media_type(request: Request) -> str:
    kind, _options = parse_options_header(request.headers.get("content-type"))
    return kind.decode("latin-1")


async def _order(request: Request) -> Order:
    """Raises Invalid, with every mistake at its place; what was found there is not repeated."""
    if media_type(request) != JSON:
        raise UnsupportedMediaType(f"send the order as {JSON}")
    unreadable: str
    try:
        documents = read_documents(await request.body())
    except UnreadableText as error:
        unreadable = f"the body {error}"
    else:
        if len(documents) == 1:
            order, problems = examine(documents[0])
            if order is not None:
                return order
            raise Invalid([Mistake(field=spell(each.place), message=each.message) for each in problems])
        unreadable = "the body must be one order; a file of many is a batch: POST /api/batches"
    raise Invalid([Mistake(field="", message=unreadable)])


PostedOrder = Annotated[Order, Depends(_order)]
"""A route's parameter: the order in the body."""


def only_known_parameters(request: Request) -> None:
    """A dependency of every route below /api, which knows its parameters by the OpenAPI document. Raises
    Invalid; a parameter that is given twice is one too many, as well."""
    operation = _operation(request)
    known = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    given = [name for name, _ in request.query_params.multi_items()]
    mistakes = [
        *(Mistake(field=spell((name,)), message=_unknown(known)) for name in sorted(set(given) - set(known))),
        *(Mistake(field=name, message="is given more than once") for name in known if given.count(name) > 1),
    ]
    if mistakes:
        raise Invalid(mistakes)


def _operation(request: Request) -> dict[str, Any]:
    paths: dict[str, Any] = request.app.openapi()["paths"]
    return paths.get(request.scope["route"].path, {}).get(request.method.lower(), {})


def _unknown(known: list[str]) -> str:
    there_are = f"there are {', '.join(known)}" if known else "it takes none"
    return f"is no parameter of this request; {there_are}"
