"""The Web UI's payloads are opened for whoever may see orders, and nothing is told to other sites."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from httpx import AsyncClient, Response
from structlog.testing import capture_logs
from temporalio.api.common.v1 import Payload, Payloads

from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.shops.sealed import a_key, connected_by
from tests.fixtures.web.web import AS_OPERATOR, AS_VIEWER, UI_URL, WebShop

DECODE = "/api/codec/decode"
CLEAR = Payload(metadata={"encoding": b"json/plain"}, data=b'"Ada Lovelace"')
FROM_WEB_UI = {"Origin": UI_URL, "Sec-Fetch-Site": "same-site", "X-Namespace": "default"}


@pytest.fixture
async def shop(
    dev_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, sqlite_database: Database, tmp_path: Path
) -> WebShop:
    temporal = await connected_by(monkeypatch, a_key("2026-11"), dev_server.address)
    return WebShop(sqlite_database, temporal, tmp_path)


@pytest.fixture
async def sealed(shop: WebShop) -> Payload:
    codec = shop.temporal.data_converter.payload_codec
    assert codec is not None
    [payload] = await codec.encode([CLEAR])
    return payload


@pytest.fixture
async def stranger(shop: WebShop) -> AsyncIterator[AsyncClient]:
    async with shop.browsing({}) as browser:
        yield browser


def body(*payloads: Payload) -> dict[str, Any]:
    return MessageToDict(Payloads(payloads=payloads))


def opened(answer: Response) -> list[Payload]:
    assert answer.status_code == 200, answer.text
    return list(ParseDict(answer.json(), Payloads()).payloads)


async def test_an_operator_sees_what_any_key_of_ours_has_sealed_and_it_is_logged_without_contents(
    shop: WebShop, sealed: Payload, stranger: AsyncClient
) -> None:
    lost = Payload(metadata={**sealed.metadata, "encryption-key-id": b"1999-01"}, data=sealed.data)

    with capture_logs() as logged:
        answer = await stranger.post(
            DECODE, json=body(sealed, CLEAR, lost), headers={**AS_OPERATOR, "X-Namespace": "orders"}
        )

    assert opened(answer) == [CLEAR, CLEAR, lost]
    [line] = [line for line in logged if line["event"] == "payloads are shown"]
    assert (line["who"], line["namespace"], line["payloads"], line["opened"]) == ("ada", "orders", 3, 1)
    assert "Lovelace" not in json.dumps(logged, default=str)


async def test_a_viewer_is_not_told_whose_an_order_is(sealed: Payload, stranger: AsyncClient) -> None:
    refused = await stranger.post(DECODE, json=body(sealed), headers=AS_VIEWER)
    assert refused.status_code == 403
    assert "Lovelace" not in refused.text


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": "order_session=wrong"}]
)
async def test_nobody_else_sees_anything(
    sealed: Payload, stranger: AsyncClient, headers: dict[str, str]
) -> None:
    answer = await stranger.post(DECODE, json=body(sealed), headers={**FROM_WEB_UI, **headers})

    assert answer.status_code == 401
    assert "Lovelace" not in answer.text


async def test_the_web_ui_asks_with_the_cookie_of_our_pages(
    shop: WebShop, sealed: Payload, stranger: AsyncClient
) -> None:
    login = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    await stranger.post("/login", data={"key": AS_OPERATOR["Authorization"].split()[1]}, headers=login)
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-namespace",
    }

    preflight = await stranger.options(DECODE, headers={**FROM_WEB_UI, **asked})
    answer = await stranger.post(DECODE, json=body(sealed), headers=FROM_WEB_UI)

    assert opened(answer) == [CLEAR]
    for each in (preflight, answer):
        assert each.is_success
        assert each.headers["Access-Control-Allow-Origin"] == UI_URL
        assert each.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8234"])
async def test_no_other_site_may_ask(sealed: Payload, stranger: AsyncClient, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    preflight = await stranger.options(DECODE, headers=asked)
    answer = await stranger.post(DECODE, json=body(sealed), headers={"Origin": origin, **AS_OPERATOR})

    assert preflight.status_code == 400
    assert "Access-Control-Allow-Origin" not in preflight.headers
    assert "Access-Control-Allow-Origin" not in answer.headers, "a browser keeps the answer from the page"


async def test_the_web_ui_may_ask_for_nothing_else(stranger: AsyncClient) -> None:
    answer = await stranger.get("/api/orders", headers={**FROM_WEB_UI, **AS_OPERATOR})

    assert answer.is_success
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b'{"payloads": []}', "text/plain", 415),
        (b'{"payloads": 1}', "application/json", 422),
        (b"\xff", "application/json", 422),
    ],
)
async def test_what_is_no_document_of_payloads_is_refused(
    stranger: AsyncClient, content: bytes, media: str, status: int
) -> None:
    answer = await stranger.post(DECODE, content=content, headers={**AS_OPERATOR, "Content-Type": media})

    assert answer.status_code == status
