"""The app: routes of API and pages behind the guards that every request passes.

From the outside in: headers, problems as pages for people, a last net for errors, who may, how much; then the
routes.
"""

import importlib
import importlib.util
from typing import Any

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_system.web import api
from order_system.web.documents.events import Listeners
from order_system.web.guards.access import Access, AccessGuard
from order_system.web.guards.headers import SecurityHeaders
from order_system.web.guards.limits import BodyLimits, BodyRefused
from order_system.web.openapi.document import complete_document
from order_system.web.problems import answer_to, answer_with_problems, problem_response
from order_system.web.services import Services

PAGES = "order_system.web.pages"

DESCRIPTION = """\
Submit orders and batches of orders, see where each stands, and answer what waits for a person.

* **Keys.** `Authorization: Bearer <key>`. A viewer's key reads, an operator's acts as well.
* **Problems** are `application/problem+json`; with 422, `errors` names each field and its rule.
* **Lists** are read a page at a time: hand `next` back as `cursor`.
* **Safe to repeat.** The key of an order is its ID: posted twice, it is charged once.
"""


def create_app(services: Services, access: Access | None = None) -> FastAPI:
    """Routes over these services. Opens nothing: whoever calls it owns what they hold."""
    app = FastAPI(
        title="Order fulfilment",
        version="1",
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # both load their scripts from elsewhere
        redoc_url=None,
        openapi_tags=api.TAGS,
        redirect_slashes=False,  # its redirects believe the Host header
    )
    app.state.services = services
    app.state.access = access or Access(services.settings.web_keys, services.now)
    app.state.listeners = Listeners()
    app.include_router(api.router)
    pages: Any = importlib.import_module(PAGES) if importlib.util.find_spec(PAGES) else None
    if pages is not None:
        app.include_router(pages.router)
    complete_document(app)
    answer_with_problems(app)
    # Each wraps those before it.
    app.add_middleware(BodyLimits)
    app.add_middleware(AccessGuard, access=app.state.access)
    app.add_middleware(LastNet)
    if pages is not None:
        app.add_middleware(pages.ProblemPages)
    app.add_middleware(SecurityHeaders)
    return app


class LastNet:
    """Whatever else goes wrong is told without saying what, and logged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def watched(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:
            if scope["type"] != "http":
                raise
            answer = answer_to(error)
            if isinstance(error, BodyRefused):
                answer = problem_response(error.status, error.detail)
            if began:
                raise  # half of an answer is out: breaking the connection is all that is left to say
            await answer(scope, receive, send)
