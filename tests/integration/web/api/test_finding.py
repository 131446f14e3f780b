"""Finding orders over HTTP: the customer's e-mail, and lists as files."""

import csv
import io
import json

import pytest
from httpx import AsyncClient

from order_system.domain.book import SubmissionStatus
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Flow
from order_system.infra.database import Database
from tests.fixtures.databases.filled_book import fill, submission
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.reading import read_when
from tests.fixtures.web.web import WebShop, document

EMAIL = "canary-7f3a@example.com"


@pytest.mark.parametrize("flow", Flow)
async def test_a_customers_orders_are_found_by_the_email_that_the_book_does_not_have(
    shop: WebShop, sqlite_database: Database, flow: Flow
) -> None:
    order = an_order()
    posted = document(order, flow=flow.value) | {"customer": {"name": "Ada", "email": EMAIL}}
    async with shop.open(), shop.browsing() as browser:
        await browser.post("/api/orders", json=posted)
        await read_when(browser, order, OrderStatus.FULFILLED)

        async def found(text: str) -> list[str]:
            listed = await browser.get("/api/orders", params={"q": text})
            return [row["order_id"] for row in listed.json()["rows"]]

        [row] = (await browser.get("/api/orders", params={"q": EMAIL.upper()})).json()["rows"]
        assert await found(row["tracking_number"]) == await found(row["charge_id"]) == [order.order_id]
        assert await found("other@example.com") == []

    kept = await sqlite_database.read(lambda tx: "\n".join(tx.connection.driver_connection.iterdump()))
    assert order.order_id in kept
    assert "canary-7f3a" not in kept


async def test_a_list_is_downloaded_as_it_is_filtered_and_no_cell_is_run(
    without_server: AsyncClient, sqlite_database: Database
) -> None:
    reason = "=HYPERLINK(1)"
    rows = [submission(f"N-{n:03}", SubmissionStatus.FAILED, after=n, reason=reason) for n in range(450)]
    await fill(sqlite_database, [*rows, submission("DONE-1", after=1)])

    query = {"status": "failed", "sort": "oldest", "q": "n-", "reason": "hyper"}
    as_csv = await without_server.get("/api/orders.csv", params=query)
    as_lines = await without_server.get("/api/orders.jsonl", params=query)
    refused = await without_server.get("/api/orders.xlsx")

    cells = list(csv.DictReader(io.StringIO(as_csv.text)))
    lines = [json.loads(line) for line in as_lines.text.splitlines()]
    expected = [f"N-{n:03}" for n in range(450)]
    assert [each["order_id"] for each in cells] == [each["order_id"] for each in lines] == expected
    assert {each["reason"] for each in cells} == {f"'{reason}"}
    assert {each["reason"] for each in lines} == {reason}
    assert as_csv.headers["content-disposition"] == "attachment; filename*=UTF-8''orders.csv"
    assert refused.status_code == 422


async def test_the_page_offers_the_list_as_it_is_filtered(
    without_server: AsyncClient, sqlite_database: Database
) -> None:
    await fill(sqlite_database, [submission("A-1", currency="EUR"), submission("A-2")])
    page = await without_server.get("/?q=a-&currency=eur&opened_since=2026-01-01T00:00&step=&reason=")

    assert "/orders/A-1" in page.text
    assert "/orders/A-2" not in page.text
    address = "/api/orders.csv?opened_since=2026-01-01T00%3A00%3A00Z&q=a-&currency=EUR&sort=newest"
    assert address.replace("&", "&amp;") in page.text
    assert "A-2" not in (await without_server.get(address)).text
