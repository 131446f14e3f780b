"""What is done about an order over HTTP, with a real worker."""

import asyncio
from datetime import timedelta

import pytest
from httpx import AsyncClient
from temporalio.common import RetryPolicy

from order_system.domain import policy
from order_system.domain.errors import ShippingRefused
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.infra import policy as infra_policy
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.cancels import a_child_is_asked_to_stop
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.web.reading import WAIT_SECONDS, read_when
from tests.fixtures.web.web import AS_VIEWER, WebShop, document

CARD = "4111 1111 1111 1111"
HOUR = timedelta(hours=1)


@pytest.fixture
def stuck_soon_and_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=300))
    monkeypatch.setattr(policy, "UNDO_RETRY", RetryPolicy(initial_interval=HOUR))


async def test_a_cancel_tells_what_it_came_to(shop: WebShop) -> None:
    order, late = an_order(), an_order()
    held = shop.stage.hold("before reserve")
    async with shop.open(), shop.browsing() as browser:
        await browser.post("/api/orders", json=document(order))
        await held.reached()
        asking = asyncio.create_task(browser.post(f"/api/orders/{order.order_id}/cancel"))
        await a_child_is_asked_to_stop(shop, order)
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
    assert "not confirmed: no worker has taken the answer" in unheard.json()["detail"]
    assert "starter.py" not in unheard.json()["detail"]
    assert unheard.headers["retry-after"]


async def test_a_closed_order_is_forgotten_and_its_page_says_why(shop: WebShop) -> None:
    order = an_order()
    held = shop.stage.hold("before reserve")
    forget = f"/api/orders/{order.order_id}/forget"
    async with shop.open(), shop.browsing() as browser, shop.browsing(AS_VIEWER) as viewer:
        await browser.post("/api/orders", json=document(order))
        await held.reached()
        too_early = await browser.post(forget, json={"note": "ticket 123"})
        held.let_go()
        await shop.handle(order).result()
        without_a_word = await browser.post(forget, json={})
        not_allowed = await viewer.post(forget, json={"note": "ticket 123"})
        unknown = await browser.post("/api/orders/NOBODY-1/forget", json={"note": "ticket 123"})
        forgotten = await browser.post(forget, json={"note": "ticket 123"})
        page = await viewer.get(f"/orders/{order.order_id}")

    refused = too_early.json()
    assert (too_early.status_code, refused["type"]) == (409, "/api/docs#forgetting-refused")
    assert refused["detail"] == f"{order.order_id} is not forgotten: order-{order.order_id} is open"
    assert [each.status_code for each in (without_a_word, not_allowed, unknown)] == [422, 403, 404]
    assert forgotten.json() == {"chosen": order.order_id, "accepted": True, "detail": "forgotten"}
    assert "by ada" in page.text
    assert "Because: ticket 123" in page.text
    assert order.customer.email not in page.text
