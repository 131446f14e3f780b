"""Where no Temporal server answers: lists come from the book, all else says what is missing, and nothing
takes for ever."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from httpx import AsyncClient

from order_system.domain.book import SubmissionStatus
from order_system.infra import policy as infra_policy
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.web import policy as web_policy
from tests.fixtures.databases.filled_book import fill, fill_batch, submission
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.web import WebShop, document


@pytest.fixture
async def browser(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncClient]:
    for module, bound in (
        (infra_policy, "RPC"),
        (infra_policy, "WAITING_ASKED"),
        (web_policy, "READY_WITHIN"),
    ):
        monkeypatch.setattr(module, bound, timedelta(milliseconds=300))
    async with EmbeddedServer(tmp_path / "server", port=0, ui_port=0, headless=True) as server:
        forsaken = await connect(server.address)
    async with WebShop(sqlite_database, forsaken, tmp_path).browsing() as opened:
        yield opened


async def test_lists_come_from_the_book(browser: AsyncClient, sqlite_database: Database) -> None:
    await fill(sqlite_database, [submission("A"), submission("B", SubmissionStatus.OPEN, after=1)])
    await fill_batch(sqlite_database, "monday", [("A", None), ("B", None)])

    orders = (await browser.get("/api/orders")).json()["rows"]
    of_batch = (await browser.get("/api/batches/monday/orders")).json()["rows"]
    batches = (await browser.get("/api/batches")).json()["rows"]
    waiting = (await browser.get("/api/orders", params={"status": "needs_attention"})).json()

    assert [(row["order_id"], row["status"]) for row in orders] == [("B", "running"), ("A", "fulfilled")]
    assert [(row["order_id"], row["status"]) for row in of_batch] == [("A", "fulfilled"), ("B", "running")]
    assert [batch["name"] for batch in batches] == ["monday"]
    assert waiting == {"rows": [], "next": None}


async def test_a_closed_order_comes_from_the_book_and_says_so(
    browser: AsyncClient, sqlite_database: Database
) -> None:
    await fill(sqlite_database, [submission("A"), submission("B", SubmissionStatus.OPEN)])

    closed, still_open = await browser.get("/api/orders/A"), await browser.get("/api/orders/B")

    assert (closed.status_code, closed.json()["status"]) == (200, "fulfilled")
    assert closed.json()["note"] == "the server does not answer; this is what the book knows"
    assert still_open.status_code == 503, "the book cannot know whether it still runs"


async def test_all_else_says_what_is_missing(browser: AsyncClient) -> None:
    answers = await asyncio.gather(
        browser.post("/api/orders", json=document(an_order())),
        browser.get("/api/orders/A-1"),
        browser.get("/api/orders/A-1/events"),
        browser.post("/api/orders/A-1/cancel"),
        browser.post("/api/orders/A-1/retry", json={}),
        browser.get("/api/batches/monday"),
        browser.post("/api/batches/monday/pause"),
        browser.get("/api/attention"),
    )

    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["detail"] == "the Temporal server does not answer"


async def test_a_probe_tells_which_part_does_not_answer(browser: AsyncClient) -> None:
    alive, ready = await browser.get("/healthz"), await browser.get("/readyz")

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()) == (
        503,
        {"status": "not ready", "database": "ok", "temporal": "does not answer"},
    )
