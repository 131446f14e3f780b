"""The pages as docs/images shows them, of a scene that is played anew:

python -m tests.browser.screenshots [FOLDER]
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from playwright.async_api import Page, expect

from order_system.cli.orders.samples import sample_orders
from order_system.domain import policy
from order_system.domain.order import Order
from order_system.gateways.simulated.scenarios import scenario_order
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.shops.batch_shop import Row, row, write_orders
from tests.fixtures.web.browsers import running_browser, visiting
from tests.fixtures.web.web import WebShop

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1280, "height": 800}
PLACE = {"locale": "en-GB", "timezone_id": "UTC"}
LATENCY = (0.15, 0.45)
PATIENCE_MS = 120_000
FIRST, UNDONE = 1001, "ORDER-1009"
STORIES = ("dispatch-refused-and-held", "refund-never", "card-declined", "undone", "mail-bounces")


async def main(folder: Path) -> None:
    policy.ATTENTION_AFTER = timedelta(seconds=3)
    async with open_shop() as (shop, port), running_browser() as browser:
        async with visiting(browser, port, viewport=SIZE, **PLACE) as page:
            await shoot_batch(page, folder / "web-batch.png")
        async with visiting(browser, port, viewport=SIZE, **PLACE) as page:
            for order in orders():
                await shop.client.submit(order)
            await shoot_orders(page, folder)
        dark = {"color_scheme": "dark", "viewport": {**SIZE, "height": 480}}
        async with visiting(browser, port, **dark, **PLACE) as page:
            await page.goto("/attention")
            await page.screenshot(path=folder / "web-attention.png")


@asynccontextmanager
async def open_shop() -> AsyncGenerator[tuple[WebShop, int]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(f"sqlite:///{folder / 'orders.db'}")
        await database.migrate()
        async with EmbeddedServer(folder / "server", port=0, ui_port=0) as server:
            temporal = await connect(server.address)
            world = SimulatedWorld(database, latency=LATENCY)
            shop = WebShop(database, temporal, folder, keys=None, world=world)
            async with shop.open(), shop.on_a_port() as port:
                yield shop, port
        await database.dispose()


def orders() -> Iterator[Order]:
    """Those that all goes well with, and then one for each story."""
    yield from sample_orders(FIRST)
    for number, story in enumerate(STORIES, FIRST + len(sample_orders(FIRST))):
        yield _story(story, f"ORDER-{number}")


def _story(name: str, order_id: str) -> Order:
    """`undone`: the charge takes three attempts, and then the carrier does not take the parcel."""
    if name != "undone":
        return scenario_order(name, order_id)
    order = scenario_order("dispatch-refused", order_id)
    slow = scenario_order("payment-down-for-a-while", order_id)
    return order.model_copy(update={"payment_method": slow.payment_method})


def batch_rows() -> Iterator[Row]:
    for number in range(1, 81):
        card = "pm_card_declined" if number % 9 == 0 else "pm_card_ok"
        yield row(f"SHOP-{number:04}", card=card, quantity=str(number % 4 + 1))
    yield row("SHOP-0081", quantity="0")


async def shoot_batch(page: Page, image: Path) -> None:
    """From the form to where a good half is done; then to the end."""
    with tempfile.TemporaryDirectory() as name:
        file = write_orders(Path(name, "monday-orders.csv"), batch_rows())
        await page.goto("/new-batch")
        await page.get_by_label("File", exact=True).set_input_files(file)
        await page.get_by_role("button", name="Upload and show the plan").click()
    await page.get_by_label("Orders under way at once").fill("12")
    await page.get_by_role("button", name="Run 80 orders").click()
    await expect(page.locator("h1")).to_have_text("monday-orders")
    await page.goto("/batches/monday-orders")
    done = re.compile("^(4[5-9]|5[0-9]|6[0-9]) of 80 orders done")
    await expect(page.locator("#progress-title")).to_have_text(done, timeout=PATIENCE_MS)
    await page.screenshot(path=image)
    await expect(page.locator(".heading .badge")).to_have_text("finished", timeout=PATIENCE_MS)


async def shoot_orders(page: Page, folder: Path) -> None:
    """Once each of the stories has come to where it is told."""
    await page.goto(f"/orders/{UNDONE}")
    await expect(page.locator("#step-notification")).to_contain_text("completed", timeout=PATIENCE_MS)
    await expect(page.locator("#waiting")).to_have_text("2", timeout=PATIENCE_MS)
    await page.screenshot(path=folder / "web-order.png", full_page=True)
    await page.goto("/")
    await page.screenshot(path=folder / "web-orders.png")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES))
