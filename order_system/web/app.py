"""The app: routes of API and pages behind the guards that every request passes.

A request passes, from the outside in: the headers of every answer, a last net for errors, the Web UI's
permission to ask, access, limits of size and time, HEAD as GET, and then the routes."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema
from temporalio.client import Client

from order_system.bootstrap import OrderSystem
from order_system.intake.form import OrderForm
from order_system.web import api, pages
from order_system.web.api.codec import AnswersWebUi
from order_system.web.guards.access import SAFE_METHODS, Access, AccessGuard
from order_system.web.guards.answers import HeadAsGet, LastNet, SecurityHeaders
from order_system.web.guards.limits import BodyLimits
from order_system.web.problems import Problem, answer_with_problems
from order_system.web.services import Services, services_of
from order_system.web.serving import serving
from order_system.web.uploads import Uploads

DESCRIPTION = """\
Submit orders and batches of orders. See where each stands. Answer what waits for a person.

* **Keys.** Send `Authorization: Bearer <key>`. A viewer's key reads. An operator's key acts as well.
* **Problems** are `application/problem+json`. Their `type` stays. With 422, `errors` names each field
  and its rule.
* **Lists** are read a page at a time. Send `next` back as `cursor`, or follow the `Link`.
* **Amounts** are decimal text, with their currency; only the receipts in an outcome count minor units.
* **Repeating is safe.** An order is known by its ID. Posted twice, it is charged once.
"""


def create_app(services: Services) -> FastAPI:
    """Make the app over these services. It opens nothing: the caller owns what the services hold."""
    app = FastAPI(
        title="Order fulfilment",
        version="1",
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # both kinds of docs load scripts from other sites
        redoc_url=None,
        openapi_tags=api.TAGS,
        redirect_slashes=False,  # its redirects trust the Host header
        # Traces, if on, are of requests that act: open pages read every few seconds.
        telemetry={"operation_spans": False, "exclude": lambda scope: scope.get("method") in SAFE_METHODS},
    )
    app.state.services = services
    app.state.access = Access(services.settings.web_keys, services.now)
    app.state.bare_page = pages.bare_page
    app.include_router(api.router)
    app.include_router(pages.router)
    _complete_document(app)
    answer_with_problems(app)
    # Each middleware wraps those before it.
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyLimits)
    app.add_middleware(AccessGuard, access=app.state.access)
    app.add_middleware(AnswersWebUi, origin=services.links.origin)
    app.add_middleware(LastNet)
    app.add_middleware(SecurityHeaders)
    return app


@asynccontextmanager
async def serving_pages(
    system: OrderSystem, temporal: Client, ui_url: str | None, listener: socket.socket
) -> AsyncGenerator[None]:
    """Serve pages and API during the block, on the bound `listener`."""
    services = services_of(system, temporal, ui_url)
    Uploads(services.settings.uploads).sweep()
    async with serving(create_app(services), listener):
        yield


def _complete_document(app: FastAPI) -> None:
    """Add to the OpenAPI document what FastAPI does not know: the order as the strict reader takes it, since
    we read that body ourselves, and problems, which have a media type of their own."""
    made = app.openapi
    _, ours = models_json_schema(
        [(OrderForm, "validation"), (Problem, "serialization")], ref_template="#/components/schemas/{model}"
    )

    def document() -> dict[str, Any]:
        described = made()  # FastAPI makes it again when a route is added
        described["components"]["schemas"].update(ours["$defs"])
        return described

    app.openapi = document
