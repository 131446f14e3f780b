"""The pages, one module for each. They work without JavaScript; with it, an open page is renewed every few
seconds. Here are the style sheets and scripts, which are our own, and an unchanged htmx."""

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles

from order_system.web.pages import api_docs, attention, batches, health, login, new_order, orders, upload
from order_system.web.pages.visit import bare_page

__all__ = ["bare_page", "router"]

router = APIRouter(include_in_schema=False)
for module in (login, orders, new_order, batches, upload, attention, health, api_docs):
    router.include_router(module.router)

_files = StaticFiles(packages=[("order_system.web", "static")])


@router.get("/static/{path:path}")
async def static_file(path: str, request: Request) -> Response:
    """Send a file. Raises HTTPException (404), also for a path that leads out of the folder."""
    response = await _files.get_response(path, request.scope)
    # The browser asks each time, which costs little: so no old style sheet meets a new page.
    response.headers["Cache-Control"] = "no-cache"
    return response
