"""Orders over HTTP, on the real server with a real worker."""

import asyncio
import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from temporalio.client import Client
from temporalio.common import RetryPolicy

from order_system.domain import policy
from order_system.domain.errors import ShippingRefused
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.infra import policy as infra_policy
from order_system.infra.database import Database
from order_system.web import policy as web_policy
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.web.web import AS_OPERATOR, WebShop, document

CARD = "4111 1111 1111 1111"
WAIT_SECONDS = 20
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> WebShop:
    return WebShop(sqlite_database, client, tmp_path)


@pytest.fixture
def stuck_soon_and_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=300))
    monkeypatch.setattr(policy, "UNDO_RETRY", RetryPolicy(initial_interval=HOUR))


async def read_when(browser: AsyncClient, order: Order, status: OrderStatus) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def stands_so() -> bool:
        found.update((await browser.get(f"/api/orders/{order.order_id}")).json())
        return found["status"] == status

    await eventually(stands_so, WAIT_SECONDS, f"{order.order_id} {status}")
    return found


# --- submitting and reading -----------------------------------------------------------------------


async def test_an_order_is_taken_read_with_its_timeline_and_told_again(shop: WebShop) -> None:
    order = an_order()
    async with shop.open(), shop.browsing() as browser:
        first = await browser.post("/api/orders", json=document(order))
        again = await browser.post("/api/orders", json=document(order))
        read = await read_when(browser, order, OrderStatus.FULFILLED)
        after = await browser.post("/api/orders", json=document(order))
        listed = (await browser.get("/api/orders", params={"status": "fulfilled"})).json()

    location = f"/api/orders/{order.order_id}"
    assert (first.status_code, first.headers["location"]) == (202, location)
    assert first.json()["started"] is True
    assert (again.status_code, again.json()["started"]) == (202, False)
    assert [(bar["step"], bar["state"]) for bar in read["timeline"]["bars"]] == [
        ("payment", "completed"),
        ("inventory", "completed"),
        ("shipping", "completed"),
        ("notification", "completed"),
    ]
    marks = [mark["effect"] for bar in read["timeline"]["bars"] for mark in bar["marks"]]
    assert marks == ["charge", "reserve", "label", "dispatch", "commit", "notify"]
    assert read["timeline"]["ended_at"] >= read["timeline"]["began_at"]
    assert read["links"]["relationships"].endswith(f"{read['run_id']}/relationships")
    assert set(read["links"]["steps"]) == {"payment", "inventory", "shipping", "notification"}
    assert read["actions"] == []
    assert after.status_code == 200
    assert after.json()["payment"]["amount"] == order.total
    assert [row["order_id"] for row in listed["rows"]] == [order.order_id]
    assert listed["rows"][0]["total"] == "1059.97"


async def test_other_content_is_a_conflict_while_it_runs_and_once_it_is_fulfilled(shop: WebShop) -> None:
    order = an_order()
    other = document(order, payment_method="pm_card_other")
    held = shop.stage.hold("before charge")
    async with shop.open(), shop.browsing() as browser:
        await browser.post("/api/orders", json=document(order))
        await held.reached()
        running = await browser.post("/api/orders", json=other)
        held.let_go()
        await read_when(browser, order, OrderStatus.FULFILLED)
        fulfilled = await browser.post("/api/orders", json=other)

    assert (running.status_code, fulfilled.status_code) == (409, 409)
    assert "is running with other content" in running.json()["detail"]
    assert "has been fulfilled with other content" in fulfilled.json()["detail"]
    (await shop.accounts(order)).assert_fulfilled(order)


async def test_fifty_who_post_one_order_at_once_have_it_charged_once(shop: WebShop) -> None:
    order = an_order()
    async with shop.open(), shop.browsing() as browser:
        answers = await asyncio.gather(
            *(browser.post("/api/orders", json=document(order)) for _ in range(50))
        )
        await read_when(browser, order, OrderStatus.FULFILLED)

    assert {answer.status_code for answer in answers} <= {200, 202}
    assert sum(answer.json().get("started", False) for answer in answers) == 1
    (await shop.accounts(order)).assert_fulfilled(order)
    await shop.assert_clean()


