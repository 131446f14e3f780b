"""A shop with pages and API, those who visit it, and one whose Temporal server is gone."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from httpx import AsyncClient
from temporalio.client import Client
from temporalio.service import RetryConfig

from order_system.infra import policy as infra_policy
from order_system.infra.database import Database
from order_system.infra.temporal.conversion import data_converter
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.web.web import AS_VIEWER, WebShop

NOBODY: dict[str, str] = {}


@pytest.fixture(autouse=True)
def unhurried(calls_may_be_held: None) -> None:
    """In every test."""


@pytest.fixture
def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> WebShop:
    return WebShop(sqlite_database, client, tmp_path)


@pytest.fixture
def open_shop(client: Client, sqlite_database: Database, tmp_path: Path) -> WebShop:
    """Without keys."""
    return WebShop(sqlite_database, client, tmp_path, keys=None)


@pytest.fixture
async def operator(shop: WebShop) -> AsyncIterator[AsyncClient]:
    async with shop.browsing() as browser:
        yield browser


@pytest.fixture
async def viewer(shop: WebShop) -> AsyncIterator[AsyncClient]:
    async with shop.browsing(AS_VIEWER) as browser:
        yield browser


@pytest.fixture
async def stranger(shop: WebShop) -> AsyncIterator[AsyncClient]:
    async with shop.browsing(NOBODY) as browser:
        yield browser


@pytest.fixture(scope="session")
async def forsaken(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client whose server has gone. It tries again for a moment only, and not for ten seconds."""
    folder = tmp_path_factory.mktemp("gone") / "server"
    briefly = RetryConfig(max_elapsed_time_millis=300)
    async with EmbeddedServer(folder, port=0, ui_port=0, headless=True) as server:
        return await Client.connect(server.address, data_converter=data_converter, retry_config=briefly)


@pytest.fixture
async def without_server(
    forsaken: Client, sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncClient]:
    """An operator's browser."""
    for bound in ("RPC", "WAITING_ASKED"):
        monkeypatch.setattr(infra_policy, bound, timedelta(milliseconds=300))
    async with WebShop(sqlite_database, forsaken, tmp_path).browsing() as browser:
        yield browser
