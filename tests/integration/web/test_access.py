"""Who may do what: no key, no entry; a viewer acts on nothing; nobody acts by somebody else's browser."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import ASGITransport, AsyncClient
from structlog.testing import capture_logs

from order_system.domain.errors import InvalidUsage
from order_system.infra.redaction import redact
from order_system.web import policy
from order_system.web.guards.access import PUBLIC, Viewer
from order_system.web.problems import answer_to
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.web import AS_OPERATOR, AS_VIEWER, VIEWER_KEY, WebShop, document

NOBODY: dict[str, str] = {}
OURS = "http://localhost"
THEIRS = "https://evil.example"


def requests_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """A method and a path for every route that there is, whoever has added it."""
    for route in iter_route_contexts(app.routes):
        path = re.sub(r"\{.*?\}", "X-1", route.path or "/static")
        yield from ((method, path) for method in sorted(route.methods or {"GET"}))


def is_public(path: str) -> bool:
    return path in PUBLIC or path.startswith("/static")


# --- every route ----------------------------------------------------------------------------------


async def test_no_key_no_entry_on_any_route(
    shop: WebShop, stranger: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "WRONG_KEYS", 1_000)
    asked = [each for each in requests_of(shop.app) if not is_public(each[1])]
    for method, path in asked:
        for headers in (
            NOBODY,
            {"Authorization": "Bearer nonsense"},
            {"Authorization": f"Basic {VIEWER_KEY}"},
        ):
            answer = await stranger.request(method, path, headers=headers)
            if path.startswith("/api/") and path != "/api/docs":  # which is a page
                assert (answer.status_code, method, path) == (401, method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
            else:
                assert (answer.status_code, method, path) == (303, method, path)
                assert answer.headers["location"].startswith("/login?next=%2F")

    assert len(asked) >= 20
    assert {"/api/openapi.json", "/api/attention"} <= {path for _, path in asked}


async def test_wrong_keys_are_logged_and_after_a_few_no_key_of_that_address_is_taken(
    shop: WebShop, stranger: AsyncClient
) -> None:
    wrong = {"Authorization": "Bearer a-guess-of-somebody"}
    with capture_logs() as told:
        answers = [
            (await stranger.get(f"/api/{'a' * 9_000}", headers=wrong)) for _ in range(policy.WRONG_KEYS + 3)
        ]
        right = await stranger.get("/api/orders", headers=AS_VIEWER)
        by_form = await stranger.post("/login", data={"key": VIEWER_KEY}, headers={"Origin": OURS})

    codes = [answer.status_code for answer in answers]
    assert codes == [401] * policy.WRONG_KEYS + [429] * 3
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (right.status_code, by_form.status_code) == (429, 429), "else a guess would show"
    wrong_ones = [entry for entry in told if entry["event"] == "a wrong key"]
    assert len(wrong_ones) == policy.WRONG_KEYS
    assert redact(None, "", wrong_ones[0])["client"] == "127.0.0.1", "the log has to say who guesses"
    assert "a-guess" not in str(told)
    assert len(str(wrong_ones[0])) < 500, "a path may be as long as a head"
    async with shop.browsing() as elsewhere:
        elsewhere._transport = ASGITransport(shop.app, client=("192.0.2.7", 1))
        assert (await elsewhere.get("/api/orders")).status_code == 200


async def test_no_public_page_tells_whether_a_key_is_right(stranger: AsyncClient) -> None:
    """Nobody counts the wrong ones there."""
    for method, path in (("GET", "/login"), ("POST", "/login"), ("POST", "/logout"), ("GET", "/healthz")):
        guesses = [{"Authorization": f"Bearer {key}"} for key in (VIEWER_KEY, "a-guess-of-somebody")]
        right, wrong = [await stranger.request(method, path, headers=guess) for guess in guesses]
        assert (right.status_code, right.text) == (wrong.status_code, wrong.text), path


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

    assert (alive.status_code, ready.status_code) == (200, 503)
    told = {"status": "not ready", "database": "ok", "temporal": "ok", "workers": "none at work"}
    assert ready.json() == told, "a shop without a worker"


async def test_an_operator_acts_and_a_viewer_reads(shop: WebShop) -> None:
    order = an_order()
    async with shop.browsing(AS_OPERATOR) as operator, shop.browsing(AS_VIEWER) as viewer:
        assert (await operator.post("/api/orders", json=document(order))).status_code == 202
        assert (await viewer.get("/api/orders")).status_code == 200
    await shop.handle(order).terminate()


# --- without keys ---------------------------------------------------------------------------------


THIS_MACHINE = ("localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "127.8.8.8")
ELSEWHERE = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[2001:db8::1]")


async def test_without_keys_this_machine_is_served_under_its_own_names_alone(open_shop: WebShop) -> None:
    for host, status in [*((host, 200) for host in THIS_MACHINE), *((host, 403) for host in ELSEWHERE)]:
        async with open_shop.browsing(NOBODY, f"http://{host}") as browser:
            for path in ("/api/orders", "/healthz"):
                assert ((await browser.get(path)).status_code, host, path) == (status, host, path)


async def test_without_keys_no_page_from_elsewhere_acts(open_shop: WebShop) -> None:
    for headers in (
        {"Origin": THEIRS},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": OURS},
        {"Sec-Fetch-Site": "none"},
    ):
        async with open_shop.browsing(headers) as browser:
            for path in (
                "/api/orders",
                "/api/orders/A-1/cancel",
                "/api/batches?name=x",
                "/api/batches/x/pause",
            ):
                answer = await browser.post(path, json={})
                assert (answer.status_code, headers, path) == (403, headers, path)
                assert "another site" in answer.json()["detail"]


async def test_without_keys_programs_and_our_own_pages_act(open_shop: WebShop) -> None:
    for headers in (NOBODY, {"Origin": OURS}, {"Sec-Fetch-Site": "same-origin"}):
        async with open_shop.browsing(headers) as browser:
            assert ((await browser.post("/api/orders/A-1/cancel")).status_code, headers) == (404, headers)


async def test_no_host_header_moves_a_request_elsewhere(open_shop: WebShop, stranger: AsyncClient) -> None:
    hosts = ("localhost/healthz?", "localhost/static/x?", "x/healthz#", "localhost\\@evil", "", "a b", "[::1")
    async with open_shop.browsing(NOBODY) as browser:
        for host in hosts:
            headers = {"Host": host}
            assert ((await stranger.get("/api/orders", headers=headers)).status_code, host) == (401, host)
            assert ((await browser.get("/api/orders", headers=headers)).status_code, host) == (403, host)


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


# --- what every answer carries --------------------------------------------------------------------


async def test_every_answer_says_what_a_browser_may_do(operator: AsyncClient, stranger: AsyncClient) -> None:
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
        with capture_logs() as logged:  # which also spares the test the drawing of the traceback
            answer = await operator.get("/api/broken")

    assert answer.status_code == 500
    assert [entry["event"] for entry in logged] == ["a request failed"]
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
