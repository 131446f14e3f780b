from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page
from playwright.async_api import expect as expect_that
from temporalio.client import Client

from order_system.infra.database import Database
from order_system.web import policy
from tests.browser.stall import Stall
from tests.fixtures.web.browsers import PATIENCE_MS, running_browser, visiting
from tests.fixtures.web.web import WebShop

expect_that.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Without it these tests fail: that a page works in no browser is what they are there to find."""
    try:
        async with running_browser() as browser:
            yield browser
    except FileNotFoundError as absent:
        pytest.fail(str(absent), pytrace=False)


@pytest.fixture(autouse=True)
def pages_renew_themselves_soon(calls_may_be_held: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is held meanwhile stays so: a browser takes its time on a busy machine."""
    for name in ("PAGE_RENEWED", "PAGE_RENEWED_SELDOM"):
        monkeypatch.setattr(policy, name, timedelta(seconds=1))


@pytest.fixture
async def stall(client: Client, sqlite_database: Database, tmp_path: Path) -> AsyncIterator[Stall]:
    shop = WebShop(sqlite_database, client, tmp_path, keys=None)
    async with shop.open(), shop.on_a_port() as port:
        yield Stall(shop, port)


@pytest.fixture
async def page(stall: Stall, chromium: Browser) -> AsyncIterator[Page]:
    async with visiting(chromium, stall.port) as opened:
        yield opened
