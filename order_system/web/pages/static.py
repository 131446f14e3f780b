"""`/static/`: our own style sheets and scripts, and an unchanged htmx."""

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles

router = APIRouter()
_files = StaticFiles(packages=[("order_system.web", "static")])


@router.get("/static/{path:path}")
async def static_file(path: str, request: Request) -> Response:
    """Send a file. Raises HTTPException (404), also for a path that leads out of the folder."""
    response = await _files.get_response(path, request.scope)
    # The browser asks each time, which costs little: so no old style sheet meets a new page.
    response.headers["Cache-Control"] = "no-cache"
    return response
