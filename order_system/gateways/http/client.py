"""The gateways of `ORDER_PAYMENTS=http` and its like: each call of a port is a POST to your service."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
from pydantic import BaseModel, Field, SecretStr, ValidationError

from order_system.domain.errors import AnswerLost, NotReached
from order_system.domain.gateways import CapturesLater, TakesOver
from order_system.domain.ids import Key
from order_system.gateways import policy
from order_system.gateways.http import wire
from order_system.gateways.loading import Port, methods_of
from order_system.gateways.posting import post
from order_system.infra.environment import WebUrl
from order_system.infra.telemetry.process import TELEMETRY
from order_system.infra.web_keys import SHORTEST_SECRET

_SHOWN = 300
"""How many characters of a service's answer are shown."""


class HttpSettings(BaseModel):
    url: WebUrl = Field(description="where the service is, as in https://gateway.example.com/orders")
    secret: SecretStr | None = Field(
        None, min_length=SHORTEST_SECRET, description="what signs the requests; unset, nothing does"
    )


class HttpPaymentSettings(HttpSettings):
    authorises: bool = Field(
        False, description="whether it offers `authorise`, `capture`, `void` and `take_over`, too"
    )
    refunds_parts: bool = Field(False, description="whether it offers `refund_part`, too")


def _factory(port: Port) -> Callable[[HttpSettings], AbstractAsyncContextManager[SimpleNamespace]]:
    @asynccontextmanager
    async def opened(settings: HttpSettings) -> AsyncGenerator[SimpleNamespace]:
        limits = httpx.Limits(keepalive_expiry=policy.KEPT_OPEN.total_seconds())
        connect = policy.CONNECT.total_seconds()
        waits = httpx.Timeout(None, connect=connect, pool=connect)  # `_call` limits the whole call
        async with httpx.AsyncClient(base_url=settings.url, limits=limits, timeout=waits) as client:
            call = partial(_call, client, settings.secret)
            yield SimpleNamespace(**{each.name: partial(call, each) for each in wire.OPERATIONS[port]})

    return opened


_payments, warehouse, carrier = _factory(Port.PAYMENTS), _factory(Port.WAREHOUSE), _factory(Port.CARRIER)
mailer, statement = _factory(Port.MAILER), _factory(Port.STATEMENT)


@asynccontextmanager
async def payments(settings: HttpPaymentSettings) -> AsyncGenerator[SimpleNamespace]:
    async with _payments(settings) as gateway:
        for name in () if settings.authorises else methods_of(CapturesLater) + methods_of(TakesOver):
            delattr(gateway, name)
        if not settings.refunds_parts:
            del gateway.refund_part
        yield gateway


async def _call(
    client: httpx.AsyncClient, secret: SecretStr | None, operation: wire.Operation, *given: Any, **named: Any
) -> Any:
    """Post one call to the service, and return its answer. Raises what the port may raise."""
    arguments = operation.signature.bind(None, *given, **named).arguments
    key = arguments.pop("key", None)
    asked = operation.body.model_validate(arguments)
    body = asked.model_dump_json().encode()
    headers = {"Content-Type": "application/json", **TELEMETRY.headers()}
    if key is not None:
        key = Key(key, getattr(key, "round", 0))
        headers |= {wire.KEY: key, wire.ROUND: str(key.round)}
    if secret:
        headers[wire.SIGNATURE] = wire.sign(secret.get_secret_value(), operation.path, key, body)
    is_long, path = operation.port is Port.STATEMENT, operation.path
    within = (policy.STATEMENT if is_long else policy.ANSWER).total_seconds()
    most = math.inf if is_long else policy.ANSWER_BYTES
    try:
        async with asyncio.timeout(within):
            response, content = await post(client, path, body, headers, most=most)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as failure:
        raise NotReached(f"{path}: {client.base_url.host} cannot be reached: {failure!r}") from failure
    except TimeoutError as failure:
        raise AnswerLost(f"{path}: no answer within {within:g} seconds") from failure
    except httpx.HTTPError as failure:
        raise AnswerLost(f"{path}: the connection broke before the answer came: {failure!r}") from failure
    if len(content) > most:
        raise AnswerLost(f"{path}: the answer is longer than {most:,} bytes")
    return _understood(operation, asked, response, content)


def _understood(operation: wire.Operation, asked: BaseModel, response: httpx.Response, content: bytes) -> Any:
    """Return the answer, or raise its error: AnswerLost for any undocumented one, as the call may be done."""
    path, status = operation.path, response.status_code
    if status == 200:
        try:
            return operation.read_answer(asked, content)
        except ValueError as wrong:
            raise AnswerLost(f"{path}: what came is no answer to this call: {wrong}") from wrong
    problem, seconds = wire.Problem(), response.headers.get("Retry-After", "")
    with suppress(ValidationError):
        problem = wire.Problem.model_validate_json(content)
    retry_after = int(seconds) if seconds.isdecimal() and len(seconds) < 10 else None
    said = " ".join((problem.detail or content.decode(errors="replace")).split())[:_SHOWN]
    told_to_wait = retry_after is not None and status in (429, 503)
    if told_to_wait or problem.type in wire.NOTHING_DONE:
        raise NotReached(f"{path}: {status}: {said}", retry_after=retry_after)
    if status == 404 and problem.type == wire.NOTHING_THERE and operation.may_find_nothing:
        return None
    if response.is_client_error and (refusal := operation.refusals.get(problem.type)):
        raise refusal(said)
    raise AnswerLost(f"{path}: {status} of type {problem.type[:_SHOWN]} settles nothing: {said}")