async def test_what_is_wrong_is_told_field_by_field_and_no_card_number_comes_back(shop: WebShop) -> None:
    wrong = document(an_order(), payment_method=CARD, dicount="1.00", total="1.00")
    wrong["lines"][0]["quantity"] = 0
    wrong["customer"]["name"] = CARD
    async with shop.browsing() as browser:
        refused = await browser.post("/api/orders", json=wrong)

    told = {each["field"]: each["message"] for each in refused.json()["errors"]}
    assert refused.status_code == 422
    assert set(told) >= {"payment_method", "dicount", "lines[0].quantity", "customer.name"}
    assert "must be between 1 and 10,000" in told["lines[0].quantity"]
    assert "4111" not in refused.text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "is empty"),
        (b"{", "not valid JSON at line 1, column 2"),
        (b"\xff", "not UTF-8"),
        (b"[]", "must be one order"),
        (b'{"order_id": "A-1"}\n{"order_id": "A-2"}', "must be one order"),
        (b'{"order_id": "A-1", "order_id": "A-2"}', "is given more than once"),
        (b'"' + CARD.encode() + b'"', "holds a card number"),
        (b'{"' + CARD.encode() + b'": 1}', "holds a card number"),
    ],
)
async def test_bodies_that_are_no_order(shop: WebShop, body: bytes, told: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with shop.browsing() as browser:
        refused = await browser.post("/api/orders", content=body, headers=headers)

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert told in json.dumps(refused.json(), ensure_ascii=False)
    assert "4111" not in refused.text


async def test_another_type_of_body_is_refused(shop: WebShop) -> None:
    async with shop.browsing() as browser:
        refused = await browser.post("/api/orders", content=b"{}", headers={"Content-Type": "text/plain"})

    assert refused.status_code == 415


@pytest.mark.parametrize(
    ("path", "status"), [("NONE-1", 404), ("..%2f..%2fetc", 404), ("%3Cscript%3E", 422), ("a" * 65, 422)]
)
async def test_orders_that_are_not_there(shop: WebShop, path: str, status: int) -> None:
    async with shop.browsing() as browser:
        answers = [
            await browser.get(f"/api/orders/{path}"),
            await browser.get(f"/api/orders/{path}/events"),
            await browser.post(f"/api/orders/{path}/cancel"),
        ]

    assert {answer.status_code for answer in answers} == {status}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}


