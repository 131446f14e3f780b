"""The cookie of somebody who has signed in: what it opens, and for how long."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from httpx import AsyncClient
from starlette.responses import Response
from structlog.testing import capture_logs
from temporalio.client import Client

from order_system.infra.database import Database
from order_system.infra.web_keys import parse_keys
from order_system.web import policy
from order_system.web.guards.access import COOKIE, Access, set_cookie
from tests.fixtures.processes.forwarding import LOOPBACK
from tests.fixtures.web.web import KEYS, OPERATOR_KEY, VIEWER_KEY, WebShop

NOBODY: dict[str, str] = {}
OURS = "http://localhost"
THEIRS = "https://evil.example"


def session_of(shop: WebShop, key: str) -> str:
    access: Access = shop.app.state.access
    cookie = access.sign_in(key)
    assert cookie is not None
    return cookie


async def test_a_cookie_opens_what_its_key_opens_and_acts_from_our_pages_alone(shop: WebShop) -> None:
    operator = {"Cookie": f"{COOKIE}={session_of(shop, OPERATOR_KEY)}"}
    viewer = {"Cookie": f"{COOKIE}={session_of(shop, VIEWER_KEY)}"}
    cancel = "/api/orders/A-1/cancel"
    async with shop.browsing(NOBODY) as browser:
        assert (await browser.get("/api/orders", headers=viewer)).status_code == 200
        for said, status in (
            ({"Origin": OURS}, 404),
            ({"Sec-Fetch-Site": "same-origin"}, 404),
            (NOBODY, 403),
            ({"Origin": THEIRS}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
        ):
            assert (await browser.post(cancel, headers={**operator, **said})).status_code == status
        assert (await browser.post(cancel, headers={**viewer, "Origin": OURS})).status_code == 403


@pytest.mark.parametrize(
    ("proxies", "secure"), [(LOOPBACK, True), ("127.0.0.0/8", True), ("10.0.0.0/8", False)]
)
async def test_a_proxy_is_believed_where_it_is_said_to_be(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch, proxies: str, secure: bool
) -> None:
    """As the documents say of FORWARDED_ALLOW_IPS: who comes, and whether by https."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", proxies)
    told = {
        "X-Forwarded-For": "6.6.6.6, 203.0.113.7",
        "X-Forwarded-Proto": "https",
        "Sec-Fetch-Site": "same-origin",
    }
    async with (
        shop.on_a_port() as port,
        AsyncClient(base_url=f"http://{LOOPBACK}:{port}", headers=told) as caller,
    ):
        taken = await caller.post("/login", data={"key": VIEWER_KEY})
        with capture_logs() as logged:
            await caller.get("/api/orders", headers={"Authorization": "Bearer nonsense"})

    assert ("Secure" in taken.headers["set-cookie"]) is secure
    assert logged[0]["client"] == ("203.0.113.7" if secure else LOOPBACK)


async def test_a_key_beside_a_cookie_counts(shop: WebShop) -> None:
    cookie = {"Cookie": f"{COOKIE}={session_of(shop, OPERATOR_KEY)}"}
    async with shop.browsing({**cookie, "Authorization": "Bearer nonsense"}) as browser:
        assert (await browser.get("/api/orders")).status_code == 401


async def test_forged_old_and_foreign_cookies_open_nothing(
    shop: WebShop, client: Client, sqlite_database: Database, tmp_path: Path
) -> None:
    good = session_of(shop, VIEWER_KEY)
    other_process = session_of(WebShop(sqlite_database, client, tmp_path), VIEWER_KEY)
    forged = ["", ".", good[:-1], f"{good}x", good.swapcase(), VIEWER_KEY, other_process, "\u00e9.\u00fc"]
    async with shop.browsing(NOBODY) as browser:
        for cookie in forged:
            answer = await browser.get("/api/orders", headers=[(b"cookie", f"{COOKIE}={cookie}".encode())])
            assert (answer.status_code, cookie) == (401, cookie)
        assert (await browser.get("/api/orders", headers={"Cookie": f"{COOKIE}={good}"})).status_code == 200


async def test_who_signs_out_is_out_also_with_a_copy_of_the_cookie(shop: WebShop) -> None:
    cookie = {"Cookie": f"{COOKIE}={session_of(shop, OPERATOR_KEY)}", "Origin": OURS}
    async with shop.browsing(NOBODY) as browser:
        before = await browser.get("/api/orders", headers=cookie)
        await browser.post("/logout", headers=cookie)
        after = await browser.get("/api/orders", headers=cookie)

    assert (before.status_code, after.status_code) == (200, 401)


def test_a_session_ends() -> None:
    now = datetime.now(UTC)
    clock = [now]
    access = Access(parse_keys(KEYS), lambda: clock[0])
    cookie = access.sign_in(OPERATOR_KEY)
    assert cookie is not None
    assert access.sign_in("nonsense") is None
    holder = access.signed_in(cookie)
    assert holder is not None
    assert (holder.name, holder.role) == ("ada", "operator")

    clock[0] = now + policy.WEB_SESSION + timedelta(seconds=1)
    assert access.signed_in(cookie) is None


def test_the_cookie_is_strict_and_out_of_reach_of_scripts() -> None:
    response = Response()
    set_cookie(response, "value", secure=True)

    cookie = response.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Secure", "Path=/", "Max-Age=43200"):
        assert attribute in cookie
