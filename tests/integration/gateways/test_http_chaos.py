"""Chaos, short: all gateways are in another process, which is killed, slow and cut off while a worker fulfils
orders. Nothing is done twice, nothing is lost, and nothing untrue is said."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError

from order_system.audit.report import audit
from order_system.book.order_book import SqlOrderBook
from order_system.domain.gateways import Statement
from order_system.domain.ids import order_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.order import FirstAttempts, Order
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.orders.client import OrderClient
from tests.fixtures.processes.cutting import CuttingWay, Fate
from tests.fixtures.processes.simulate_process import over_http
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.shop import an_order

SEED = 8
ORDERS = 12
KILLS = random.Random(SEED).sample(range(10, 50), 2)
SECONDS = 180


def the_order(number: int) -> Order:
    """Every sixth is declined, has no stock, or is refused at the hand-over; so is one that is cancelled. Of
    two of a kind one makes its first attempts as local activities."""
    first = tuple(FirstAttempts)[number // 6 % 2]
    order = an_order(f"CHAOS-HTTP-{number:02d}", first_attempts=first)
    nowhere = order.shipping_address.model_copy(update={"postal_code": "00001"})
    lines = (order.lines[0].model_copy(update={"sku": "OUT-OF-STOCK"}),)
    changes = {
        1: {"payment_method": "pm_card_declined"},
        2: {"lines": lines},
        3: {"shipping_address": nowhere},
    }
    return order.model_copy(update=changes.get(number % 6, {}))


@pytest.mark.long
async def test_a_service_that_dies_is_slow_and_cut_off_costs_neither_money_nor_truth(
    client: Client, dev_server: EmbeddedServer, sqlite_url: str, sqlite_database: Database, tmp_path: Path
) -> None:
    way = CuttingWay(tmp_path / "there", SEED, KILLS, ORDER_LATENCY_MIN="0.02", ORDER_LATENCY_MAX="0.1")
    environment = {
        "TEMPORAL_ADDRESS": dev_server.address,
        "ORDER_DATABASE_URL": sqlite_url,
        "ORDER_TASK_QUEUE": f"queue-of-{tmp_path.name}",
        **over_http(f"http://127.0.0.1:{way.port}"),
    }
    book = SqlOrderBook(sqlite_database)
    orders = OrderClient(client, book, task_queue=environment["ORDER_TASK_QUEUE"])
    all_of_them = [the_order(number) for number in range(ORDERS)]

    async def play(order: Order, *, cancelled: bool) -> None:
        await orders.submit(order)
        handle = client.get_workflow_handle(order_workflow_id(order.order_id))
        if cancelled:  # its charge is under way, and may be cut off
            await way.heard_of(order.order_id)
            await handle.cancel()
        with suppress(WorkflowFailureError):
            await handle.result()

    async with way.open(), worker_process(tmp_path / "worker.log", **environment), asyncio.timeout(SECONDS):
        await way.is_up()
        await asyncio.gather(*(play(each, cancelled=n % 6 == 5) for n, each in enumerate(all_of_them)))
        told = {each.order_id: await orders.status(each.order_id) for each in all_of_them}

    world = Database(f"sqlite:///{tmp_path}/there/world/orders.db")
    statement = await SimulatedWorld(world).statement()
    await world.dispose()
    report = audit(await book.ledger(), statement)
    assert [each for check in report.checks for each in check.violations] == []
    assert report.open_submissions == ()
    for each in all_of_them:
        _check_what_was_said(each, told[each.order_id].status, statement)
    statuses = [each.status for each in told.values()]
    assert statuses.count(OrderStatus.FULFILLED) >= ORDERS // 3
    assert statuses.count(OrderStatus.FAILED) == ORDERS // 2
    assert "HTTP Request" not in (tmp_path / "worker.log").read_text()
    # All of this has happened, or the test has shown nothing.
    assert way.killed == len(KILLS)
    assert set(way.fates) == set(Fate)


def _check_what_was_said(order: Order, status: OrderStatus, statement: Statement) -> None:
    """Of an order that is told to be fulfilled, or not."""
    prefix = f"{order.order_id}:"
    paid = [(each.amount, each.refunded) for each in statement.charges if each.key.startswith(prefix)]
    stock = [each.state for each in statement.reservations if each.key.startswith(prefix)]
    parcels = [each.state for each in statement.shipments if each.label_key.startswith(prefix)]
    if status is OrderStatus.FULFILLED:
        assert (paid, stock, parcels) == ([(order.total, 0)], ["committed"], ["dispatched"])
    else:
        assert status in (OrderStatus.FAILED, OrderStatus.CANCELLED)
        assert paid in ([], [(order.total, order.total)])
        assert stock in ([], ["released"])
        assert parcels in ([], ["voided"])
