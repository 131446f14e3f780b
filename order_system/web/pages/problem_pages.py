"""Problems as people see them: who says no to a page, its route or a guard before it, says it on a page."""

import json
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_system.web.pages.visit import bare_page
from order_system.web.problems import MEDIA_TYPE

FOR_PROGRAMS = ("/api/", "/healthz", "/readyz", "/static/")

_TITLES = {
    403: "That is not yours to do",
    404: "There is nothing here",
    409: "That does not fit how things stand",
    413: "That is too large",
    422: "Something is wrong with that",
    500: "Something went wrong here",
    502: "The Temporal server refuses",
    503: "Something does not answer just now",
}
_KEPT = ("allow", "connection", "retry-after")


class ProblemPages:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or str(scope["path"]).startswith(FOR_PROGRAMS):
            await self._app(scope, receive, send)
            return
        problem: Message | None = None
        body = bytearray()

        async def drawn(message: Message) -> None:
            nonlocal problem
            if message["type"] == "http.response.start" and _is_problem(message):
                problem = message
            elif problem is None:
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    page = _page(Request(scope), problem, bytes(body))
                    await page(scope, receive, send)

        await self._app(scope, receive, drawn)


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(MEDIA_TYPE)


def _page(request: Request, start: Message, body: bytes) -> Response:
    status = int(start["status"])
    told = Headers(raw=start["headers"])
    page = bare_page(
        request,
        "problem.html",
        status=status,
        title=_TITLES.get(status, HTTPStatus(status).phrase),
        detail=json.loads(body)["detail"],
    )
    page.headers.update({name: told[name] for name in _KEPT if name in told})
    return page
