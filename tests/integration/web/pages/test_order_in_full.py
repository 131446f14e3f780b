"""All that a hand needs to know of one order: what it holds, what the gateways gave for it, what was tried
and answered. To viewers nothing personal; and in the book nothing personal."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from temporalio.common import RetryPolicy

from order_system.domain.errors import NotReached, ShippingRefused
from order_system.domain.order import Address, Customer, Order
from order_system.infra import policy as infra_policy
from order_system.intake.form import order_document
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.resets import forget
from tests.fixtures.steering.retries import retry_effects
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.web.seen_pages import WAIT_SECONDS, seen, shows
from tests.fixtures.web.web import WebShop
from tests.integration.web.pages.test_orders import HOUR, refused_parcel, submitted


def a_known_customer() -> tuple[Order, list[str]]:
    """And each text that tells who it is."""
    names = [f"{field}{uuid4().hex[:10]}" for field in ("Ada", "street", "city", "region", "postal")]
    name, street, city, region, postal_code = names
    email, token = f"{uuid4().hex[:10]}@example.com", f"pm_{uuid4().hex}"
    address = Address(street=street, city=city, region=region, postal_code=postal_code, country="US")
    customer = Customer(name=name, email=email)
    order = an_order(customer=customer, shipping_address=address, payment_method=token)
    return order, [*names, email, token]


async def read(browser: AsyncClient, order: Order) -> dict[str, Any]:
    return (await browser.get(f"/api/orders/{order.order_id}")).json()


async def test_operators_see_the_whole_order_and_viewers_nobody_s_name(
    shop: WebShop, operator: AsyncClient, viewer: AsyncClient
) -> None:
    order, personal = a_known_customer()
    shop.stage.fail("before reserve", lambda: NotReached(f"no route for {order.customer.email}"), times=1)
    async with shop.open():
        address = await submitted(operator, order)
        page = await shows(operator, address, "order fulfilled")
        document = await read(operator, order)
        masked = [await viewer.get(address), await viewer.get(f"/api/orders/{order.order_id}")]
        async with viewer.stream("GET", f"/api/orders/{order.order_id}/events") as events:
            told = "".join([piece async for piece in events.aiter_text()])

    assert page.flaws == []
    assert document["contents"] == {**order_document(order)}
    for text in (*personal[:-1], "LAPTOP-789", "999.99 USD", "1,059.97 USD"):
        assert text in page.text, text
    receipts = {receipt["effect"]: receipt for receipt in document["receipts"]}
    assert set(receipts) == {"charge", "reserve", "label", "dispatch", "commit", "notify"}
    for effect in ("charge", "label"):
        assert receipts[effect]["reference"] in page.text
        assert receipts[effect]["key"] == f"{order.order_id}:{document['submission']}:{effect}"
    assert f"tracking {receipts['label']['tracking_number']}" in page.text
    assert "reserve 1 NotReached: no route for [redacted]" in page.text
    assert "reserve 2 done" in page.text
    assert "Temporal keeps this until" in page.text
    assert {"what", "who"} & set(document) == set()
    for answer in (*(each.text for each in masked), told):
        assert order.order_id in answer
        assert "LAPTOP-789" in answer
        assert [text for text in personal if text in answer] == []


async def test_of_an_address_in_a_carriers_words_neither_viewers_nor_the_book_are_told(
    shop: WebShop, operator: AsyncClient, viewer: AsyncClient
) -> None:
    order, personal = a_known_customer()
    where = order.shipping_address
    shop.stage.fail("before dispatch", lambda: ShippingRefused(f"nobody at {where.street}, {where.city}"))
    async with shop.open():
        address = await submitted(operator, order)
        await shows(operator, address, "The order failed at shipping")
        document = await read(operator, order)
        seen_by_viewers = [await viewer.get(path) for path in (address, f"/api{address}", "/", "/api/orders")]

    record = (await shop.book.find([order.order_id]))[order.order_id]
    assert document["reason"] == record.reason == "ShippingRefused: nobody at [redacted], [redacted]"
    for answer in seen_by_viewers:
        assert "nobody at [redacted]" in answer.text
        assert [text for text in personal if text in answer.text] == []


async def test_once_temporal_has_forgotten_an_order_its_page_says_so_and_tells_what_the_book_knows(
    shop: WebShop, operator: AsyncClient
) -> None:
    order, personal = a_known_customer()
    shop.stage.unreachable("reserve", 1)
    async with shop.open():
        address = await submitted(operator, order)
        before = await shows(operator, address, "order fulfilled")
        asked = await read(operator, order)
        await forget(shop, order)
        page = await shows(operator, address, "Temporal has forgotten this order")
        document = await read(operator, order)

    assert personal[0] in before.text
    assert "The order book keeps no contents, and this Temporal server does not know the order." in page.text
    assert (document["contents"], document["contents_until"]) == (None, None)
    assert (document["total"], document["currency"]) == (asked["contents"]["total"], order.currency)
    assert [document[name] for name in ("receipts", "attempts")] == [asked["receipts"], asked["attempts"]]
    assert [text for text in personal if text in page.text or text in str(document)] == []
    assert document["started_at"] == asked["started_at"]


async def test_a_retry_erases_nothing_of_the_hold_before_it(shop: WebShop, operator: AsyncClient) -> None:
    order = an_order(hold_on_failure=HOUR)
    shop.stage.fail("before dispatch", refused_parcel, times=2)
    async with shop.open():
        address = await submitted(operator, order)
        for turn in (1, 2):
            await shows(operator, address, "Held at shipping: the order waits for a person")
            held = await read(operator, order)
            assert len(held["holds"]) == turn
            assert held["holds"][-1]["ended_at"] is None
            await operator.post(f"{address}/retry", data={"note": f"call {turn}"})
        page = await shows(operator, address, "order fulfilled")
        document = await read(operator, order)

    assert [hold["answer"]["note"] for hold in document["holds"]] == ["call 1", "call 2"]
    assert {hold["reason"] for hold in document["holds"]} == {
        "ShippingRefused: the carrier does not take the parcel"
    }
    for hold, answer in zip(document["holds"], document["answered"], strict=True):
        assert hold["since"] < answer["at"] == hold["answer"]["at"] <= hold["ended_at"] < hold["until"]
    assert page.text.count("ended by ada: retry step") == 2
    assert page.text.count("dispatch 1 ShippingRefused") == 2, "both attempts, though the step ran anew"


async def test_while_a_step_is_retried_its_next_attempt_is_told(
    shop: WebShop, operator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra_policy, "STEP_TAKES_LONG", timedelta())
    retry_effects(monkeypatch, RetryPolicy(initial_interval=HOUR))
    order = an_order()
    shop.stage.unreachable("reserve")
    async with shop.open():
        address = await submitted(operator, order)
        document: dict[str, Any] = {}

        async def waits() -> bool:
            document.update(await read(operator, order))
            return document["children"][1].get("next_attempt_at") is not None

        await eventually(waits, WAIT_SECONDS, "the next attempt to be known")
        page = seen(await operator.get(address))
        await asyncio.wait_for(operator.post(f"{address}/cancel"), WAIT_SECONDS)

    [made] = document["attempts"]
    assert made["said"] == "NotReached: reserve: connection refused"
    assert made["ended_at"] < document["children"][1]["next_attempt_at"]
    assert "next attempt at" in page.text
