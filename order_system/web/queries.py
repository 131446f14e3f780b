"""Query parameters by the strict door: a misspelt filter must not pass for none, and list everything."""

from typing import Any

from fastapi import Request

from order_system.json_documents import spell
from order_system.web.problems import Invalid, Mistake


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
