"""Who may do what. Every path is closed unless PUBLIC names it, even if its route forgets to ask.

A viewer may read; anything else takes an operator. A program sends its key as `Authorization: Bearer`; a
browser sends it once, and gets a cookie. Without keys everybody on this machine is an operator, and nobody
else can reach us. Then the Host header is checked, too, since another site can make its own name point at
this machine.

A browser adds our cookie to a request from any site's page, and reaches this machine for it. So a request
that acts must come from our own pages, unless it brings a key."""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from order_system.infra.changes import acting, note
from order_system.infra.web_keys import Role, WebKey, holder_of, is_loopback
from order_system.web import policy
from order_system.web.guards.limits import WrongKeys
from order_system.web.problems import EXPLAINED, problem_response

PUBLIC = frozenset({"/healthz", "/readyz", "/login", "/logout"})
PUBLIC_BELOW = "/static/"
LOGIN = "/login"
COOKIE = "order_session"
DECODE = "/api/codec/decode"
"""This path only reads, although by POST, and it is for the Web UI, which is another site."""
NO_KEY = "a key is needed: Authorization: Bearer ..."
TOO_MANY_WRONG_KEYS = "too many wrong keys came from this address: wait a minute"
BEARER = {"WWW-Authenticate": "Bearer"}
LATER = {"Retry-After": f"{policy.WRONG_KEYS_WITHIN.total_seconds():.0f}"}
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Caller:
    role: Role
    name: str
    """The name that is recorded as `who` of an answer that names nobody."""
    proof: Literal["key", "cookie", "loopback"]
    """What proves who the caller is."""

    @property
    def may_act(self) -> bool:
        return self.role is Role.OPERATOR

    @property
    def no_operator(self) -> str:
        return f"{self.name} may look, and not act: that takes an operator's key"


class Access:
    """The holders of keys, and the sessions of those who signed in. A session's cookie is a secret of its
    own, never the key. Only this process knows the sessions, so a restart ends them all, and so does a
    change of the keys, which needs a restart."""

    def __init__(self, keys: Sequence[WebKey] | None, now: Callable[[], datetime]) -> None:
        self._keys = tuple(keys or ())
        self._now = now
        self._sessions: dict[str, tuple[WebKey, datetime]] = {}
        """Each session's key and end, by cookie. Expired ones are dropped when the next session begins."""
        self.wrong_keys = WrongKeys()

    @property
    def is_open(self) -> bool:
        """Whether there are no keys, so that only this machine can reach us."""
        return not self._keys

    def caller(self, request: HTTPConnection) -> Caller | None:
        if self.is_open:
            return Caller(Role.OPERATOR, "operator@localhost", "loopback")
        if request.headers.get("authorization"):
            key = self._in_use(_secret_in(request))
            return key and Caller(key.role, key.name, "key")
        key = self.signed_in(request.cookies.get(COOKIE, ""))
        return key and Caller(key.role, key.name, "cookie")

    def _in_use(self, secret: str) -> WebKey | None:
        key = holder_of(secret, self._keys)
        return key if key and not key.expired(self._now()) else None

    def expired(self, secret: str) -> str | None:
        """Say that the key with this secret has expired; None if it has not, or is no key."""
        key = holder_of(secret, self._keys)
        return key and key.expired(self._now())

    def sign_in(self, secret: str) -> str | None:
        """Begin a session, and return its cookie's value; None if the key is unknown or has expired."""
        if (holder := self._in_use(secret)) is None:
            return None
        cookie, now = secrets.token_urlsafe(32), self._now()
        self._sessions = {each: session for each, session in self._sessions.items() if session[1] > now}
        self._sessions[cookie] = holder, now + policy.WEB_SESSION
        return cookie

    def signed_in(self, cookie: str) -> WebKey | None:
        """Return the cookie's key; None if the cookie is not ours, or if it or its key has expired."""
        now = self._now()
        holder, expires = self._sessions.get(cookie, (None, now))
        return holder if holder and expires > now and not holder.expired(now) else None

    def sign_out(self, cookie: str) -> None:
        """End the session, also for anybody who has kept a copy of the cookie."""
        self._sessions.pop(cookie, None)


