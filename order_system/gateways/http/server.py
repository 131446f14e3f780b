"""Serves any gateways over HTTP, as `client.py` calls them. It is the reference implementation of
`openapi.yaml`, and what `starter.py simulate` runs. Needs the extra `web`."""

from functools import partial

from fastapi import FastAPI, Request, Response
from pydantic_core import to_json
from starlette.requests import ClientDisconnect

from order_system.domain.errors import NotReached
from order_system.domain.ids import Key
from order_system.gateways.http import wire
from order_system.gateways.loading import Gateways, Port


def create_app(gateways: Gateways, secret: str | None) -> FastAPI:
    """Return an app that serves `gateways`. Without a secret it checks no signatures: for loopback only."""
    app = FastAPI(openapi_url=None)
    offered = (gateways.payments, gateways.warehouse, gateways.carrier, gateways.mailer, gateways.accounts)
    for port, gateway in zip(Port, offered, strict=True):
        for operation in wire.OPERATIONS[port]:
            app.add_route(operation.path, partial(_answer, operation, gateway, secret), methods=["POST"])
    return app


async def _answer(
    operation: wire.Operation, gateway: object, secret: str | None, request: Request
) -> Response:
    headers = request.headers
    try:
        content = await request.body()
        key = Key(headers[wire.KEY], int(headers.get(wire.ROUND, "0"))) if operation.takes_key else None
        named = dict(operation.body.model_validate_json(content))
    except ClientDisconnect:
        return Response(status_code=408)  # nobody reads this, and nothing was done
    except (KeyError, ValueError) as refused:
        return _problem(422, wire.NOT_UNDERSTOOD, f"headers and body are not as documented: {refused}")
    if secret and (
        wrong := wire.what_is_wrong(headers.get(wire.SIGNATURE, ""), secret, operation.path, key, content)
    ):
        return _problem(401, wire.NOT_SIGNED, wrong)
    try:
        method = getattr(gateway, operation.name)
        answer = await (method(**named) if key is None else method(key, **named))
    except Exception as failure:
        return _problem_of(operation, failure)
    if answer is None:
        return _problem(404, wire.NOTHING_THERE, "there is nothing")
    return Response(to_json(answer, exclude_none=True), media_type="application/json")


def _problem_of(operation: wire.Operation, failure: Exception) -> Response:
    kind = wire.type_of(type(failure))
    if kind in operation.refusals:
        return _problem(409, kind, str(failure))
    if isinstance(failure, NotReached):
        wait = {} if failure.retry_after is None else {"Retry-After": f"{failure.retry_after:.0f}"}
        return _problem(503, kind, str(failure), wait)
    return _problem(500, "about:blank", f"{type(failure).__name__}: {failure}")


def _problem(status: int, kind: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    problem = wire.Problem(type=kind, detail=detail)
    return Response(problem.model_dump_json(), status, headers, media_type=wire.PROBLEM_JSON)
