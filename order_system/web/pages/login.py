"""`/login`: a person gives a key once, and gets a cookie that no script reads and no other site sends."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from order_system.web.guards.access import COOKIE, TOO_MANY_WRONG_KEYS, Access, set_cookie
from order_system.web.pages.visit import bare_page, redirect

router = APIRouter()
HOME = "/"


@router.get("/login")
async def ask(request: Request, next: str = HOME) -> Response:  # noqa: A002  (the query's own name)
    if request.app.state.access.is_open:
        return redirect(HOME)
    return bare_page(request, "login.html", next=ours(next), refused=None)


@router.post("/login")
async def take(
    request: Request,
    key: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = HOME,  # noqa: A002
) -> Response:
    access: Access = request.app.state.access
    if access.is_open:
        return redirect(HOME)
    status, refused = 429, TOO_MANY_WRONG_KEYS
    if not access.wrong_keys.too_many(request):
        if session := access.sign_in(key.strip()):
            response = redirect(ours(next))
            set_cookie(response, session, secure=request.scope["scheme"] == "https")
            return response
        status, refused = 401, access.expired(key.strip()) or "No such key is known here."
        if access.expired(key.strip()) is None:
            access.wrong_keys.note(request)
    return bare_page(request, "login.html", status=status, next=ours(next), refused=refused)


@router.post("/logout")
async def leave(request: Request) -> Response:
    request.app.state.access.sign_out(request.cookies.get(COOKIE, ""))
    response = redirect("/login")
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def ours(address: str) -> str:
    """Return the address if it is our own page, else the first page: no link may lead to another site."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return HOME
    foreign = parts.scheme or parts.netloc or not address.startswith("/") or address.startswith("//")
    return HOME if foreign or "\\" in address or not address.isprintable() else address
