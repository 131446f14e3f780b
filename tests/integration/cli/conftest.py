"""One server and one worker for all commands of a session: order numbers count from 1 there."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.processes.command_line import ROOT, Running
from tests.fixtures.processes.shop_commands import QUIET_WORLD, UI, Env


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files of orders may lie."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="session")
def no_server(folder: Path) -> Env:
    return {
        **QUIET_WORLD,
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "ORDER_DATA_DIR": str(folder / "data"),
        "ORDER_FILE_ROOTS": f"{folder}, {ROOT / 'examples'}",
        "ORDER_UI_URL": UI,
        "ORDER_RECONCILE_EVERY": "0",  # a run at the full minute would settle what a test has terminated
    }


@pytest.fixture(scope="session")
async def server_only(no_server: Env, folder: Path) -> AsyncIterator[Env]:
    async with EmbeddedServer(folder / "temporal", port=0, ui_port=0, headless=True) as server:
        yield {**no_server, "TEMPORAL_ADDRESS": server.address}


@pytest.fixture(scope="session")
def shop(server_only: Env) -> Iterator[Env]:
    """Server and worker."""
    worker = Running("worker.py", env=server_only)
    stderr = worker.process.stderr
    assert stderr is not None
    assert any("worker ready" in line for line in stderr)
    yield server_only
    worker.process.terminate()
    assert worker.finished().code == 0
