"""The pages where no Temporal server answers: lists come from the book, all else says what is missing."""

import asyncio
import html
import json
from pathlib import Path

from httpx import AsyncClient
from temporalio.client import Client

from order_system.domain.book import SubmissionStatus
from order_system.domain.steps import Effect
from order_system.infra.database import Database
from tests.fixtures.databases.filled_book import BEGAN, effect, fill, fill_batch, submission
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.seen_pages import seen
from tests.fixtures.web.web import document


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


def cure(forsaken: Client) -> str:
    address = forsaken.service_client.config.target_host
    return f"No Temporal server answers at {address}. Start it again; if there was none"


async def test_what_needs_the_server_names_its_address_and_the_cure(
    without_server: AsyncClient, forsaken: Client
) -> None:
    needy = ("/orders/A-1", "/batches/monday", "/?status=needs_attention")
    for answer in await asyncio.gather(*map(without_server.get, needy)):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert cure(forsaken) in seen(answer).text


async def test_an_open_order_and_what_waits_are_shown_as_the_book_has_them(
    without_server: AsyncClient, forsaken: Client, sqlite_database: Database
) -> None:
    names, receipt = ("HELD", "STUCK"), {"charge_id": "ch_1", "amount": 1, "currency": "USD"}
    await fill(
        sqlite_database,
        [submission(name, SubmissionStatus.OPEN) for name in names],
        [
            *(effect(name, Effect.CHARGE, takes=1, fenced_at=None, receipt=receipt) for name in names),
            effect("STUCK", Effect.RESERVE, takes=2, fenced_at=BEGAN, receipt=receipt),
        ],
    )
    order, undone, waiting = [
        await without_server.get(path) for path in ("/orders/HELD", "/orders/STUCK", "/attention")
    ]

    assert {order.status_code, undone.status_code, waiting.status_code} == {200}
    order, undone = seen(order), seen(undone)
    assert "being undone" in undone.text
    assert "running" not in undone.text.partition("Timeline")[0]
    assert "notification pending" in undone.text, "the customer is told when the end is known"
    assert f"{cure(forsaken)}, `temporal server start-dev` or --embedded" in order.text
    assert "running payment" in order.text
    assert "ch_1" in order.text
    assert order.sends == [], "nothing can be done about it now"
    assert "this Temporal server does not know" not in order.text
    assert cure(forsaken) in (listed := seen(waiting)).text
    assert "STUCK undo of inventory is stuck 1,059.97 USD" in listed.text
    assert "/orders/HELD" not in listed.links, "only the server knows"
    assert [address for address in listed.sends if address.startswith("/orders/")] == []


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


async def test_an_order_that_was_typed_while_no_server_answers_is_kept(
    without_server: AsyncClient, forsaken: Client
) -> None:
    typed = json.dumps(document(an_order()))
    answer = await without_server.post("/new-order", data={"document": typed})
    page = seen(answer)
    assert answer.status_code == 503
    assert typed in html.unescape(answer.text)
    assert cure(forsaken) in page.text
    assert "The order was not submitted" not in page.text, "an answer may have been lost"
    assert "Whether the order was submitted is not known" in page.text
