"""`/static/`: our own style sheets and scripts, and htmx as it came."""

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles

router = APIRouter()
_files = StaticFiles(packages=[("order_system.web", "static")])


@router.get("/static/{path:path}")
async def static_file(path: str, request: Request) -> Response:
    """Raises HTTPException (404), also for a path that leads out of the folder."""
    response = await _files.get_response(path, request.scope)
    # Asked about each time, which costs little: so that no style sheet outlives its page.
    response.headers["Cache-Control"] = "no-cache"
    return response
