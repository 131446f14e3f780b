"""The pages over a real book, server and worker: what they show, and what their forms do."""

import json
from datetime import timedelta

import pytest
from httpx import AsyncClient
from temporalio.common import RetryPolicy

from order_system.domain import policy
from order_system.domain.errors import OutOfStock, ShippingRefused
from order_system.domain.order import Order
from order_system.infra import policy as infra_policy
from order_system.intake.form import order_document
from order_system.web import policy as web_policy
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.seen_pages import seen, shows
from tests.fixtures.web.web import UI_URL, WebShop

HOUR = timedelta(hours=1)
STEPS = ("payment", "inventory", "shipping", "notification")
PLACES = ("/", "/batches", "/attention", "/health")


def refused_parcel() -> ShippingRefused:
    return ShippingRefused("the carrier does not take the parcel")


async def submitted(browser: AsyncClient, order: Order) -> str:
    """By the form; the address of its page."""
    answer = await browser.post("/new-order", data={"document": json.dumps(order_document(order))})
    assert answer.status_code == 303
    address = f"/orders/{order.order_id}"
    assert answer.headers["location"] == f"{address}?said=submitted"
    return address


# --- orders ---------------------------------------------------------------------------------------


async def test_where_there_is_nothing_a_page_says_what_to_do_next(
    operator: AsyncClient, viewer: AsyncClient
) -> None:
    pages = {place: seen(await operator.get(place)) for place in PLACES}
    assert "No orders yet." in pages["/"].text
    assert seen(await operator.get("/orders")).text == pages["/"].text
    assert pages["/"].links["/new-order"] == "New order"
    assert pages["/"].links["/new-batch"] == "Upload a file"
    assert "No batches yet." in pages["/batches"].text
    quiet = "Nothing waits for a person. No worker is at work, and no order is under way."
    assert quiet in pages["/attention"].text
    assert "No order was submitted in the last hour." in pages["/health"].text
    assert pages["/health"].links["/health?since=day"] == "Last day"

    for place in PLACES:  # to who may only look, nothing is offered that would be refused
        assert not {"/new-order", "/new-batch"} & set(seen(await viewer.get(place)).links)


async def test_a_fulfilled_order_shows_its_children_its_timeline_and_the_way_into_temporal(
    shop: WebShop, operator: AsyncClient
) -> None:
    order = an_order()
    async with shop.open():
        address = await submitted(operator, order)
        page = await shows(operator, address, "order fulfilled")
        orders = seen(await operator.get("/"))

    for step in STEPS:
        assert f"{step} completed" in page.text
    into_temporal = [link for link in page.links if link.startswith(f"{UI_URL}/")]
    assert any(f"order-{order.order_id}" in link for link in into_temporal)
    for step in STEPS:
        assert any(f"/{step}-{order.order_id}/" in link for link in into_temporal)
    assert len(page.shapes) == 2 * len(("order", *STEPS))  # a bar, and its beginning that is never too thin
    assert "1,059.97 USD" in page.text
    assert page.sends == [f"/orders/{order.order_id}/refunds"]  # nothing else is left to be done about it
    assert orders.links[address] == order.order_id
    assert "fulfilled 1" in orders.text


async def test_orders_are_filtered_by_status_id_batch_and_time(shop: WebShop, operator: AsyncClient) -> None:
    good, bad = an_order("PAGE-GOOD-1"), an_order("PAGE-BAD-1", payment_method="pm_card_declined")
    async with shop.open():
        await shows(operator, await submitted(operator, good), "order fulfilled")
        await shows(operator, await submitted(operator, bad), "The order failed at payment")

    async def listed(**query: str) -> set[str]:
        page = seen(await operator.get("/", params=query))
        return {words for link, words in page.links.items() if link.startswith("/orders/") and "-1" in link}

    assert await listed() == {"PAGE-GOOD-1", "PAGE-BAD-1"}
    assert await listed(status="failed") == {"PAGE-BAD-1"}
    assert await listed(q="PAGE-GO") == {"PAGE-GOOD-1"}
    assert await listed(q="page-go") == {"PAGE-GOOD-1"}
    assert await listed(since="hour") == {"PAGE-GOOD-1", "PAGE-BAD-1"}
    assert await listed(batch="monday") == set()
    assert await listed(status="failed", q="PAGE-GOOD") == set()
    assert "No order matches." in seen(await operator.get("/", params={"q": "NONE"})).text


async def test_a_page_renews_itself_often_while_something_is_under_way_and_seldom_after(
    shop: WebShop, operator: AsyncClient
) -> None:
    order = an_order()
    held = shop.stage.hold("before charge")
    async with shop.open():
        address = await submitted(operator, order)
        await held.reached()
        under_way = (await operator.get(address)).text
        held.let_go()
        await shows(operator, address, "order fulfilled")
        after = (await operator.get(f"{address}?said=submitted")).text

    assert f'hx-trigger="every {web_policy.PAGE_RENEWED.total_seconds():g}s"' in under_way
    assert f'hx-trigger="every {web_policy.PAGE_RENEWED_SELDOM.total_seconds():g}s"' in after
    assert f'hx-get="{address}"' in after  # and does not repeat what was said once


# --- what a person does ---------------------------------------------------------------------------


async def test_a_held_order_is_retried_with_a_note_and_goes_on(shop: WebShop, operator: AsyncClient) -> None:
    shop.stage.fail("before dispatch", refused_parcel, times=1)
    async with shop.open():
        address = await submitted(operator, an_order(hold_on_failure=HOUR))
        held = await shows(operator, address, "Held at shipping: the order waits for a person")
        waiting = await shows(operator, "/attention", "held at shipping")
        answer = await operator.post(f"{address}/retry", data={"note": "the carrier is back"})
        page = await shows(operator, address, "order fulfilled")

    assert held.flaws == waiting.flaws == page.flaws == []
    assert {f"{address}/retry", f"{address}/give-up", f"{address}/cancel"} == set(held.sends)
    assert {f"{address}/retry", f"{address}/give-up", "/chosen"} == set(waiting.sends)
    assert "then the order is undone" in held.text
    assert (answer.status_code, answer.headers["location"]) == (303, f"{address}?said=answered")
    assert "retry step shipping, by ada: the carrier is back" in page.text


