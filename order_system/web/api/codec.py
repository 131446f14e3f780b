"""`/api/codec/decode`: Temporal's protocol for programs that show payloads. Its Web UI asks here, from the
reader's browser, and its command line with `--codec-endpoint`; the Temporal server never does."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Header, HTTPException, Request, Response
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import PayloadCodec

from order_system.domain.errors import KeyTrouble
from order_system.web.api.parameters import JSON, media_type
from order_system.web.guards.access import DECODE, Operator
from order_system.web.problems import UnsupportedMediaType
from order_system.web.services import Given

log = structlog.stdlib.get_logger(__name__)
router = APIRouter(include_in_schema=False)  # the protocol is not ours to describe


@router.post(DECODE)
async def decode(
    request: Request, caller: Operator, services: Given, x_namespace: Annotated[str, Header()] = ""
) -> Response:
    """Open payloads for operators, who may see the customer. Return those that no key opens unchanged."""
    if media_type(request) != JSON:  # a browser sends JSON to another site only after it has asked
        raise UnsupportedMediaType(f"send the payloads as {JSON}")
    try:
        sent = Parse(await request.body(), Payloads(), ignore_unknown_fields=True)
    except (ParseError, UnicodeDecodeError):
        raise HTTPException(422, "this is not Temporal's document of payloads") from None
    codec = services.temporal.data_converter.payload_codec
    opened = [await _opened(payload, codec) for payload in sent.payloads]
    shown = sum(new is not old for new, old in zip(opened, sent.payloads, strict=True))
    told = {"namespace": x_namespace[:100], "payloads": len(opened), "opened": shown}
    log.info("payloads are shown", who=caller.name, **told)
    return Response(MessageToJson(Payloads(payloads=opened), indent=None), media_type=JSON)


async def _opened(payload: Payload, codec: PayloadCodec | None) -> Payload:
    try:
        return (await codec.decode([payload]))[0] if codec else payload
    except KeyTrouble:
        return payload


class AnswersWebUi:
    """ASGI middleware: a page of the Web UI's origin may call `decode`, with cookies, and nothing else."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        headers, method = ["authorization", "content-type", "x-namespace"], "POST"
        self._decoding = CORSMiddleware(
            app, [origin], allow_methods=[method], allow_headers=headers, allow_credentials=True
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answering = self._decoding if scope["path"] == DECODE else self._app
        await answering(scope, receive, send)
