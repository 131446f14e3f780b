"""The receiver is away while orders end; worker and server are killed; and every event arrives."""

import os
import signal
from pathlib import Path

import pytest

from order_system.infra.temporal.connection import connect
from order_system.orders.client import OrderClient
from tests.fixtures.peers.receiver import SECRET, Receiver
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually
from tests.integration.batches.test_kills import QUEUE, SECONDS, Scene


@pytest.mark.long
async def test_every_event_arrives(sqlite_url: str, tmp_path: Path) -> None:
    receiver = Receiver()  # which is away
    scene = Scene(tmp_path, sqlite_url)
    scene.environment |= {"ORDER_WEBHOOKS_URL": receiver.url, "ORDER_WEBHOOKS_SECRET": SECRET}
    await scene.database.prepare()
    faults = ("pm_card_ok", "pm_card_declined", "pm_answer_lost_once")
    orders = [an_order(payment_method=faults[number % 3]) for number in range(6)]
    ids = [each.order_id for each in orders]

    async def closed(how_many: int) -> bool:
        records = await scene.book.find(ids)
        return sum(record.status != "open" for record in records.values()) >= how_many

    async with scene.servers:
        server = await scene.start_server()
        client = OrderClient(await connect(server.address), scene.book, task_queue=QUEUE)
        async with worker_process(scene.log, **scene.environment):
            for each in orders:
                await client.submit(each)
            await eventually(lambda: closed(2), SECONDS, "some orders to end")
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        await scene.servers.aclose()
        await scene.start_server()
        async with worker_process(scene.log, **scene.environment):
            await eventually(lambda: closed(len(ids)), SECONDS, "all orders to end")
            assert receiver.events == {}
            with receiver.there():
                kinds = ("order.fulfilled", "order.failed", "order.fulfilled")
                expected = {(kinds[number % 3], order_id) for number, order_id in enumerate(ids)}

                async def all_told() -> bool:
                    return receiver.told() == expected

                await eventually(all_told, SECONDS, "every event")
    assert receiver.forged == 0
    assert "hidden-path" not in scene.log.read_text()
    await scene.database.dispose()
