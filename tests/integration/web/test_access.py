"""Who may: no key, no entry; a viewer acts on nothing; nobody acts by a browser of somebody else's."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import AsyncClient
from starlette.responses import Response
from temporalio.client import Client

from order_system.domain.errors import InvalidUsage
from order_system.infra.database import Database
from order_system.infra.web_keys import parse_keys
from order_system.web import policy
from order_system.web.guards.access import PUBLIC, Access, Viewer
from order_system.web.guards.sessions import COOKIE, set_cookie
from order_system.web.problems import answer_to
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.web import AS_OPERATOR, AS_VIEWER, KEYS, OPERATOR_KEY, VIEWER_KEY, WebShop, document

NOBODY: dict[str, str] = {}
OURS = "http://localhost"
THEIRS = "https://evil.example"


@pytest.fixture
def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> WebShop:
    return WebShop(sqlite_database, client, tmp_path)


@pytest.fixture
def open_shop(client: Client, sqlite_database: Database, tmp_path: Path) -> WebShop:
    return WebShop(sqlite_database, client, tmp_path, keys=None)


@pytest.fixture
async def stranger(shop: WebShop) -> AsyncIterator[AsyncClient]:
    async with shop.browsing(NOBODY) as browser:
        yield browser


def requests_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """A method and a path for every route that there is, whoever has added it."""
    for route in iter_route_contexts(app.routes):
        path = re.sub(r"\{.*?\}", "X-1", route.path or "/static")
        yield from ((method, path) for method in sorted(route.methods or {"GET"}))


def is_public(path: str) -> bool:
    return path in PUBLIC or path.startswith("/static")


# --- every route ----------------------------------------------------------------------------------


async def test_no_key_no_entry_on_any_route(shop: WebShop, stranger: AsyncClient) -> None:
    asked = [each for each in requests_of(shop.app) if not is_public(each[1])]
    for method, path in asked:
        for headers in (
            NOBODY,
            {"Authorization": "Bearer nonsense"},
            {"Authorization": f"Basic {VIEWER_KEY}"},
        ):
            answer = await stranger.request(method, path, headers=headers)
            if path.startswith("/api/"):
                assert (answer.status_code, method, path) == (401, method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
            else:
                assert (answer.status_code, method, path) == (303, method, path)
                assert answer.headers["location"].startswith("/login?next=%2F")

    assert len(asked) >= 20
    assert {"/api/openapi.json", "/api/attention"} <= {path for _, path in asked}


async def test_a_viewer_acts_on_no_route(shop: WebShop) -> None:
    acting = [
        (method, path)
        for method, path in requests_of(shop.app)
        if method not in ("GET", "HEAD", "OPTIONS") and not is_public(path)
    ]
    async with shop.browsing(AS_VIEWER) as viewer:
        for method, path in acting:
            answer = await viewer.request(method, path, headers={"Origin": OURS})
            assert (answer.status_code, method, path) == (403, method, path)
            assert "ben may look, and not act" in answer.text

    assert len(acting) >= 10


async def test_refused_lines_are_not_for_viewers(shop: WebShop) -> None:
    """They may have been refused for a card number."""
    async with shop.browsing(AS_VIEWER) as viewer:
        assert (await viewer.get("/api/batches/monday/rejects.csv")).status_code == 403
        assert (await viewer.get("/api/batches/monday/outcome.csv")).status_code == 404


async def test_a_path_that_is_no_route_tells_a_stranger_nothing(stranger: AsyncClient) -> None:
    answers = [await stranger.get("/api/nothing"), await stranger.get("/api//orders")]

    assert {answer.status_code for answer in answers} == {401}


async def test_probes_need_no_key(stranger: AsyncClient) -> None:
    alive, ready = await stranger.get("/healthz"), await stranger.get("/readyz")

    assert (alive.status_code, ready.status_code) == (200, 200)
    assert ready.json() == {"status": "ready", "database": "ok", "temporal": "ok"}


async def test_an_operator_acts_and_a_viewer_reads(shop: WebShop) -> None:
    order = an_order()
    async with shop.browsing(AS_OPERATOR) as operator, shop.browsing(AS_VIEWER) as viewer:
        assert (await operator.post("/api/orders", json=document(order))).status_code == 202
        assert (await viewer.get("/api/orders")).status_code == 200
    await shop.handle(order).terminate()


# --- without keys ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "127.8.8.8"])
async def test_without_keys_this_machine_is_served(open_shop: WebShop, host: str) -> None:
    async with open_shop.browsing(NOBODY, f"http://{host}") as browser:
        assert (await browser.get("/api/orders")).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[2001:db8::1]"]
)
async def test_without_keys_other_names_for_this_machine_are_refused(open_shop: WebShop, host: str) -> None:
    async with open_shop.browsing(NOBODY, f"http://{host}") as browser:
        for path in ("/api/orders", "/healthz"):
            assert (await browser.get(path)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": THEIRS},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": OURS},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_without_keys_no_page_from_elsewhere_acts(open_shop: WebShop, headers: dict[str, str]) -> None:
    async with open_shop.browsing(headers) as browser:
        for path in ("/api/orders", "/api/orders/A-1/cancel", "/api/batches?name=x", "/api/batches/x/pause"):
            answer = await browser.post(path, json={})
            assert (answer.status_code, path) == (403, path)
            assert "another site" in answer.json()["detail"]


@pytest.mark.parametrize("headers", [NOBODY, {"Origin": OURS}, {"Sec-Fetch-Site": "same-origin"}])
async def test_without_keys_programs_and_our_own_pages_act(
    open_shop: WebShop, headers: dict[str, str]
) -> None:
    async with open_shop.browsing(headers) as browser:
        assert (await browser.post("/api/orders/A-1/cancel")).status_code == 404


@pytest.mark.parametrize(
    "host", ["localhost/healthz?", "localhost/static/x?", "x/healthz#", "localhost\\@evil", "", "a b", "[::1"]
)
async def test_no_host_header_moves_a_request_elsewhere(
    shop: WebShop, open_shop: WebShop, stranger: AsyncClient, host: str
) -> None:
    assert (await stranger.get("/api/orders", headers={"Host": host})).status_code == 401
    async with open_shop.browsing(NOBODY) as browser:
        assert (await browser.get("/api/orders", headers={"Host": host})).status_code == 403


async def test_what_looks_public_leads_nowhere_else(shop: WebShop, stranger: AsyncClient) -> None:
    for path in (
        "/static/..%2fapi/orders",
        "/static/%2e%2e/api/orders",
        "/healthz/../api/orders",
        "/static//",
    ):
        assert (await stranger.get(path)).status_code in (303, 401, 404)


async def test_a_route_that_is_public_by_mistake_still_asks_who_it_is(
    shop: WebShop, stranger: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgotten(_caller: Viewer) -> str:
        return "seen"

    monkeypatch.setattr("order_system.web.guards.access.PUBLIC", PUBLIC | {"/forgotten"})
    shop.app.add_api_route("/forgotten", forgotten)
    assert (await stranger.get("/forgotten")).status_code == 401


# --- sessions -------------------------------------------------------------------------------------


def session_of(shop: WebShop, key: str) -> str:
    access: Access = shop.app.state.access
    cookie = access.sessions.opened_with(key)
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


async def test_a_key_beside_a_cookie_counts(shop: WebShop) -> None:
    cookie = {"Cookie": f"{COOKIE}={session_of(shop, OPERATOR_KEY)}"}
    async with shop.browsing({**cookie, "Authorization": "Bearer nonsense"}) as browser:
        assert (await browser.get("/api/orders")).status_code == 401


async def test_forged_old_and_foreign_cookies_open_nothing(
    shop: WebShop, client: Client, sqlite_database: Database, tmp_path: Path
) -> None:
    good = session_of(shop, VIEWER_KEY)
    number, expires, signature = good.split(".")
    other_process = session_of(WebShop(sqlite_database, client, tmp_path), VIEWER_KEY)
    forged = [
        "",
        ".",
        "..",
        f"1.{expires}.{signature}",
        f"{number}.{int(expires) + 1}.{signature}",
        f"{number}.{expires}.",
        f"{number}.{expires}",
        f"x.y.{signature}",
        VIEWER_KEY,
        other_process,
        "\u00e9.\u00fc",
    ]
    async with shop.browsing(NOBODY) as browser:
        for cookie in forged:
            answer = await browser.get("/api/orders", headers=[(b"cookie", f"{COOKIE}={cookie}".encode())])
            assert (answer.status_code, cookie) == (401, cookie)
        assert (await browser.get("/api/orders", headers={"Cookie": f"{COOKIE}={good}"})).status_code == 200


def test_a_session_ends() -> None:
    now = datetime.now(UTC)
    clock = [now]
    access = Access(parse_keys(KEYS), lambda: clock[0])
    cookie = access.sessions.opened_with(OPERATOR_KEY)
    assert cookie is not None
    assert access.sessions.opened_with("nonsense") is None
    holder = access.sessions.holder(cookie)
    assert holder is not None
    assert (holder.name, holder.role) == ("ada", "operator")

    clock[0] = now + policy.WEB_SESSION + timedelta(seconds=1)
    assert access.sessions.holder(cookie) is None


def test_the_cookie_is_strict_and_out_of_reach_of_scripts() -> None:
    response = Response()
    set_cookie(response, "value", secure=True)

    cookie = response.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Secure", "Path=/", "Max-Age=43200"):
        assert attribute in cookie


# --- what every answer carries --------------------------------------------------------------------


async def test_every_answer_says_what_a_browser_may_do(shop: WebShop, stranger: AsyncClient) -> None:
    async with shop.browsing(AS_OPERATOR) as operator:
        answers = [
            await stranger.get("/healthz"),
            await stranger.get("/api/orders"),
            await operator.get("/api/orders"),
            await operator.get("/api/nothing"),
            await operator.post("/api/orders", json={}),
        ]

    for answer in answers:
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_no_stack_trace_gets_out(shop: WebShop) -> None:
    async def broken() -> None:
        raise RuntimeError("with a secret in it")

    shop.app.add_api_route("/api/broken", broken)
    async with shop.browsing(AS_OPERATOR) as operator:
        answer = await operator.get("/api/broken")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "default-src" in answer.headers["content-security-policy"]
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_no_problem_repeats_a_card_number() -> None:
    answer = answer_to(InvalidUsage("there is no 4111 1111 1111 1111 here\nnor anything else"))

    assert b"1111" not in bytes(answer.body)
    assert b"card number" in bytes(answer.body)


async def test_many_at_once_share_nothing(shop: WebShop) -> None:
    """Two callers whose requests are interleaved stay two."""
    async with shop.browsing(AS_OPERATOR) as operator, shop.browsing(AS_VIEWER) as viewer:
        answers = await asyncio.gather(
            *(who.post("/api/orders/A-1/cancel") for who in (operator, viewer) for _ in range(10))
        )

    assert [answer.status_code for answer in answers] == [404] * 10 + [403] * 10