async def test_a_held_order_is_given_up_and_undone(shop: WebShop, operator: AsyncClient) -> None:
    order = an_order(hold_on_failure=HOUR)
    shop.stage.fail("before reserve", lambda: OutOfStock("none left"))
    async with shop.open():
        address = await submitted(operator, order)
        await shows(operator, address, "the order waits for a person")
        await operator.post(f"{address}/give-up")
        await shows(operator, address, "The order failed at inventory")
        (await shop.accounts(order)).assert_undone()


async def test_an_order_is_cancelled_and_the_page_says_so(shop: WebShop, operator: AsyncClient) -> None:
    order = an_order(hold_on_failure=HOUR)
    shop.stage.fail("before dispatch", refused_parcel)
    async with shop.open():
        address = await submitted(operator, order)
        held = await shows(operator, address, "the order waits for a person")
        answer = await operator.post(f"{address}/cancel")
        page = seen(await operator.get(answer.headers["location"]))
        later = await operator.post(f"{address}/cancel")

    assert f"{address}/cancel" in held.sends
    assert answer.headers["location"] == f"{address}?said=cancel-undone"
    assert "The order is cancelled." in page.text
    assert "The order was cancelled" in page.text
    assert later.headers["location"] == f"{address}?said=cancel-already_closed"


async def test_a_stuck_undo_is_handled_by_hand(
    shop: WebShop, operator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=300))
    monkeypatch.setattr(policy, "UNDO_RETRY", RetryPolicy(initial_interval=HOUR))
    shop.stage.fail("before dispatch", refused_parcel)
    shop.stage.unreachable("refund")
    async with shop.open():
        address = await submitted(operator, an_order())
        page = await shows(operator, address, "The undo of payment is stuck")
        waiting = await shows(operator, "/attention", "undo of payment is stuck")
        bare = await operator.post(f"{address}/resolve", data={"step": "payment", "remedy": "handled"})
        answer = await operator.post(
            f"{address}/resolve",
            data={"step": "payment", "remedy": "handled", "note": "refunded, ticket 123"},
        )
        after = await shows(operator, address, "handled by ada: refunded, ticket 123")

    assert page.flaws == waiting.flaws == []
    assert page.sends.count(f"{address}/resolve") == 2  # retry it now, or: it was handled
    assert waiting.sends.count(f"{address}/resolve") == 2
    assert bare.status_code == 422
    assert "note must say what was done by hand" in seen(bare).text
    assert answer.status_code == 303
    assert f"{address}/resolve" not in after.sends


async def test_a_fulfilled_order_gives_money_back_by_its_form_once(
    shop: WebShop, operator: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=300))
    monkeypatch.setattr(policy, "UNDO_RETRY", RetryPolicy(initial_interval=HOUR))
    async with shop.open():
        address = await submitted(operator, an_order())
        page = await shows(operator, address, "Give money back")
        form = {"refund_id": "form_1", "amount": "10.00", "line": "", "note": "arrived broken"}
        answers = [await operator.post(f"{address}/refunds", data=form) for _ in range(2)]
        after = await shows(operator, address, "refunded 10.00 USD")
        too_much = await operator.post(f"/api{address}/refunds", json={"amount": "2000", "note": "no"})
        told = (await operator.get(f"/api{address}")).json()

        shop.stage.unreachable("refund_part")
        rest = {"refund_id": "form_2", "amount": "", "line": "", "note": "came back"}
        with monkeypatch.context() as impatient:
            impatient.setattr(infra_policy, "ANSWER", timedelta(seconds=1))
            under_way = await operator.post(f"{address}/refunds", data=rest)
        waiting = await shows(operator, "/attention", "refund is stuck")
        handled = {"step": "payment", "remedy": "handled", "refund": "form_2", "note": "by bank"}
        await operator.post(f"{address}/resolve", data=handled)
        await shows(operator, address, "handled 1,049.97 USD (by ada: by bank)")

    assert page.flaws == waiting.flaws == after.flaws == []
    assert f"{address}/refunds" in page.sends
    assert {answer.headers["location"] for answer in answers} == {f"{address}?said=refund-refunded"}
    assert after.text.count("refunded 10.00 USD") == 1
    assert too_much.status_code == 409
    assert "of 1,059.97 USD, 1,049.97 USD is left" in too_much.json()["detail"]
    assert [(each["state"], each["amount"], each["who"]) for each in told["refunds"]] == [
        ("refunded", "10.00", "ada")
    ]
    assert under_way.headers["location"] == f"{address}?said=refund-under_way"
    assert waiting.sends.count(f"{address}/resolve") == 2


async def test_what_does_not_fit_how_things_stand_is_told_on_a_page(
    shop: WebShop, operator: AsyncClient
) -> None:
    async with shop.open():
        address = await submitted(operator, an_order())
        await shows(operator, address, "order fulfilled")
        refused = await operator.post(f"{address}/retry")
    unknown = await operator.get("/orders/NO-SUCH-ORDER")

    assert (refused.status_code, unknown.status_code) == (409, 404)
    assert "waits for nobody" in seen(refused).text
    assert "there is no order NO-SUCH-ORDER" in seen(unknown).text
    for page in (refused, unknown):
        assert page.headers["content-type"].startswith("text/html")
        assert "Traceback" not in page.text
