"""Where no Temporal server answers: lists come from the book, all else says what is missing, and nothing
takes for ever."""

import asyncio

from httpx import AsyncClient

from order_system.domain.book import SubmissionStatus
from order_system.infra.database import Database
from tests.fixtures.databases.filled_book import fill, fill_batch, submission
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.web import document


async def test_lists_come_from_the_book(without_server: AsyncClient, sqlite_database: Database) -> None:
    await fill(sqlite_database, [submission("A"), submission("B", SubmissionStatus.OPEN, after=1)])
    await fill_batch(sqlite_database, "monday", [("A", None), ("B", None)])

    orders = (await without_server.get("/api/orders")).json()["rows"]
    of_batch = (await without_server.get("/api/batches/monday/orders")).json()["rows"]
    batches = (await without_server.get("/api/batches")).json()["rows"]

    assert [(row["order_id"], row["status"]) for row in orders] == [("B", "running"), ("A", "fulfilled")]
    assert [(row["order_id"], row["status"]) for row in of_batch] == [("A", "fulfilled"), ("B", "running")]
    assert [batch["name"] for batch in batches] == ["monday"]


async def test_a_closed_order_comes_from_the_book_and_says_so(
    without_server: AsyncClient, sqlite_database: Database
) -> None:
    await fill(sqlite_database, [submission("A"), submission("B", SubmissionStatus.OPEN)])

    closed, still_open = await without_server.get("/api/orders/A"), await without_server.get("/api/orders/B")

    assert (closed.status_code, closed.json()["status"]) == (200, "fulfilled")
    assert closed.json()["note"] == "the server does not answer; this is what the book knows"
    assert still_open.status_code == 503, "the book cannot know whether it still runs"


async def test_all_else_says_what_is_missing(without_server: AsyncClient) -> None:
    answers = await asyncio.gather(
        without_server.post("/api/orders", json=document(an_order())),
        without_server.get("/api/orders/A-1"),
        without_server.get("/api/orders/A-1/events"),
        without_server.post("/api/orders/A-1/cancel"),
        without_server.post("/api/orders/A-1/retry", json={}),
        without_server.get("/api/batches/monday"),
        without_server.post("/api/batches/monday/pause"),
        without_server.get("/api/attention"),
        without_server.get("/api/orders", params={"status": "needs_attention"}),
    )

    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["detail"].startswith("No Temporal server answers at 127.0.0.1:")


async def test_a_probe_tells_which_part_does_not_answer(without_server: AsyncClient) -> None:
    alive, ready = await without_server.get("/healthz"), await without_server.get("/readyz")

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()) == (
        503,
        {"status": "not ready", "database": "ok", "temporal": "does not answer", "workers": "not known"},
    )
