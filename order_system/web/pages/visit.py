"""One request for a page: who asks for it, and how pages are drawn.

Templates always escape all that they are given; nothing in here marks text as safe."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Depends, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from order_system.domain.money import format_amount, format_decimal
from order_system.domain.wording import in_time, iso, time_between
from order_system.infra.process import STARTER
from order_system.infra.temporal.connection import no_answer
from order_system.web import policy
from order_system.web.guards.access import Caller, Viewer
from order_system.web.pages import words
from order_system.web.services import Given, Services

TEMPLATES = Environment(
    loader=PackageLoader("order_system.web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FILTERS = (*words.FILTERS, iso, in_time, time_between, format_amount, format_decimal)
TEMPLATES.filters.update(dict[str, Any]((each.__name__, each) for each in _FILTERS))
TEMPLATES.globals.update(dict[str, Any](starter=STARTER))


@dataclass(frozen=True)
class _Visit:
    request: Request
    services: Given
    caller: Viewer

    @property
    def now(self) -> datetime:
        return self.services.now()

    def here(self, **changes: str | None) -> str:
        """Return this page's address, from which its parts are renewed. With `changes` to the query, return
        the address of a similar page."""
        kept: dict[str, str | None] = {**self.request.query_params, "said": None, **changes}
        return address(quote(str(self.request.scope["path"])), kept)

    async def page(
        self, template: str, *, place: str = "", code: int = HTTPStatus.OK, calm: bool = False, **context: Any
    ) -> Response:
        """Draw the page. On a `calm` page nothing changes soon, so it is renewed less often."""
        text = TEMPLATES.get_template(template).render(
            **_frame(self.services, self.caller),
            place=place,
            here=self.here,
            now=self.now,
            pace=f"{(policy.PAGE_RENEWED_SELDOM if calm else policy.PAGE_RENEWED).total_seconds():g}s",
            said=self.request.query_params.get("said"),
            **{"waiting": await self.services.waiting.number(), **context},
        )
        return HTMLResponse(text, code)


Visit = Annotated[_Visit, Depends(_Visit)]


def redirect(address: str, said: str | None = None) -> RedirectResponse:
    """Redirect after an action, so that reloading a page does not repeat it. `said` is a key of said.html."""
    return RedirectResponse(f"{address}?said={said}" if said else address, HTTPStatus.SEE_OTHER)


def address(path: str, query: Mapping[str, str | None]) -> str:
    told = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{told}" if told else path


def bare_page(
    request: Request, template: str, *, status: int = HTTPStatus.OK, **context: Any
) -> HTMLResponse:
    """Draw a page for people who are not signed in, or about a problem: it asks neither server nor book."""
    services: Services = request.app.state.services
    caller: Caller | None = getattr(request.state, "caller", None)
    text = TEMPLATES.get_template(template).render(
        **_frame(services, caller), place="", said=None, waiting=0, **context
    )
    return HTMLResponse(text, status)


def _frame(services: Services, caller: Caller | None) -> dict[str, Any]:
    return {"visitor": caller, "ui_url": services.links.ui_url, "no_answer": no_answer(services.temporal)}
