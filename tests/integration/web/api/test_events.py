"""Events of an order over HTTP, on the real server with a real worker."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from httpx import AsyncClient

from order_system.domain.order import Order, SubmissionRef
from order_system.infra import policy as infra_policy
from order_system.orders.on_server import TemporalOrderRuns
from order_system.web import policy as web_policy
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.reading import WAIT_SECONDS
from tests.fixtures.web.web import AS_OPERATOR, WebShop, document

CARD = "4111 1111 1111 1111"
HOUR = timedelta(hours=1)


async def test_events_follow_an_order_until_it_is_closed(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_policy, "EVENTS_POLL", timedelta(milliseconds=50))
    monkeypatch.setattr(web_policy, "EVENTS_HEARTBEAT", HOUR)  # so the server's word is all there is
    order = an_order()
    held = shop.stage.hold("before reserve")
    events: list[tuple[str, Any]] = []
    read, reads = TemporalOrderRuns.order_of, Counter[str]()

    async def counted(self: TemporalOrderRuns, ref: SubmissionRef) -> Order | None:
        reads[ref.order_id] += 1
        return await read(self, ref)

    monkeypatch.setattr(TemporalOrderRuns, "order_of", counted)
    async with asyncio.timeout(WAIT_SECONDS), shop.open(), shop.on_a_port() as port:
        base_url = f"http://127.0.0.1:{port}"
        async with AsyncClient(base_url=base_url, headers=AS_OPERATOR, timeout=WAIT_SECONDS) as browser:
            await browser.post("/api/orders", json=document(order))
            async with browser.stream("GET", f"/api/orders/{order.order_id}/events") as stream:
                name = ""
                async for line in stream.aiter_lines():
                    if line.startswith("event: "):
                        name = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        events.append((name, json.loads(line.removeprefix("data: "))))
                        held.let_go()

    assert stream.headers["content-type"].startswith("text/event-stream")
    names = [name for name, _ in events]
    assert names == ["order"] * (len(names) - 1) + ["closed"]
    statuses = [content["status"] for _, content in events]
    assert (statuses[0], statuses[-2:]) == ("running", ["fulfilled", "fulfilled"])
    assert all(one != other for one, other in pairwise(events))
    assert events[-2][1]["contents"] == events[0][1]["contents"] == document(order)
    assert reads[order.order_id] == 1, "contents never change"


async def test_a_listener_whose_key_is_over_hears_no_more(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_policy, "EVENTS_POLL", timedelta(milliseconds=50))
    monkeypatch.setattr(web_policy, "EVENTS_HEARTBEAT", timedelta(milliseconds=50))
    order, access = an_order(), shop.app.state.access
    held = shop.stage.hold("before reserve")
    async with asyncio.timeout(WAIT_SECONDS), shop.open(), shop.on_a_port() as port:
        base_url = f"http://127.0.0.1:{port}"
        async with AsyncClient(base_url=base_url, headers=AS_OPERATOR, timeout=WAIT_SECONDS) as browser:
            await browser.post("/api/orders", json=document(order))
            async with browser.stream("GET", f"/api/orders/{order.order_id}/events") as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == ": listening"
                yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
                monkeypatch.setattr(
                    access, "_keys", [replace(key, last_day=yesterday) for key in access._keys]
                )
                rest = [line async for line in lines]
        held.let_go()
        await shop.handle(order).result()
    assert "event: closed" not in rest


async def test_listeners_are_let_go_when_the_process_ends(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra_policy, "QUERY", timedelta(milliseconds=300))
    order = an_order()
    async with asyncio.timeout(WAIT_SECONDS), shop.browsing() as operator:
        await operator.post("/api/orders", json=document(order))
        async with AsyncClient(headers=AS_OPERATOR, timeout=WAIT_SECONDS) as browser:
            async with shop.on_a_port() as port:
                url = f"http://127.0.0.1:{port}/api/orders/{order.order_id}/events"
                request = browser.build_request("GET", url)
                stream = await browser.send(request, stream=True)
                lines = stream.aiter_lines()
                assert await anext(lines) == ": listening"
            rest = [line async for line in lines]
        await shop.handle(order).terminate()

    assert "event: order" in rest
    assert "event: closed" not in rest


async def test_a_look_for_what_waits_does_not_outlive_the_pages(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would find a book that is closed."""
    ended = asyncio.Event()

    async def never_counted() -> int:
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    monkeypatch.setattr(infra_policy, "WAITING_ASKED", timedelta(milliseconds=50))
    monkeypatch.setattr(shop.attention, "count", never_counted)
    async with shop.on_a_port() as port, AsyncClient(headers=AS_OPERATOR, timeout=WAIT_SECONDS) as browser:
        assert (await browser.get(f"http://127.0.0.1:{port}/")).status_code == 200
    await asyncio.wait_for(ended.wait(), WAIT_SECONDS)


async def taken(shop: WebShop, places: int) -> None:
    """By others who listen."""
    for _ in range(places):
        await shop.services.listeners.acquire()


async def test_there_are_only_so_many_listeners(shop: WebShop) -> None:
    await taken(shop, web_policy.EVENTS_AT_ONCE)
    async with shop.browsing() as browser:
        refused = await browser.get("/api/orders/ORDER-1/events")

    assert refused.status_code == 503
    assert "too many listen" in refused.json()["detail"]


async def test_listeners_who_come_at_once_are_counted_too(shop: WebShop) -> None:
    await taken(shop, web_policy.EVENTS_AT_ONCE - 2)
    held, order = shop.stage.hold("before charge"), an_order()
    async with (
        shop.open(),
        shop.on_a_port() as port,
        AsyncClient(headers=AS_OPERATOR, timeout=WAIT_SECONDS) as browser,
    ):
        orders = f"http://127.0.0.1:{port}/api/orders"
        await browser.post(orders, json=document(order))
        await held.reached()
        url = f"{orders}/{order.order_id}/events"
        requests = [browser.build_request("GET", url) for _ in range(6)]
        answers = await asyncio.gather(*(browser.send(request, stream=True) for request in requests))
        for answer in answers:
            await answer.aclose()
        held.let_go()

    assert sorted(answer.status_code for answer in answers) == [200, 200, 503, 503, 503, 503]
