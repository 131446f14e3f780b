"""Temporal's own Web UI shows what is sealed to whoever has logged in on our pages, and to nobody else."""

import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.web.serving import serving
from tests.fixtures.shops.sealed import a_key, connected_by
from tests.fixtures.shops.shop import an_order
from tests.fixtures.web.browsers import profile
from tests.fixtures.web.web import OPERATOR_KEY, WebShop


@pytest.fixture
async def sealed(
    monkeypatch: pytest.MonkeyPatch, sqlite_database: Database, tmp_path: Path
) -> AsyncIterator[tuple[str, str]]:
    """The page of a fulfilled order in the Web UI, and the address of our pages."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = f"http://localhost:{listener.getsockname()[1]}"
        folder = tmp_path / "server"
        async with EmbeddedServer(folder, port=0, ui_port=0, codec_endpoint=f"{ours}/api/codec") as server:
            temporal = await connected_by(monkeypatch, a_key("2026-11"), server.address)
            shop = WebShop(sqlite_database, temporal, tmp_path, ui_url=server.ui_url)
            async with serving(shop.app, listener), shop.open():
                handle = await shop.start(an_order())
                await handle.result()
                page = shop.services.links.run(handle.id, handle.first_execution_run_id)
                assert page is not None
                yield page, ours


async def asks_with_our_cookie(web_ui: Page, ours: str) -> None:
    """As docs/sealed-payloads.md says."""
    await web_ui.get_by_role("button", name=re.compile("codec", re.IGNORECASE)).first.click()
    await web_ui.get_by_text("Use my browser setting").click()
    await web_ui.get_by_role("dialog").get_by_role("textbox").fill(f"{ours}/api/codec")
    await web_ui.get_by_text("Include cross-origin credentials").click()
    await web_ui.get_by_role("button", name="Apply").click()


async def test_the_web_ui_shows_an_order_to_whoever_has_logged_in(
    sealed: tuple[str, str], chromium: Browser
) -> None:
    order_page, ours = sealed
    customer = "ada@example.com"
    async with profile(chromium, 0) as context:
        page = await context.new_page()
        refused = page.locator("#content").get_by_text("Codec Server could not connect")
        await page.goto(order_page)
        await asks_with_our_cookie(page, ours)
        await expect(refused).to_be_visible()
        assert customer not in await page.content()

        await page.goto(f"{ours}/login")
        await page.get_by_label("Key").fill(OPERATOR_KEY)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page).to_have_url(f"{ours}/")
        await page.goto(order_page)
        await expect(page.get_by_text(customer).first).to_be_visible()
        await expect(refused).to_be_hidden()