def _secret_in(request: HTTPConnection) -> str:
    """Return the Bearer token; without one an empty text, which is nobody's secret."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


@dataclass
class AccessGuard:
    """ASGI middleware, in front of every route."""

    app: ASGIApp
    access: Access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HTTPConnection(scope)
        caller = self.access.caller(request)
        if caller and caller.proof == "key" and _is_public(request):
            caller = None  # nobody counts the wrong keys there, so the right one must not show
        if {"content-length", "transfer-encoding"} <= set(request.headers):
            # Readers of either length would disagree where the next request begins.
            detail = "a request has either Content-Length or Transfer-Encoding"
            refusal = problem_response(400, detail, headers={"Connection": "close"})
        else:
            refusal = self._refusal(request, caller)
        acting.set(caller.name if caller else "nobody")
        if refusal is not None:
            if caller is not None and _acts(request):
                note(scope["method"], scope["path"], f"refused: {refusal.status_code}")
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, send)

    def _refusal(self, request: HTTPConnection, caller: Caller | None) -> Response | None:
        # Routes are found by the scope's path: a URL built with the Host header may have another path.
        path, acts = str(request.scope["path"]), _acts(request)
        host = _HOST.fullmatch(request.headers.get("host", ""))
        if self.access.is_open and not is_loopback(host["name"] if host else ""):
            return problem_response(
                403, "without keys this answers to the names of this machine alone, such as localhost"
            )
        public = _is_public(request)
        brings_key = "authorization" in request.headers and not public
        if brings_key and self.access.wrong_keys.too_many(request):
            return problem_response(429, TOO_MANY_WRONG_KEYS, headers=LATER)
        if caller is None and not public:
            expired = self.access.expired(_secret_in(request))
            if brings_key and not expired:
                self.access.wrong_keys.note(request)
            return _who_are_you(request, path, expired or NO_KEY)
        if acts and not came_from_us(request, caller):
            return problem_response(403, "this request came from another site's page, or may have")
        if acts and not public and caller is not None and not caller.may_act:
            return problem_response(403, caller.no_operator)
        return None


def _is_public(request: HTTPConnection) -> bool:
    return request.scope["path"] in PUBLIC or request.scope["path"].startswith(PUBLIC_BELOW)


def _acts(request: HTTPConnection) -> bool:
    return request.scope["method"] not in SAFE_METHODS and request.scope["path"] != DECODE


def _who_are_you(request: HTTPConnection, path: str, why: str) -> Response:
    query = request.scope["query_string"].decode("latin-1")
    # The part of a page that is renewed must not be swapped for a login.
    if (path.startswith("/api/") and path != EXPLAINED) or "hx-request" in request.headers:
        return problem_response(401, why, headers=BEARER)
    wanted = f"{path}?{query}" if query else path
    return RedirectResponse(f"{LOGIN}?next={quote(wanted, safe='')}", status_code=303)


def came_from_us(request: HTTPConnection, caller: Caller | None) -> bool:
    """Whether a request that acts was made by our own page, or by a program.

    A program brings its key or, on a machine without keys, names no site. A browser always names the site of
    the page, and with a cookie it has to."""
    if caller is not None and caller.proof == "key":
        return True
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is not None:
        return origin == f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    return caller is not None and caller.proof == "loopback"


bearer = HTTPBearer(
    auto_error=False, description="A key of ORDER_WEB_KEYS. Where there are none, only loopback is served."
)


def viewer(
    request: Request, _key: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None
) -> Caller:
    """Return the caller. Raises HTTPException if there is none, as where the guard lets everybody pass."""
    caller: Caller | None = request.state.caller
    if caller is None:
        raise HTTPException(401, NO_KEY, BEARER)
    return caller


def operator(caller: Annotated[Caller, Depends(viewer)]) -> Caller:
    """Return the caller. Raises HTTPException for a viewer; the guard lets viewers pass to all that reads."""
    if not caller.may_act:
        raise HTTPException(403, caller.no_operator)
    return caller


Viewer = Annotated[Caller, Depends(viewer)]
Operator = Annotated[Caller, Depends(operator)]


def set_cookie(response: Response, value: str, *, secure: bool) -> None:
    """Set the session's cookie; `secure` if the browser came by https."""
    age = int(policy.WEB_SESSION.total_seconds())
    response.set_cookie(COOKIE, value, max_age=age, httponly=True, samesite="strict", secure=secure)
