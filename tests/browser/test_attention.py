"""What a person on call does about what needs attention: sees all that a hand needs, says that they are on
it, answers many at once, and has an order that failed run again with another card."""

import json
import re
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from temporalio.common import RetryPolicy

from order_system.domain import policy
from order_system.domain.errors import OutOfStock, ShippingRefused
from tests.browser.stall import Stall
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.browsers import visiting

HOUR = timedelta(hours=1)
NOTHING_WAITS = "All is well: nothing waits for a person."


@pytest.fixture
def undos_get_stuck(stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=300))
    monkeypatch.setattr(policy, "UNDO_RETRY", RetryPolicy(initial_interval=HOUR))
    stall.shop.stage.fail("before dispatch", lambda: ShippingRefused("the carrier is on strike"))
    stall.shop.stage.unreachable("refund")


@pytest.mark.usefixtures("undos_get_stuck")
async def test_attention_has_all_that_a_hand_needs_and_is_answered(
    stall: Stall, page: Page, chromium: Browser
) -> None:
    order = an_order()
    await page.goto("/attention")
    await expect(page.get_by_text(NOTHING_WAITS)).to_be_visible()
    await expect(page).to_have_title("Needs attention · Order system")
    await stall.shop.client.submit(order)

    card = page.get_by_role("article", name=order.order_id)
    await expect(card).to_contain_text("undo of payment is stuck")
    await expect(page.get_by_label("Sums")).to_have_text("1 undo is stuck: 1,059.97 USD")
    for words in ("1,059.97 USD", "Ada, ada@example.com", "ch_", f"{order.order_id}:", "refund, attempt 1"):
        await expect(card).to_contain_text(words)
    await expect(card).to_contain_text("Next attempt")
    await expect(page.locator("#waiting")).to_have_text("1")
    await expect(page).to_have_title("(1) Needs attention · Order system")

    await card.get_by_role("button", name="I am on it").click()
    await expect(page.get_by_text("You are on it. Everybody sees that here.")).to_be_visible()
    async with visiting(chromium, stall.port) as colleague:
        await colleague.goto("/attention")
        seen = colleague.get_by_role("article", name=order.order_id)
        await expect(seen).to_contain_text("operator@localhost since")
        await colleague.goto("/")
        await expect(colleague.locator("#waiting")).to_have_text("1")
        row = colleague.locator(f"#row-{order.order_id}")
        await expect(row).to_contain_text("refund, attempt 1: NotReached: refund: connection refused")

    await answered_by_hand(page, card)
    undo = page.locator("#step-payment .undo")
    await expect(undo).to_contain_text("handled by operator@localhost: refunded by hand, ticket 123")
    await expect(page.locator(".heading .badge")).to_have_text("failed")
    await page.get_by_role("link", name="Needs attention").click()
    await expect(page.get_by_text(NOTHING_WAITS)).to_be_visible()


async def answered_by_hand(page: Page, card: Locator) -> None:
    """The page around the question is renewed meanwhile, and what is being typed stays."""
    await card.get_by_role("button", name="Handled payment by hand…").click()
    question = page.get_by_role("dialog", name="The undo of payment was handled by hand?")
    await question.get_by_label("Note").fill("refunded by hand")
    async with page.expect_response(re.compile("/attention$")):
        pass
    await expect(question.get_by_label("Note")).to_have_value("refunded by hand")
    await question.get_by_label("Note").press_sequentially(", ticket 123")
    await question.get_by_role("button", name="It was handled").click()
    said = "Your answer has arrived. This page shows what comes of it."
    await expect(page.get_by_text(said)).to_be_visible()


async def test_many_orders_are_answered_at_once_and_each_tells_what_came_of_it(
    stall: Stall, page: Page
) -> None:
    stall.shop.stage.fail("before reserve", lambda: OutOfStock("none is left"), times=3)
    held = [an_order(hold_on_failure=HOUR) for _ in range(2)]
    failed, fulfilled = an_order(), an_order()
    for order in (*held, failed):
        await stall.shop.client.submit(order)
    await page.goto("/")
    for order in (*held, failed):
        await expect(page.locator(f"#row-{order.order_id} .badge")).to_have_text(
            "failed" if order is failed else "needs attention"
        )
    await stall.shop.ended(await stall.shop.start(fulfilled))
    orders = [*held, failed, fulfilled]
    for order in orders:
        await page.get_by_label(f"Choose {order.order_id}").check()
    async with page.expect_response("**/"):
        pass  # the page is renewed, and what is ticked stays
    await expect(page.locator("input.tick:checked")).to_have_count(4)
    await page.get_by_role("button", name="With what is ticked…").click()
    question = page.get_by_role("dialog", name="What is done with what is ticked?")
    await question.get_by_label("Try it again").check()
    await question.get_by_label("Note").fill("more has come")
    await question.get_by_role("button", name="Do it").click()

    await expect(page.get_by_role("heading", name="3 accepted, 1 refused")).to_be_visible()
    for order in held:
        row = page.get_by_role("row", name=order.order_id)
        await expect(row).to_contain_text("accepted inventory runs again now")
    await expect(page.get_by_role("row", name=failed.order_id)).to_contain_text("it is submitted again")
    await expect(page.get_by_role("row", name=fulfilled.order_id)).to_contain_text("already fulfilled")
    await page.goto("/")
    for order in (*held, failed):
        await expect(page.locator(f"#row-{order.order_id} .badge")).to_have_text("fulfilled")


async def test_an_order_that_failed_runs_again_with_another_card(stall: Stall, page: Page) -> None:
    order = an_order(payment_method="pm_card_declined")
    await stall.shop.client.submit(order)
    await page.goto(f"/orders/{order.order_id}")
    await page.get_by_role("link", name="Run it again…").click()
    await expect(page.get_by_role("heading", name=f"Run {order.order_id} again")).to_be_visible()
    document = json.loads(await page.get_by_role("textbox", name="Order document").input_value())
    assert document["payment_method"] == "pm_card_declined"

    await page.get_by_role("textbox", name="Order document").fill(
        json.dumps({**document, "payment_method": "pm_card_ok"})
    )
    await page.get_by_role("button", name="Submit the order").click()

    await expect(page.get_by_role("heading", name=order.order_id)).to_be_visible()
    await expect(page.locator(".heading .badge")).to_have_text("fulfilled")


async def test_without_script_many_are_answered_as_well(stall: Stall, chromium: Browser) -> None:
    stall.shop.stage.fail("before dispatch", lambda: ShippingRefused("on strike"), times=1)
    order = an_order(hold_on_failure=HOUR)
    await stall.shop.client.submit(order)
    async with visiting(chromium, stall.port) as page:
        await page.goto("/attention")
        await expect(page.get_by_role("article", name=order.order_id)).to_be_visible()
    async with visiting(chromium, stall.port, java_script_enabled=False) as page:
        await page.goto("/attention")
        await page.get_by_label(f"Choose {order.order_id}:shipping").check()
        await page.get_by_role("button", name="With what is ticked…").click()
        await page.get_by_label("Give it up").check()
        await page.get_by_role("button", name="Do it").click()
        await expect(page.get_by_role("heading", name="1 accepted, 0 refused")).to_be_visible()
