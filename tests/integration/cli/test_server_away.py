"""What a command says when the server goes away while it follows a batch."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from temporalio.client import Client

from order_system.batches.client import BatchClient
from order_system.cli.batches.run import followed
from order_system.cli.screen import Screen
from order_system.cli.session import Session
from order_system.domain import policy
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.processes.forwarding import LOOPBACK, forwarded, unused_port
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders
from tests.fixtures.shops.watched import WAIT_SECONDS
from tests.fixtures.steering.waiting import eventually


def session_of(shop: BatchShop, batches: BatchClient, temporal: Client) -> Session:
    system = SimpleNamespace(batch_client=Mock(return_value=batches), task_queue=shop.task_queue)
    return Session(cast("Any", system), temporal, Screen(as_json=False), ui_url=None, embedded=False)


async def test_who_follows_a_batch_hears_soon_that_the_server_has_gone_and_that_it_is_back(
    dev_server: EmbeddedServer,
    client: Client,
    sqlite_database: Database,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shop, port = BatchShop(sqlite_database, client, tmp_path), unused_port()
    server, said = int(dev_server.address.rpartition(":")[2]), ""
    shop.patience = policy.PATIENCE
    shop.stage.unreachable("charge")  # the order goes on until we let it

    async def hears(words: str) -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return words in said

    async with shop.open(), asyncio.timeout(3 * WAIT_SECONDS):
        async with forwarded(port, server):
            far = await connect(f"{LOOPBACK}:{port}")
            batches = BatchClient(far, shop.batch_book, shop.files, task_queue=shop.task_queue)
            await batches.start(
                await shop.request("gone", write_orders(tmp_path / "gone.csv", [row("GONE")]))
            )
            following = asyncio.create_task(followed(session_of(shop, batches, far), "gone"))
            await eventually(lambda: hears("1 running"), WAIT_SECONDS, "the progress")
        gone = "the Temporal server does not answer; waiting for it, for up to 60 s"
        await eventually(lambda: hears(gone), 15, "word that the server has gone")
        async with forwarded(port, server):
            await eventually(lambda: hears("the Temporal server answers again"), WAIT_SECONDS, "its return")
            shop.stage.mend()
            assert (await following).counts.fulfilled == 1
    assert said.count("does not answer") == said.count("answers again") == 1


async def test_who_follows_a_batch_hears_that_no_worker_runs(
    client: Client, sqlite_database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = BatchShop(sqlite_database, client, tmp_path)
    batches = BatchClient(client, shop.batch_book, shop.files, task_queue=shop.task_queue)
    async with asyncio.timeout(2 * WAIT_SECONDS):
        await batches.start(await shop.request("idle", write_orders(tmp_path / "idle.csv", [row("IDLE")])))
        following, said = asyncio.create_task(followed(session_of(shop, batches, client), "idle")), ""

        async def hears_of_it() -> bool:
            nonlocal said
            said += capsys.readouterr().out
            return "no worker takes work, so nothing goes on" in said

        await eventually(hears_of_it, 15, "word that no worker runs")
        async with shop.open():
            assert (await following).counts.fulfilled == 1
