"""What a program may expect of any API: HEAD, `Link`, `ETag`, types of problems, documents to read."""

import asyncio

import pytest
from httpx import AsyncClient

from order_system.domain.errors import DatabaseUnreachable
from order_system.orders.client import OrderClient
from order_system.web.problems import TYPES
from tests.fixtures.shops.batch_shop import row
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.web.web import AS_OPERATOR, WebShop, document

SECONDS = 60


async def test_lists_lead_to_their_next_page(shop: WebShop, operator: AsyncClient) -> None:
    async with shop.open():
        await shop.upload(operator, "pages", [row(f"PAGED-{number}") for number in range(3)])
        await asyncio.wait_for(shop.followed("pages"), SECONDS)
    for address in ("/api/orders?batch=pages&limit=2", "/api/batches/pages/orders?limit=2"):
        seen: list[str] = []
        following: str | None = address
        while following:
            page = await operator.get(following)
            seen += [each["order_id"] for each in page.json()["rows"]]
            following = page.links.get("next", {}).get("url")
            assert (following is None) == (page.json()["next"] is None)
        assert sorted(seen) == ["PAGED-0", "PAGED-1", "PAGED-2"]


async def test_an_order_that_has_not_changed_is_not_sent_again(shop: WebShop, operator: AsyncClient) -> None:
    order = an_order()
    address = f"/api/orders/{order.order_id}"
    async with shop.open():
        await operator.post("/api/orders", json=document(order))
        await asyncio.wait_for(shop.handle(order).result(), SECONDS)
        first = again = await operator.get(address)

        async def unchanged() -> bool:
            nonlocal first, again
            first = await operator.get(address)
            again = await operator.get(address, headers={"If-None-Match": first.headers["etag"]})
            return again.status_code == 304

        await eventually(unchanged, SECONDS, "the server's lists to show the end of its last child")
        await operator.post(f"{address}/refunds", json={"amount": "10.00", "note": "arrived broken"})
        changed = await operator.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["etag"] == first.headers["etag"] != changed.headers["etag"]
    assert (changed.status_code, changed.json()["refunds"][0]["amount"]) == (200, "10.00")


async def test_what_can_be_read_can_be_asked_about(shop: WebShop) -> None:
    async with (
        shop.open(),
        shop.on_a_port() as port,
        AsyncClient(headers=AS_OPERATOR, timeout=SECONDS) as browser,
    ):
        held, base = an_order(), f"http://127.0.0.1:{port}"
        await browser.post(f"{base}/api/orders", json=document(held))
        addresses = ("/api/orders", "/", "/api/docs", f"/api/orders/{held.order_id}/events", "/healthz")
        for address in addresses:
            head = await asyncio.wait_for(browser.head(f"{base}{address}"), SECONDS)
            assert (address, head.status_code, head.content) == (address, 200, b"")
        assert (await browser.head(f"{base}/api/orders/{held.order_id}/cancel")).status_code == 405


async def test_an_address_that_does_not_take_a_method_names_all_that_it_takes(operator: AsyncClient) -> None:
    """Each method of an address is a route of its own."""
    for address, methods in {
        "/api/orders": "GET, HEAD, POST",
        "/api/batches": "GET, HEAD, POST",
        "/api/orders/A-1": "GET, HEAD",
        "/api/orders/A-1/cancel": "POST",
    }.items():
        refused = await operator.delete(address)
        assert (address, refused.status_code, refused.headers.get("allow")) == (address, 405, methods)


async def test_each_type_of_problem_is_explained(operator: AsyncClient) -> None:
    unknown = (await operator.get("/api/orders/NO-SUCH-ORDER")).json()
    assert (unknown["type"], unknown["title"]) == ("/api/docs#unknown-order", "Unknown order")
    assert (await operator.get("/api/nothing")).json()["type"] == "about:blank"
    page = await operator.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert [name for name in TYPES.values() if f'id="{name}"' not in page.text] == []
    assert "<script>" not in page.text


async def test_the_documents_of_the_api_are_complete(shop: WebShop, operator: AsyncClient) -> None:
    page = (await operator.get("/api/docs")).text
    described = shop.app.openapi()
    operations = [each for path in described["paths"].values() for each in path.values()]
    assert [each["summary"] for each in operations if f'id="{each["operationId"]}"' not in page] == []
    assert [name for name in described["components"]["schemas"] if f'id="schema-{name}"' not in page] == []


async def test_a_change_that_the_book_did_not_answer_is_said_to_have_begun_perhaps(
    operator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order is started before the book is asked for it: with a full disk it runs all the same."""

    async def disk_is_full(*_: object) -> None:
        raise DatabaseUnreachable("the order book does not answer: database or disk is full")

    monkeypatch.setattr(OrderClient, "submit", disk_is_full)
    monkeypatch.setattr(OrderClient, "status", disk_is_full)
    sent = await operator.post("/api/orders", json=document(an_order()))
    read = await operator.get("/api/orders/A-1")
    assert (sent.status_code, read.status_code) == (503, 503)
    away = "the order book does not answer"
    assert sent.json()["detail"] == f"{away}; what was asked for may have begun: look before you ask again"
    assert read.json()["detail"] == away
