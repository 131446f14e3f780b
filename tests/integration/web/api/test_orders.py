"""Orders over HTTP, with a real worker: submitting and reading."""

import asyncio
import json
from datetime import timedelta

from httpx import AsyncClient

from order_system.domain.messages import OrderStatus
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.reading import read_when
from tests.fixtures.web.web import WebShop, document

CARD = "4111 1111 1111 1111"
HOUR = timedelta(hours=1)


async def test_an_order_is_taken_read_with_its_timeline_and_told_again(shop: WebShop) -> None:
    order = an_order()
    async with shop.open(), shop.browsing() as browser:
        first = await browser.post("/api/orders", json=document(order))
        again = await browser.post("/api/orders", json=document(order))
        read = await read_when(browser, order, OrderStatus.FULFILLED)
        after = await browser.post("/api/orders", json=document(order))
        listed = (await browser.get("/api/orders", params={"status": "fulfilled"})).json()

    location = f"/api/orders/{order.order_id}?content={order.fingerprint()}"
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
    assert read["actions"] == ["refund"]
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


async def test_twenty_who_post_one_order_at_once_have_it_charged_once(shop: WebShop) -> None:
    order = an_order()
    async with shop.open(), shop.browsing() as browser:
        answers = await asyncio.gather(
            *(browser.post("/api/orders", json=document(order)) for _ in range(20))
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


async def test_bodies_that_are_no_order(operator: AsyncClient) -> None:
    for body, told in (
        (b"", "is empty"),
        (b"{", "not valid JSON at line 1, column 2"),
        (b"\xff", "not UTF-8"),
        (b"[]", "must be one order"),
        (b'{"order_id": "A-1"}\n{"order_id": "A-2"}', "must be one order"),
        (b'{"order_id": "A-1", "order_id": "A-2"}', "is given more than once"),
        (b'"' + CARD.encode() + b'"', "holds a card number"),
        (b'{"' + CARD.encode() + b'": 1}', "holds a card number"),
    ):
        headers = {"Content-Type": "application/json"}
        refused = await operator.post("/api/orders", content=body, headers=headers)
        assert (refused.status_code, body) == (422, body)
        assert refused.headers["content-type"] == "application/problem+json"
        assert told in json.dumps(refused.json(), ensure_ascii=False)
        assert "4111" not in refused.text


async def test_another_type_of_body_is_refused(shop: WebShop) -> None:
    async with shop.browsing() as browser:
        refused = await browser.post("/api/orders", content=b"{}", headers={"Content-Type": "text/plain"})

    assert (refused.status_code, refused.json()["type"]) == (415, "/api/docs#unsupported-media-type")


async def test_orders_that_are_not_there(operator: AsyncClient) -> None:
    for path, status in (("NONE-1", 404), ("..%2f..%2fetc", 404), ("%3Cscript%3E", 422), ("a" * 65, 422)):
        for answer in (
            await operator.get(f"/api/orders/{path}"),
            await operator.get(f"/api/orders/{path}/events"),
            await operator.post(f"/api/orders/{path}/cancel"),
        ):
            assert (answer.status_code, path) == (status, path)
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_card_number_in_a_path_does_not_come_back(shop: WebShop) -> None:
    number = CARD.replace(" ", "")
    async with shop.browsing() as browser:
        answers = [await browser.get(f"/api/{path}/{number}") for path in ("orders", "batches")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert not any(number in answer.text for answer in answers)
