"""One request for many orders, what attention tells whom, and an order that runs again by its page."""

import json
from datetime import timedelta

import pytest
from httpx import AsyncClient

from order_system.domain.errors import ShippingRefused
from order_system.domain.listing import PAGE_ROWS_LIMIT
from order_system.domain.messages import OrderStatus
from order_system.intake.form import order_document
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.web.seen_pages import WAIT_SECONDS, seen, shows
from tests.fixtures.web.web import WebShop

HOUR = timedelta(hours=1)
ACTIONS = "/api/orders/actions"


async def test_attention_is_answered_by_operators_and_shows_viewers_no_customer(
    shop: WebShop, operator: AsyncClient, viewer: AsyncClient
) -> None:
    shop.stage.fail("before dispatch", lambda: ShippingRefused('to customer: "Ada"'), times=1)
    order = an_order(hold_on_failure=HOUR)
    async with shop.open():
        await shop.start(order)

        async def waits() -> bool:
            return len((await operator.get("/api/attention")).json()["concerns"]) == 1

        await eventually(waits, WAIT_SECONDS, "the order to need attention")
        taken = await operator.post(ACTIONS, json={"chosen": [order.order_id], "action": "take"})
        listed = (await operator.get("/api/attention")).json()
        to_viewers = [(await viewer.get("/api/attention")).text, (await viewer.get("/attention")).text]
        refused = await viewer.post(ACTIONS, json={"chosen": [order.order_id], "action": "give-up"})
        told = await operator.post(
            ACTIONS, json={"chosen": [order.order_id, "NOBODY-1"], "action": "retry", "note": "now it goes"}
        )
        await shop.handle(order).result()

    assert taken.json()["accepted"] == 1
    assert listed["sums"] == ["1 held: 1,059.97 USD"]
    [entry] = listed["concerns"]
    assert (entry["customer"]["email"], entry["taken_by"]) == ("ada@example.com", "ada")
    assert {each["effect"] for each in entry["receipts"]} >= {"charge", "reserve", "label"}
    for text in to_viewers:
        assert "ada@example.com" not in text
        assert "&quot;Ada&quot;" not in text.replace('\\"', "&quot;")
        assert "/chosen" not in text, "nothing is offered that would be refused"
    assert refused.status_code == 403
    assert (told.json()["accepted"], told.json()["refused"]) == (1, 1)
    [first, second] = told.json()["rows"]
    assert (first["chosen"], first["accepted"]) == (order.order_id, True)
    assert second["detail"] == "there is no order NOBODY-1, neither on the server nor in the book"


@pytest.mark.parametrize(
    "body",
    [
        {"chosen": [], "action": "retry"},
        {"chosen": ["A"] * (PAGE_ROWS_LIMIT + 1), "action": "retry"},
        {"chosen": ["x' OR WorkflowId!='"], "action": "retry"},
        {"chosen": ["ORDER-1"], "action": "burn"},
        {"chosen": ["ORDER-1"], "action": "resolve", "note": "card 4111 1111 1111 1111"},
    ],
)
async def test_what_is_wrong_with_a_choice_is_told_and_nothing_is_done(
    operator: AsyncClient, body: dict[str, object]
) -> None:
    answer = await operator.post(ACTIONS, json=body)
    accepted = answer.json().get("accepted")
    assert (answer.status_code, accepted) in ((422, None), (200, 0))
    assert "4111" not in answer.text


async def test_by_the_form_a_choice_is_answered_row_by_row(operator: AsyncClient) -> None:
    page = await operator.post("/chosen", data={"chosen": ["A-1", "B-2"], "action": "cancel"})
    assert "0 accepted, 2 refused" in seen(page).text
    assert "there is no order B-2" in seen(page).text
    assert seen(page).flaws == []
    nothing = await operator.post("/chosen", data={"action": "cancel"})
    assert nothing.status_code == 422


async def test_nobody_is_charged_anew_who_was_chosen_for_an_undo_or_a_notice(
    shop: WebShop, operator: AsyncClient
) -> None:
    """The order has ended meanwhile; or nobody could tell the customer how."""
    order = an_order(payment_method="pm_card_declined")
    settled, notice = f"{order.order_id}:payment", f"{order.order_id}:notification"
    async with shop.open():
        await shop.ended(await shop.start(order))
        before = (await shop.client.status(order.order_id)).submission
        told = await operator.post(ACTIONS, json={"chosen": [settled, notice], "action": "retry"})
        after = (await shop.client.status(order.order_id)).submission
        whole = await operator.post(ACTIONS, json={"chosen": [order.order_id], "action": "retry"})
        await shop.ended(shop.handle(order))

    assert after == before, "it was not submitted again"
    assert [(row["accepted"], row["detail"]) for row in told.json()["rows"]] == [
        (False, f"{chosen} waits for nothing of that kind") for chosen in (settled, notice)
    ]
    assert whole.json()["rows"][0]["detail"] == "it is submitted again"


async def test_an_order_is_run_again_under_its_own_id_while_the_server_has_its_content(
    shop: WebShop, operator: AsyncClient, viewer: AsyncClient
) -> None:
    order = an_order(payment_method="pm_card_declined")
    address = f"/orders/{order.order_id}"
    async with shop.open():
        await shop.ended(await shop.start(order))
        page = await shows(operator, address, "The order failed at payment")
        again = next(link for link in page.links if link.startswith("/new-order?again="))
        form = await operator.get(again)
        document = order_document(order)
        other = {"document": json.dumps({**document, "order_id": "OTHER-1"}), "again": order.order_id}
        refused = await operator.post("/new-order", data=other)
        better = {**other, "document": json.dumps({**document, "payment_method": "pm_card_ok"})}
        sent = await operator.post("/new-order", data=better)
        await shows(operator, address, "order fulfilled")

    assert "pm_card_declined" in form.text
    assert seen(form).flaws == []
    assert refused.status_code == 422
    assert f"order_id must stay {order.order_id}" in seen(refused).text
    assert sent.headers["location"] == f"{address}?said=submitted"
    assert (await shop.client.status(order.order_id)).status is OrderStatus.FULFILLED
    assert (await shop.accounts(order)).charges == 1
    assert (await operator.get("/new-order?again=GONE-1")).status_code == 404
    assert (await viewer.get(again)).status_code == 403
