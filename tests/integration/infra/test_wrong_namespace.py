"""A namespace that is not there is a wrong place, and no answer about any order in it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio.client import Client

from order_system.attention.client import AttentionClient
from order_system.batches.client import BatchClient
from order_system.batches.files import OrderFiles
from order_system.book.batches import SqlBatchBook
from order_system.domain.answers import GiveUp
from order_system.domain.errors import InvalidSettings
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.registration import register_search_attributes
from order_system.orders.client import OrderClient
from tests.fixtures.processes.command_line import Running
from tests.fixtures.shops.shop import Shop, an_order

Ask = Callable[[OrderClient, AttentionClient, BatchClient], Awaitable[Any]]

ASKED: dict[str, Ask] = {
    "status": lambda orders, _, __: orders.status("ORDER-001"),
    "cancel": lambda orders, _, __: orders.cancel("ORDER-001"),
    "submit": lambda orders, _, __: orders.submit(an_order()),
    "give-up": lambda _, attention, __: attention.answer("ORDER-001", GiveUp(who="ada")),
    "batch": lambda _, __, batches: batches.progress("monday"),
}


@pytest.mark.parametrize("question", ASKED)
async def test_it_is_told_in_one_line_with_the_cure(shop: Shop, question: str) -> None:
    nowhere = await connect(shop.temporal.service_client.config.target_host, "nope")
    assert isinstance(nowhere, Client)
    orders = OrderClient(nowhere, shop.book, task_queue=shop.task_queue)
    attention = AttentionClient(nowhere, shop.book, shop.abandoned, shop.schedule, task_queue=shop.task_queue)
    batches = BatchClient(
        nowhere, SqlBatchBook(shop.book.database), OrderFiles(["."]), task_queue=shop.task_queue
    )
    with pytest.raises(InvalidSettings) as refused:
        await ASKED[question](orders, attention, batches)
    assert "nope" in str(refused.value)
    assert "TEMPORAL_NAMESPACE" in str(refused.value)


async def test_the_audit_does_not_take_it_for_a_server_where_nothing_has_completed(
    dev_server: EmbeddedServer, sqlite_url: str
) -> None:
    environment = {"ORDER_DATABASE_URL": sqlite_url, "TEMPORAL_ADDRESS": dev_server.address}
    clean = Running("starter.py", "audit", env=environment)
    audited = await asyncio.to_thread(clean.finished)
    assert (audited.code, audited.err) == (0, "")
    nowhere = Running("starter.py", "audit", env=environment | {"TEMPORAL_NAMESPACE": "nope"})
    refused = await asyncio.to_thread(nowhere.finished)
    assert (refused.code, refused.out) == (2, "")
    [line] = refused.err.splitlines()
    assert "Namespace nope is not found" in line


async def test_a_worker_says_so_too(shop: Shop) -> None:
    nowhere = await connect(shop.temporal.service_client.config.target_host, "nope")
    with pytest.raises(InvalidSettings, match=r"Namespace nope is not found.*namespace create"):
        await register_search_attributes(nowhere)
