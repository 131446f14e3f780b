"""What an operator does, from the first click to the last: in a real browser, over real server and worker."""

import re
from datetime import timedelta
from pathlib import Path

from playwright.async_api import Page, expect

from order_system.domain.errors import ShippingRefused
from tests.browser.stall import Stall
from tests.fixtures.shops.batch_shop import row, write_orders
from tests.fixtures.shops.shop import an_order

HOUR = timedelta(hours=1)


def refused_parcel() -> ShippingRefused:
    return ShippingRefused("the carrier does not take the parcel")


async def test_an_order_is_submitted_and_turns_fulfilled_by_itself(stall: Stall, page: Page) -> None:
    held = stall.shop.stage.hold("before dispatch")
    await page.goto("/")
    await expect(page.get_by_text("No orders yet.")).to_be_visible()
    await page.get_by_role("link", name="New order").first.click()
    await page.get_by_role("button", name="Submit the order").click()

    status = page.locator(".heading .badge")
    await expect(page.get_by_text("The order is submitted.")).to_be_visible()
    await held.reached()
    await expect(status).to_have_text("running")
    await expect(page.locator("#step-shipping")).to_contain_text("running")
    held.let_go()
    await expect(status).to_have_text("fulfilled")  # and nobody has touched the page
    await expect(page.locator("#step-notification")).to_contain_text("completed")
    await expect(page.get_by_role("img", name=re.compile("^Timeline"))).to_be_visible()

    order_id = await page.locator("h1").inner_text()
    await page.get_by_role("link", name="Orders").first.click()
    await expect(page.locator(f"#row-{order_id} .badge")).to_have_text("fulfilled")


async def test_the_list_goes_on_by_itself_is_searched_by_keyboard_and_kept(stall: Stall, page: Page) -> None:
    held = stall.shop.stage.hold("before send")
    await page.goto("/")
    await stall.shop.client.submit(an_order("SEARCH-1"))
    await held.reached()
    await expect(page.get_by_role("link", name="all 1")).to_be_visible()
    held.let_go()
    await expect(page.locator("#row-SEARCH-1 .badge")).to_have_text("fulfilled")
    await stall.shop.client.submit(an_order("SEARCH-2", payment_method="pm_card_declined"))
    await expect(page.locator("#row-SEARCH-2 .badge")).to_have_text("failed")

    label = "label => Math.round(label.getBoundingClientRect().top)"
    search, sort = page.locator("label[for=search]"), page.locator("label[for=sort]")
    assert abs(await search.evaluate(label) - await sort.evaluate(label)) <= 1, "they are in one line"
    await page.locator("#search").focus()
    await page.keyboard.type("payment-SEARCH-1")
    await page.keyboard.press("Enter")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.locator("#row-SEARCH-1")).to_be_visible()

    await page.get_by_role("link", name="Clear").click()
    await page.get_by_text("More filters").click()
    await page.get_by_label("Reason").fill("declined")
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator("#row-SEARCH-2")).to_be_visible()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.get_by_label("Reason")).to_be_visible()  # what is set is not folded away
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV").click()
    assert "SEARCH-1" not in Path(await (await download.value).path()).read_text()


async def test_a_refused_parcel_shows_what_was_undone(stall: Stall, page: Page) -> None:
    stall.shop.stage.fail("before dispatch", refused_parcel)
    order = an_order()
    await stall.shop.client.submit(order)
    await page.goto(f"/orders/{order.order_id}")

    await expect(page.get_by_role("heading", name="The order failed at shipping")).to_be_visible()
    why = "The carrier does not take the parcel. Everything that was done has been undone."
    await expect(page.get_by_role("main")).to_contain_text(why)
    await expect(page.locator("#step-payment .undo")).to_have_text("refunded 1,059.97 USD")
    await expect(page.locator("#step-inventory .undo")).to_have_text("stock released")
    await expect(page.locator("#step-shipping .undo")).to_have_text("label voided")
    drawn = page.locator("svg.timeline .lane .name")
    await expect(drawn.filter(has_text="undo of")).to_have_count(3)
    for bar in await page.locator("svg.timeline .lane rect.span").all():
        box = await bar.bounding_box()
        assert box is not None
        assert box["width"] > 0
    words = page.locator("svg.timeline .is-undo .words", has_text="refunded 1,059.97 USD")
    await expect(words).to_be_visible()
    await page.set_viewport_size({"width": 390, "height": 844})
    await expect(words).to_be_hidden()  # it would be cut off in the middle of a word
    await page.goto("/?status=failed")
    row = page.locator(f"#row-{order.order_id}")
    await expect(row).to_contain_text("shipping: the carrier does not take the parcel")


async def test_a_file_is_uploaded_planned_run_and_its_failed_orders_are_retried(
    stall: Stall, page: Page, tmp_path: Path
) -> None:
    rows = [
        *(row(f"WALK-{n}") for n in range(2)),
        row("WALK-9", card="pm_card_declined"),
        row("WALK-X", quantity="0"),
    ]
    file = write_orders(tmp_path / "walk orders.csv", rows)
    await page.goto("/batches")
    await page.get_by_role("link", name="Upload a file").first.click()
    await page.get_by_label("File", exact=True).set_input_files(file)
    await page.get_by_role("button", name="Upload and show the plan").click()

    await expect(page.get_by_text("The file holds 3 orders on 4 rows.")).to_be_visible()
    await expect(page.get_by_text("line 5, quantity: must be between 1 and 10,000")).to_be_visible()
    await page.get_by_role("button", name="Run 3 orders").click()

    await expect(page.locator("h1")).to_have_text("walk-orders")
    await expect(page.locator(".heading .badge")).to_have_text("finished")
    await expect(page.locator("#progress-title")).to_have_text("3 of 3 orders done")
    await page.get_by_role("link", name="failed 1").click()
    await expect(page.locator("tbody tr")).to_have_count(1)

    await page.get_by_role("button", name="Retry the failed…").click()
    await page.get_by_role("button", name="Run them again").click()
    await expect(page.get_by_text("The batch is started.")).to_be_visible()
    await expect(page.get_by_text("only what had failed before")).to_be_visible()
    await expect(page.locator(".heading .badge")).to_have_text("finished")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Outcome").click()
    assert "WALK-9" in Path(await (await download.value).path()).read_text()


async def test_a_held_order_is_retried_and_then_cancelled_after_a_question(stall: Stall, page: Page) -> None:
    stall.shop.stage.fail("before dispatch", refused_parcel)
    order = an_order(hold_on_failure=HOUR)
    await stall.shop.client.submit(order)
    await page.goto(f"/orders/{order.order_id}")
    held = page.get_by_role("heading", name="Held at shipping: the order waits for a person")
    await expect(held).to_be_visible()
    stall.shop.stage.fail("before dispatch", lambda: ShippingRefused("still no parcel"))
    await page.get_by_role("button", name="Retry the step…").click()
    await page.get_by_role("button", name="Run it").click()
    await expect(page.locator("#step-shipping")).to_contain_text("still no parcel")

    await expect(held).to_be_visible()
    await page.get_by_role("button", name="Cancel…").click()
    question = page.get_by_role("dialog", name=f"Cancel {order.order_id}?")
    await question.get_by_role("button", name="Back").click()
    await expect(question).to_be_hidden()
    await page.get_by_role("button", name="Cancel…").click()
    await question.get_by_role("button", name="Cancel the order").click()
    await expect(page.get_by_text("The order is cancelled.")).to_be_visible()
    await expect(page.locator(".heading .badge")).to_have_text("cancelled")
