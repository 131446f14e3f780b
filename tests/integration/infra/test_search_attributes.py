"""What orders are found by on the real server, and what becomes of a server that does not know it."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from order_system.domain.answers import GiveUp
from order_system.domain.errors import OrderSystemError, OutOfStock, ServerUnreachable
from order_system.domain.ids import order_workflow_id, step_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.search_attributes import BATCH_NAME, FAILED_STEP, KINDS, ORDER_ID, ORDER_STATUS
from order_system.domain.steps import Step
from order_system.infra import policy
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.registration import register_search_attributes
from tests.fixtures.processes.forwarding import forwarded, unused_port
from tests.fixtures.processes.servers import server_that_knows
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders
from tests.fixtures.shops.shop import Handle, Shop, an_order
from tests.fixtures.steering.waiting import eventually

WAIT_SECONDS = 60
UPSERT = "upsert_workflow_search_attributes_event_attributes"


async def found(shop: Shop, query: str, ids: set[str]) -> None:
    async def all_found() -> bool:
        return {each.id async for each in shop.temporal.list_workflows(query)} == ids

    await eventually(all_found, WAIT_SECONDS, query)


async def upserts(handle: Handle) -> int:
    return sum(event.HasField(UPSERT) for event in (await handle.fetch_history()).events)


async def ended(shop: Shop, order: Order) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        await shop.ended(shop.handle(order))


async def test_an_order_and_its_children_are_found_by_its_id_and_status(shop: Shop) -> None:
    order = an_order()
    parent = order_workflow_id(order.order_id)
    children = {step_workflow_id(step, order.order_id) for step in Step}
    async with shop.open():
        await shop.client.submit(order)
        await ended(shop, order)
        await found(shop, f"OrderId = '{order.order_id}'", {parent, *children})
        await found(shop, f"OrderId = '{order.order_id}' AND OrderStatus = 'fulfilled'", {parent})
        assert await upserts(shop.handle(order)) == 1


async def test_whatever_needs_attention_is_found_with_the_step_that_failed(shop: Shop) -> None:
    order = an_order(hold_on_failure=timedelta(days=2))
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    async with shop.open():
        await shop.client.submit(order)
        mine = f"OrderId = '{order.order_id}'"
        waiting = "OrderStatus = 'needs_attention' AND FailedStep = 'inventory'"
        await found(shop, f"{mine} AND {waiting}", {order_workflow_id(order.order_id)})
        await shop.attention.answer(order.order_id, GiveUp(who="ada@desk-1", note=""))
        await ended(shop, order)
        attributes = (await shop.handle(order).describe()).typed_search_attributes
    assert attributes[ORDER_STATUS] == OrderStatus.FAILED
    assert attributes[FAILED_STEP] == Step.INVENTORY


async def test_an_order_that_was_started_by_hand_gets_what_it_lacks(shop: Shop) -> None:
    order = an_order(payment_method="pm_card_declined")
    async with shop.open():
        await shop.start(order)
        await ended(shop, order)
        attributes = (await shop.handle(order).describe()).typed_search_attributes
        assert await upserts(shop.handle(order)) == 1
    assert (attributes[ORDER_ID], attributes[ORDER_STATUS]) == (order.order_id, OrderStatus.FAILED)


async def test_without_a_worker_the_server_still_knows_that_an_order_needs_attention(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "QUERY", timedelta(milliseconds=300))
    order = an_order(hold_on_failure=timedelta(days=2))
    shop.stage.fail("before reserve", lambda: OutOfStock("no"))
    async with shop.open():
        await shop.client.submit(order)
        await found(
            shop,
            f"OrderId = '{order.order_id}' AND OrderStatus = 'needs_attention'",
            {order_workflow_id(order.order_id)},
        )
    assert (await shop.client.status(order.order_id)).status == OrderStatus.NEEDS_ATTENTION
    await shop.handle(order).terminate()


async def test_the_orders_of_a_batch_are_found_by_its_name(
    client: Client, sqlite_database: Database, tmp_path: Path
) -> None:
    shop = BatchShop(sqlite_database, client, tmp_path)
    name = f"found-{shop.task_queue}"
    file = write_orders(tmp_path / "orders.csv", [row(f"{name}-1"), row(f"{name}-2")])
    async with shop.open(), asyncio.timeout(WAIT_SECONDS):
        await shop.run(await shop.request(name, file))
        orders = {order_workflow_id(f"{name}-{number}") for number in (1, 2)}
        await found(shop, f"BatchName = '{name}' AND OrderStatus = 'fulfilled'", orders)
    assert BATCH_NAME.name == "BatchName"


# --- registering ----------------------------------------------------------------------------------


async def test_a_server_that_does_not_know_them_refuses_orders_with_the_cure_and_is_told_once(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with server_that_knows({}, tmp_path) as server:
        client = await connect(server.address)
        with pytest.raises(OrderSystemError, match=r"a worker registers it as it starts: python worker\.py"):
            await Shop(sqlite_database, client).client.submit(an_order())
        await asyncio.gather(register_search_attributes(client), register_search_attributes(client))
        await register_search_attributes(client)
        for name in KINDS:
            assert (await client.count_workflows(f"{name} IS NULL")).count == 0


async def test_a_worker_does_not_start_where_one_is_of_another_type(tmp_path: Path) -> None:
    async with server_that_knows({"OrderId": "Int"}, tmp_path) as server:
        client = await connect(server.address)
        with pytest.raises(OrderSystemError, match="OrderId of namespace default is not of type"):
            await register_search_attributes(client)


async def test_a_server_that_goes_away_meanwhile_is_no_refusal(dev_server: EmbeddedServer) -> None:
    port = unused_port()
    async with forwarded(port, int(dev_server.address.partition(":")[2])):
        client = await connect(f"127.0.0.1:{port}")
        await register_search_attributes(client)
    with pytest.raises(ServerUnreachable, match="has gone away"):
        await register_search_attributes(client)
