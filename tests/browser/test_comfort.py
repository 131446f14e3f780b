"""What makes pages fit for everybody: keyboard, other zones, no script, a lost server. For phones and dark
rooms see `test_axe.py`."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from temporalio.client import Client

from order_system.domain.errors import ShippingRefused
from order_system.infra.database import Database
from tests.browser.stall import Stall
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.browsers import profile, visiting
from tests.fixtures.web.web import KEYS, OPERATOR_KEY, VIEWER_KEY, WebShop


@pytest.fixture
async def failed_order(stall: Stall) -> str:
    """The address of its page."""
    stall.shop.stage.fail("before dispatch", lambda: ShippingRefused("a long reason " * 12))
    order = an_order()
    await stall.shop.ended(await stall.shop.start(order))
    return f"/orders/{order.order_id}"


async def test_everything_is_reached_and_answered_by_keyboard(stall: Stall, page: Page) -> None:
    held = stall.shop.stage.hold("before charge")
    order = an_order()
    await stall.shop.client.submit(order)
    await held.reached()
    await page.goto(f"/orders/{order.order_id}")

    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    cancel = page.get_by_role("button", name="Cancel…")
    for _ in range(6):
        await page.keyboard.press("Tab")
        if await cancel.evaluate("button => button === document.activeElement"):
            break
    await expect(cancel).to_be_focused()
    await page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name=f"Cancel {order.order_id}?")
    await expect(question).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(question).to_be_hidden()
    await expect(cancel).to_be_focused()
    held.let_go()


async def test_times_are_told_in_the_viewers_zone_and_without_script_all_can_be_read_and_done(
    stall: Stall, failed_order: str, chromium: Browser
) -> None:
    async with visiting(chromium, stall.port, timezone_id="Asia/Tokyo", locale="en-GB") as page:
        await page.goto("/")
        time = page.locator("tbody time").first
        told = await time.evaluate(
            "time => new Intl.DateTimeFormat('en-GB', {timeStyle: 'medium', timeZone: 'Asia/Tokyo'})"
            ".format(new Date(time.dateTime))"
        )
        await expect(time).to_have_text(re.compile(re.escape(told)))
        await expect(page.locator("#zone")).to_have_text("Asia/Tokyo")
        assert (await time.get_attribute("title") or "").endswith(" UTC")

    async with visiting(chromium, stall.port, java_script_enabled=False) as page:
        await page.goto(failed_order)
        await expect(page.get_by_role("heading", name="The order failed at shipping")).to_be_visible()
        await expect(page.locator("#zone")).to_have_text("UTC")
        await expect(page.locator(".spread-facts time").first).to_have_text(re.compile(" UTC$"))
        held = stall.shop.stage.hold("before charge")
        await page.goto("/new-order")
        await page.get_by_role("button", name="Submit the order").click()
        await held.reached()
        await page.get_by_role("button", name="Cancel…").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        held.let_go()


async def test_a_page_that_cannot_be_renewed_says_so_until_it_can(stall: Stall, chromium: Browser) -> None:
    async with profile(chromium, stall.port) as context:
        page = await context.new_page()
        await page.goto("/")
        warning = page.get_by_text("Not updating: the server does not answer.")
        await expect(warning).to_be_hidden()
        await context.set_offline(True)
        await expect(warning).to_be_visible()
        await expect(page.get_by_text("No orders yet.")).to_be_visible()
        await context.set_offline(False)
        await expect(warning).to_be_hidden()


# --- with keys ------------------------------------------------------------------------------------


@pytest.fixture
async def locked(client: Client, sqlite_database: Database, tmp_path: Path) -> AsyncIterator[Stall]:
    shop = WebShop(sqlite_database, client, tmp_path, keys=KEYS)
    async with shop.open(), shop.on_a_port() as port:
        yield Stall(shop, port)


async def signed_in(page: Page, key: str) -> None:
    await page.get_by_label("Key").fill(key)
    await page.get_by_role("button", name="Sign in").click()


async def test_a_viewer_signs_in_looks_and_can_do_nothing_and_is_told_when_signed_out(
    locked: Stall, chromium: Browser
) -> None:
    held = locked.shop.stage.hold("before charge")
    order = an_order()
    await locked.shop.client.submit(order)
    await held.reached()
    async with visiting(chromium, locked.port) as page:
        await page.goto(f"/orders/{order.order_id}")
        await signed_in(page, VIEWER_KEY)
        await expect(page.locator("h1")).to_have_text(order.order_id)
        answers = page.get_by_role("main").get_by_role("button", name=re.compile("^(?!Copy)"))
        await expect(answers).to_have_count(0)
        assert await page.evaluate("document.cookie") == ""
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Key")).to_be_visible()
        await signed_in(page, OPERATOR_KEY)
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        await page.goto(f"/orders/{order.order_id}")
        await expect(page.get_by_role("button", name="Cancel…")).to_be_visible()

    async with profile(chromium, locked.port) as context:  # which complains of what it is refused
        page = await context.new_page()
        await page.goto(f"/orders/{order.order_id}")
        await signed_in(page, VIEWER_KEY)
        await expect(page.locator("h1")).to_have_text(order.order_id)
        await context.clear_cookies()

        await expect(page.get_by_text("you are signed out")).to_be_visible()
        await expect(page.locator("h1")).to_have_text(order.order_id)
        await page.get_by_role("link", name="Sign in again").click()
        await expect(page.get_by_label("Key")).to_be_visible()
        await signed_in(page, VIEWER_KEY)
        await expect(page.locator("h1")).to_have_text(order.order_id)
    held.let_go()
