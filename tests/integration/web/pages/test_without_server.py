"""The pages where no Temporal server answers: lists come from the book, all else says what is missing."""

import asyncio
from pathlib import Path

from httpx import AsyncClient

from order_system.domain.book import SubmissionStatus
from order_system.infra.database import Database
from tests.fixtures.databases.filled_book import fill, fill_batch, submission
from tests.fixtures.web.seen_pages import seen


async def test_lists_are_shown_as_the_book_has_them(
    without_server: AsyncClient, sqlite_database: Database
) -> None:
    await fill(
        sqlite_database,
        [
            submission("A-1"),
            submission("B-1", SubmissionStatus.FAILED, batch="monday"),
            submission("C-1", SubmissionStatus.OPEN),
        ],
    )
    await fill_batch(sqlite_database, "monday", [("B-1", None)])
    orders, batches = seen(await without_server.get("/")), seen(await without_server.get("/batches"))
    steps = await without_server.get("/health?since=day")

    assert {"/orders/A-1", "/orders/B-1"} <= set(orders.links)
    assert "payment: no" in orders.text
    assert "needs attention 0" not in orders.text, "only the server knows"
    assert "Which of the open orders need attention is not known" in orders.text
    assert "monday not known" in batches.text
    assert steps.status_code == 200


async def test_what_needs_the_server_says_that_it_does_not_answer(without_server: AsyncClient) -> None:
    needy = ("/orders/A-1", "/batches/monday", "/attention", "/?status=needs_attention")
    for answer in await asyncio.gather(*map(without_server.get, needy)):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "the Temporal server does not answer" in seen(answer).text


async def test_a_book_that_is_gone_is_told_until_it_is_back(
    without_server: AsyncClient, sqlite_database: Database, tmp_path: Path
) -> None:
    await sqlite_database.prepare()
    file = Path(sqlite_database.url.database or "").rename(tmp_path / "elsewhere.db")
    gone = await without_server.get("/")
    file.rename(sqlite_database.url.database or "")

    assert gone.status_code == 503
    assert "the order book is gone from its place: move it back" in seen(gone).text
    assert (await without_server.get("/")).status_code == 200


async def test_many_orders_are_read_a_page_at_a_time_with_the_filters_kept(
    without_server: AsyncClient, sqlite_database: Database
) -> None:
    await fill(sqlite_database, [submission(f"N-{number:03}", after=number) for number in range(120)])
    await fill(sqlite_database, [submission(f"OTHER-{number}", after=number) for number in range(5)])
    address: str | None = "/?q=n-&status=fulfilled"
    found: list[str] = []
    while address is not None:
        page = seen(await without_server.get(address))
        found += [words for link, words in page.links.items() if link.startswith("/orders/N-")]
        address = next((link for link, words in page.links.items() if words == "Older"), None)
        assert not any(link.startswith("/orders/OTHER") for link in page.links)
        assert len(found) <= 120

    assert found == [f"N-{number:03}" for number in reversed(range(120))]
    assert page.links["/?q=n-&status=fulfilled"] == "Newest"