async def test_a_card_number_in_a_path_does_not_come_back(shop: WebShop) -> None:
    number = CARD.replace(" ", "")
    async with shop.browsing() as browser:
        answers = [await browser.get(f"/api/{path}/{number}") for path in ("orders", "batches")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert not any(number in answer.text for answer in answers)


# --- acting ---------------------------------------------------------------------------------------


async def test_a_cancel_tells_what_it_came_to(shop: WebShop) -> None:
    order, late = an_order(), an_order()
    held = shop.stage.hold("before reserve")
    async with shop.open(), shop.browsing() as browser:
        await browser.post("/api/orders", json=document(order))
        await held.reached()
        asking = asyncio.create_task(browser.post(f"/api/orders/{order.order_id}/cancel"))
        held.let_go()
        cancelled = await asking
        await browser.post("/api/orders", json=document(late))
        await read_when(browser, late, OrderStatus.FULFILLED)
        too_late = await browser.post(f"/api/orders/{late.order_id}/cancel")

    assert (cancelled.status_code, cancelled.json()["verdict"]) == (200, "undone")
    undos = [bar for bar in cancelled.json()["order"]["timeline"]["bars"] if bar["kind"] == "undo"]
    assert {bar["state"] for bar in undos} == {"done"}
    assert all(bar["started_at"] and bar["ended_at"] for bar in undos)
    assert (too_late.status_code, too_late.json()["verdict"]) == (200, "already closed")
    (await shop.accounts(order)).assert_undone()


async def test_a_cancel_that_takes_long_is_answered_all_the_same(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = an_order()
    held = shop.stage.hold("after charge")
    async with shop.open(), shop.browsing() as browser:
        await browser.post("/api/orders", json=document(order))
        await held.reached()
        with monkeypatch.context() as hurry:
            hurry.setattr(infra_policy, "ANSWER", timedelta(milliseconds=300))
            asked = await browser.post(f"/api/orders/{order.order_id}/cancel")
        held.let_go()
        await read_when(browser, order, OrderStatus.CANCELLED)

    assert (asked.status_code, asked.json()["verdict"]) == (202, "still being undone")
    (await shop.accounts(order)).assert_undone()


async def test_a_stuck_undo_is_listed_and_resolved_by_the_holder_of_the_key(
    shop: WebShop, stuck_soon_and_for_long: None
) -> None:
    order = an_order()
    shop.stage.fail("before dispatch", lambda: ShippingRefused("no"))
    shop.stage.unreachable("refund")
    resolve = f"/api/orders/{order.order_id}/resolve"
    handled = {"step": "payment", "remedy": "handled", "note": "refunded by hand, ticket 123"}
    async with shop.open(), shop.browsing() as browser:
        await browser.post("/api/orders", json=document(order))
        waiting = await read_when(browser, order, OrderStatus.NEEDS_ATTENTION)
        await eventually(
            lambda: _is_listed(browser, order, "needs_attention"), WAIT_SECONDS, "the list to say so"
        )
        attention = (await browser.get("/api/attention")).json()
        still_running = (await browser.get("/api/orders", params={"status": "running"})).json()
        without_note = await browser.post(resolve, json={**handled, "note": ""})
        other_step = await browser.post(resolve, json={**handled, "step": "inventory"})
        card = await browser.post(resolve, json={**handled, "note": f"card {CARD}"})
        taken = await browser.post(resolve, json=handled)
        await read_when(browser, order, OrderStatus.FAILED)
        closed = await browser.post(resolve, json=handled)

    assert waiting["actions"] == ["resolve"]
    assert [concern["order_id"] for concern in attention["concerns"]] == [order.order_id]
    assert still_running["rows"] == []
    assert (without_note.status_code, other_step.status_code) == (422, 409)
    assert (card.status_code, "4111" in card.text) == (422, False)
    assert (taken.status_code, taken.json()["receipt"]["result"]) == (200, "handled")
    assert closed.status_code == 409
    (by_hand,) = (await shop.audit()).handled
    assert (by_hand.by, by_hand.note) == ("ada", "refunded by hand, ticket 123")


async def _is_listed(browser: AsyncClient, order: Order, status: str) -> bool:
    rows = (await browser.get("/api/orders", params={"status": status})).json()["rows"]
    return [row["order_id"] for row in rows] == [order.order_id]


async def test_a_held_order_is_retried_and_another_given_up(shop: WebShop) -> None:
    order, other = an_order(hold_on_failure=HOUR), an_order(hold_on_failure=HOUR)
    shop.stage.fail("before dispatch", lambda: ShippingRefused("on strike"))
    async with shop.open(), shop.browsing() as browser:
        for each in (order, other):
            await browser.post("/api/orders", json=document(each))
            held = await read_when(browser, each, OrderStatus.NEEDS_ATTENTION)
            assert held["actions"] == ["cancel", "retry", "give-up"]
        given_up = await browser.post(
            f"/api/orders/{other.order_id}/give-up", json={"note": "has left", "who": "eve@desk-2"}
        )
        await read_when(browser, other, OrderStatus.FAILED)
        shop.stage.mend()
        retried = await browser.post(f"/api/orders/{order.order_id}/retry", json={})
        await read_when(browser, order, OrderStatus.FULFILLED)
        told = (await browser.get(f"/api/orders/{other.order_id}")).json()["answers"]

    assert (given_up.status_code, given_up.json()["receipt"]["result"]) == (200, "given up")
    assert (retried.status_code, retried.json()["receipt"]["result"]) == (200, "retried")
    assert ["eve@desk-2" in line for line in told] == [True]
    (await shop.accounts(order)).assert_fulfilled(order)
    (await shop.accounts(other)).assert_undone()


async def test_an_answer_that_no_worker_hears_is_told(shop: WebShop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = an_order()
    monkeypatch.setattr(infra_policy, "ANSWER", timedelta(milliseconds=300))
    async with shop.browsing() as browser:
        await browser.post("/api/orders", json=document(order))
        unheard = await browser.post(f"/api/orders/{order.order_id}/retry", json={})
        await shop.handle(order).terminate()

    assert unheard.status_code == 503
    assert "start one with `python worker.py`" in unheard.json()["detail"]
    assert unheard.headers["retry-after"]


# --- events ---------------------------------------------------------------------------------------


async def test_events_follow_an_order_until_it_is_closed(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_policy, "EVENTS_POLL", timedelta(milliseconds=50))
    order = an_order()
    held = shop.stage.hold("before reserve")
    events: list[tuple[str, Any]] = []
    async with asyncio.timeout(WAIT_SECONDS), shop.open(), shop.on_a_port() as port:
        base_url = f"http://127.0.0.1:{port}"
        async with AsyncClient(base_url=base_url, headers=AS_OPERATOR) as browser:
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


async def test_there_are_only_so_many_listeners(shop: WebShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_policy, "EVENTS_AT_ONCE", 0)
    async with shop.browsing() as browser:
        refused = await browser.get("/api/orders/ORDER-1/events")

    assert refused.status_code == 503
    assert "too many listen" in refused.json()["detail"]


async def test_listeners_who_come_at_once_are_counted_too(
    shop: WebShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_policy, "EVENTS_AT_ONCE", 2)
    held, order = shop.stage.hold("before charge"), an_order()
    async with shop.open(), shop.on_a_port() as port, AsyncClient(headers=AS_OPERATOR) as browser:
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
