"""axe-core finds nothing on any page, in no question that is asked, and on no page that says what went wrong.
Text and targets are large enough. By day and by night, on a phone and on a desk."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from temporalio.client import Client

from order_system.domain import policy
from order_system.domain.errors import ShippingRefused
from order_system.infra.database import Database
from order_system.web import policy as web_policy
from tests.browser.stall import Stall
from tests.fixtures.shops.batch_shop import row, write_orders
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.web.browsers import profile, visiting
from tests.fixtures.web.web import KEYS, WebShop

AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text("utf-8")
SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1400, "height": 900}}
SIZE_RULES: Any = {
    "runOnly": ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
}
"""What depends on colours or on size. The other rules say the same again, unless something is on a phone
alone."""
VIOLATIONS = """async ([where, rules]) => {
    const kinds = new Set();
    const alike = [...document.querySelectorAll("main details[open], main tbody tr, main dl.facts > *")]
        .filter(each => {
            const parts = [each, ...each.querySelectorAll("*")];
            const names = new Set(parts.map(part => part.tagName + "." + part.className));
            const kind = [...names].sort().join(" ");
            return kinds.has(kind) || !kinds.add(kind);
        })
        .map(each => [each, document.createComment("")]);
    alike.forEach(([each, mark]) => each.replaceWith(mark));
    const found = await axe.run(where, {resultTypes: ["violations"], preload: false, ...rules});
    alike.reverse().forEach(([each, mark]) => mark.replaceWith(each));
    return found.violations
        .map(each => each.id + ": " + each.nodes.map(node => node.html.slice(0, 200)).join(" | "));
}"""
"""Of all details, rows and facts that are made of the same parts, one is looked at: the API's page has a
hundred of them, and axe was at work on those for as long as on eight other pages."""
SEEN = """part => [...document.querySelector(part).querySelectorAll("*")].map(each => {
    const style = getComputedStyle(each);
    const colours = [style.color, style.backgroundColor, style.fill, style.opacity];
    return each.checkVisibility() && colours.join(" ");
})"""
REMEMBERED = f"part => {{ window.seenBefore = ({SEEN})(part); }}"
DIFFERS = f"""part => {{
    const [now, before] = [({SEEN})(part), window.seenBefore];
    return {{
        elements: now.length !== before.length,
        colours: now.some((each, place) => each && before[place] && each !== before[place]),
        more: now.some((each, place) => each && !before[place]),
    }};
}}"""
"""From what was remembered. Compared where it is: of thousands of elements, to hand all over takes longer."""
SMALL_TEXT = """([part, least]) => [...document.querySelector(part).querySelectorAll("*")]
    .filter(each => each.checkVisibility() && each.closest("main, .question"))
    .filter(each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
    .filter(each => parseFloat(getComputedStyle(each).fontSize) < least - 0.05)
    .map(each => each.outerHTML.slice(0, 120))"""
TARGETS = "button, select, input, summary, td a, nav a"
SMALL_TARGETS = """([part, targets]) => [...document.querySelector(part).querySelectorAll(targets)]
    .filter(each => each.checkVisibility() && each.type !== "hidden" && !each.closest(".skip"))
    .map(each => [each, each.getBoundingClientRect()])
    .filter(([each, box]) => box.height < 23.9 || (box.width < 23.9 && !each.textContent.trim()))
    .map(([each, box]) => `${box.width}x${box.height} ${each.outerHTML.slice(0, 120)}`)"""
NO_SMALLER = {"phone": 14, "desk": 13}
BRIGHTNESS = """() => getComputedStyle(document.documentElement).backgroundColor
    .match(/\\d+/g).slice(0, 3).reduce((sum, each) => sum + Number(each), 0)"""


@pytest.fixture
async def login(client: Client, sqlite_database: Database, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a page that wants a key."""
    async with WebShop(sqlite_database, client, tmp_path, keys=KEYS).on_a_port() as port:
        yield f"http://127.0.0.1:{port}/login"


@pytest.fixture
async def pages(
    stall: Stall, login: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[list[str]]:
    """Addresses of each kind of page, with something on it. They stand still while they are looked at."""
    for name in ("PAGE_RENEWED", "PAGE_RENEWED_SELDOM"):
        monkeypatch.setattr(web_policy, name, timedelta(hours=1))
    monkeypatch.setattr(policy, "ATTENTION_AFTER", timedelta(milliseconds=300))
    shop = stall.shop
    stuck, held, fulfilled = an_order(), an_order(hold_on_failure=timedelta(hours=1)), an_order()
    await shop.ended(await shop.start(fulfilled))
    file = write_orders(tmp_path / "axe.csv", [row("AXE-1"), row("AXE-2", sku="no such")])
    await shop.run(await shop.request("axe", file))
    shop.stage.fail("before dispatch", lambda: ShippingRefused("a long reason " * 12))
    shop.stage.unreachable("refund")
    for order in (stuck, held):
        await shop.client.submit(order)

    async def both_wait() -> bool:
        return len([each async for each in shop.attention.attention()]) >= 2

    await eventually(both_wait, 60, "two orders to wait for a person")
    yield [
        "/",
        "/?status=failed",
        f"/orders/{fulfilled.order_id}",
        f"/orders/{stuck.order_id}",
        f"/orders/{held.order_id}",
        "/new-order",
        "/batches",
        "/batches/axe",
        "/new-batch",
        "/attention",
        "/health",
        "/api/docs",
        "/orders/NO-SUCH-ORDER",
        login,
    ]
    shop.stage.mend()


async def findings(page: Page, where: str, part: str = "html") -> list[str]:
    """On a desk by day, and on a phone by night, and ends as it began. A page adapts to another size as to
    another window. A dark room gets a dark page. What has the same colours on a phone as on a desk has
    the same contrasts."""
    await page.mouse.move(0, 0)  # what it lies on has another colour
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found = await too_small(page, part, "desk")
    await page.evaluate(REMEMBERED, part)
    found += await page.evaluate(VIOLATIONS, [part, {}])
    by_day = await page.evaluate(BRIGHTNESS)

    await page.set_viewport_size(SIZES["phone"])
    found += await too_small(page, part, "phone")
    differs = await page.evaluate(DIFFERS, part)
    assert not differs["elements"], where
    if differs["colours"]:
        found.append("on a phone it has other colours")
    await page.emulate_media(color_scheme="dark")
    rules = {} if differs["more"] else SIZE_RULES
    night = await page.evaluate(VIOLATIONS, [part, rules])
    found += [f"by night, on a phone: {each}" for each in night]
    by_night = await page.evaluate(BRIGHTNESS)
    if by_day <= 600 or by_night >= 128:
        found.append(f"of 765, its brightness is {by_day} by day and {by_night} by night")
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(SIZES["desk"])
    return [f"{where}: {each}" for each in found]


async def too_small(page: Page, part: str, size: str) -> list[str]:
    """And what is wider than the screen."""
    small = await page.evaluate(SMALL_TEXT, [part, NO_SMALLER[size]])
    targets = await page.evaluate(SMALL_TARGETS, [part, TARGETS])
    width = await page.evaluate("document.documentElement.scrollWidth")
    wide = [f"{width} px wide"] if width > SIZES[size]["width"] else []
    kinds = {"small text": small, "small target": targets, "too wide": wide}
    return [f"{size}: {kind}: {each}" for kind, list_ in kinds.items() for each in list_]


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_nothing_is_found(stall: Stall, pages: list[str], chromium: Browser) -> None:
    found: list[str] = []
    asked: set[str] = set()
    async with profile(chromium, stall.port, viewport=SIZES["desk"], device_scale_factor=0.1) as context:
        page = await context.new_page()
        for address in pages:
            await page.goto(address)
            await page.evaluate(
                "document.querySelectorAll('main details').forEach(each => { each.open = true; })"
            )
            found += await findings(page, address)
            buttons = page.locator("button[popovertarget]:visible")
            for number in range(await buttons.count()):
                what: str = await buttons.nth(number).evaluate("each => each.popoverTargetElement.outerHTML")
                if what in asked:  # the same on each page: what the keys do, for one
                    continue
                asked.add(what)
                await buttons.nth(number).click()
                await expect(page.locator(":popover-open")).to_be_focused()
                found += await findings(page, f"{address}, question {number}", ":popover-open")
                await page.keyboard.press("Escape")
        await page.goto("/new-order")
        await page.locator("textarea").fill('{"order_id": ""}')
        await page.get_by_role("button", name="Submit the order").click()
        await expect(page.locator(".say.is-failed")).to_be_visible()
        found += await findings(page, "an order with mistakes")
    assert found == [], "\n".join(found)


async def test_keys_search_and_help_and_ids_are_copied(stall: Stall, chromium: Browser) -> None:
    order = an_order()
    await stall.shop.ended(await stall.shop.start(order))
    allowed = ["clipboard-read", "clipboard-write"]
    async with visiting(chromium, stall.port, permissions=allowed) as page:
        await page.goto("/")
        await page.keyboard.press("/")
        await expect(page.locator("#search, #find")).to_be_focused()
        await page.keyboard.type("?/")
        await expect(page.locator("#search, #find")).to_have_value("?/")
        await page.goto(f"/orders/{order.order_id}")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Shortcuts")).to_be_focused()
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name=f"Copy {order.order_id}", exact=True).click()
        assert await page.evaluate("navigator.clipboard.readText()") == order.order_id
