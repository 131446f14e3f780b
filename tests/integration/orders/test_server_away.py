"""The way to the server breaks while somebody follows an order or a batch."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from order_system.batches.client import BatchClient
from order_system.domain.errors import ServerUnreachable
from order_system.domain.messages import OrderStatus
from order_system.infra import policy
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.orders.client import OrderClient
from tests.fixtures.processes.forwarding import LOOPBACK, forwarded, unused_port
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders
from tests.fixtures.shops.shop import an_order
from tests.fixtures.shops.watched import WAIT_SECONDS, watched
from tests.fixtures.steering.waiting import eventually

Seen = TypeVar("Seen")


async def last_of(seen: AsyncGenerator[Seen], first: asyncio.Event) -> Seen:
    last = await anext(seen)
    first.set()
    async for each in seen:
        last = each
    return last


@pytest.mark.long
async def test_whoever_follows_an_order_or_a_batch_goes_on_when_the_server_is_back(
    dev_server: EmbeddedServer,
    client: Client,
    sqlite_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, order, port = BatchShop(sqlite_database, client, tmp_path), an_order(), unused_port()
    server = int(dev_server.address.rpartition(":")[2])
    held = shop.stage.hold("after charge")
    seen = asyncio.Event(), asyncio.Event()
    async with shop.open(), asyncio.timeout(3 * WAIT_SECONDS):
        async with forwarded(port, server):
            far = await connect(f"{LOOPBACK}:{port}")
            orders = OrderClient(far, shop.book, task_queue=shop.task_queue)
            batches = BatchClient(far, shop.batch_book, shop.files, task_queue=shop.task_queue)
            await orders.submit(order)
            await held.reached()
            file = write_orders(tmp_path / "away.csv", [row(order.order_id + "-B")])
            await batches.start(await shop.request("away", file))
            following = (
                asyncio.create_task(last_of(orders.watch([order.order_id]), seen[0])),
                asyncio.create_task(last_of(batches.watch("away"), seen[1])),
            )
            await asyncio.gather(*(each.wait() for each in seen))

        async def away() -> bool:
            with pytest.raises(ServerUnreachable, match="does not answer"):
                await orders.status(order.order_id)
            return True

        with monkeypatch.context() as hasty:
            for bound in ("RPC", "QUERY", "CONNECT_AGAIN"):
                hasty.setattr(policy, bound, timedelta(milliseconds=300))
            await eventually(away, WAIT_SECONDS, "the server to be away")
        held.let_go()
        assert (await watched(shop, order)).status is OrderStatus.FULFILLED
        assert (await shop.followed("away")).counts.fulfilled == 1
        async with forwarded(port, server):
            progress, batch = await asyncio.gather(*following)
    assert progress[order.order_id].status is OrderStatus.FULFILLED
    assert batch.counts.fulfilled == 1


async def test_a_server_that_stays_away_is_not_waited_for_without_end(
    client: Client, sqlite_database: Database, dev_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, shop = unused_port(), BatchShop(sqlite_database, client, Path())
    monkeypatch.setattr(policy, "RPC", timedelta(milliseconds=300))
    monkeypatch.setattr(policy, "SERVER_AWAY", timedelta(milliseconds=100))
    async with forwarded(port, int(dev_server.address.rpartition(":")[2])):
        far = await connect(f"{LOOPBACK}:{port}")
    gone = OrderClient(far, shop.book, task_queue=shop.task_queue)
    async with asyncio.timeout(WAIT_SECONDS):
        with pytest.raises(ServerUnreachable):
            await anext(gone.watch(["NO-SUCH-ORDER"]))


async def test_nothing_but_answers_is_printed_to_stdout_while_the_server_is_away(
    dev_server: EmbeddedServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The SDK's Rust half prints there by itself, and `--json` would be no JSON any more."""
    port = unused_port()
    async with forwarded(port, int(dev_server.address.rpartition(":")[2])):
        far = await connect(f"{LOOPBACK}:{port}")

    async def complains() -> bool:
        with pytest.raises(RPCError):
            await far.get_workflow_handle("order-NOBODYS").describe()
        return "retried" in caplog.text

    with caplog.at_level(logging.WARNING, "temporalio.core"):
        await eventually(complains, 2 * WAIT_SECONDS, "the SDK to complain")
    assert capfd.readouterr().out == ""
