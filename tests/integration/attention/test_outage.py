"""A worker that is gone is told within 15 seconds, everywhere; one that is there, busy or just started, is
never called missing; and what was accepted meanwhile is listed at once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from httpx import AsyncClient
from temporalio.api.workflowservice.v1 import ListWorkersRequest
from temporalio.client import Client

from order_system.attention.concerns import ConcernKind
from order_system.infra import policy
from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.web.seen_pages import seen
from tests.fixtures.web.web import WebShop, document

TOLD_WITHIN = timedelta(seconds=15)
PATIENCE_SECONDS = 180


@pytest.fixture
async def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> WebShop:
    await sqlite_database.prepare()  # so that both know which book it is, and that it is the same one
    return WebShop(sqlite_database, client, tmp_path)


@pytest.fixture
def environment(shop: WebShop, dev_server: EmbeddedServer, sqlite_url: str) -> dict[str, str]:
    return {
        "TEMPORAL_ADDRESS": dev_server.address,
        "ORDER_DATABASE_URL": sqlite_url,
        "ORDER_TASK_QUEUE": shop.task_queue,
        "ORDER_FAULTS": "none",
        "ORDER_RECONCILE_EVERY": "0",
    }


@pytest.fixture
async def browser(shop: WebShop) -> AsyncIterator[AsyncClient]:
    async with shop.browsing() as browser:
        yield browser


async def told(browser: AsyncClient) -> dict[str, object]:
    """What API, probe and badge say at this moment."""
    answers = await asyncio.gather(
        browser.get("/api/attention"), browser.get("/readyz"), browser.get("/"), browser.get("/attention")
    )
    concerns, ready, page, _ = answers
    badge = page.text.split('id="waiting"')[1].split("</span>")[0]
    return {
        "concerns": [concern["kind"] for concern in concerns.json()["concerns"]],
        "ready": ready.status_code,
        "badge": 0 if " hidden" in badge else int(badge.rsplit(">", 1)[1]),
        "page": "All is well" if "All is well" in answers[3].text else "",
    }


WELL = {"concerns": [], "ready": 200, "badge": 0, "page": "All is well"}
NO_WORKER = {"concerns": [ConcernKind.NO_WORKER.value], "ready": 503, "badge": 1, "page": ""}


async def heard(client: Client, task_queue: str) -> set[str]:
    """The workers that have sent a heartbeat. One that dies before its first, two seconds after its start, is
    known by its poller."""
    query = f"TaskQueue = '{task_queue}'"
    known = await client.workflow_service.list_workers(ListWorkersRequest(namespace="default", query=query))
    return {worker.worker_heartbeat.worker_instance_key for worker in known.workers_info}


def test_by_what_we_wait_for_an_outage_is_told_within_fifteen_seconds() -> None:
    """Also by who looks once more, since a look was under way as the worker went. What the machine itself
    takes on top is not ours: with heartbeats that come late, we wait longer."""
    assert policy.WORKER_SILENT + 2 * policy.WORKER_HEARD < TOLD_WITHIN


@pytest.mark.long
async def test_an_outage_is_told_everywhere_and_what_is_accepted_is_listed_at_once(
    shop: WebShop, browser: AsyncClient, environment: dict[str, str], tmp_path: Path
) -> None:
    """Of a worker that is killed, and of the next one, which hangs and keeps its connections."""

    async def is_there() -> bool:
        new = await heard(shop.temporal, shop.task_queue) - dead
        return bool(new) and await told(browser) == WELL

    async def is_told() -> bool:
        return (await browser.get("/readyz")).status_code == 503 and await told(browser) == NO_WORKER

    orders, dead = [an_order() for _ in range(3)], set[str]()
    async with worker_process(tmp_path / "worker.log", **environment) as worker:
        await eventually(is_there, PATIENCE_SECONDS, "a worker that is seen")
        worker.send_signal(signal.SIGKILL)
        for order in orders:
            assert (await browser.post("/api/orders", json=document(order))).status_code == 202
        rows = (await browser.get("/api/orders")).json()["rows"]
        counted = seen(await browser.get("/")).text
        await eventually(is_told, PATIENCE_SECONDS, "the outage to be told")
    dead |= await heard(shop.temporal, shop.task_queue)
    async with worker_process(tmp_path / "another.log", **environment) as worker:
        recovered = await told(browser)
        for order in orders:
            await asyncio.wait_for(shop.ended(shop.handle(order)), PATIENCE_SECONDS)
        ended = (await browser.get("/api/orders")).json()["rows"]
        await eventually(is_there, PATIENCE_SECONDS, "another worker that is seen")
        worker.send_signal(signal.SIGSTOP)
        waiting = an_order()
        assert (await browser.post("/api/orders", json=document(waiting))).status_code == 202
        await eventually(is_told, PATIENCE_SECONDS, "that it hangs to be told")
        await shop.handle(waiting).terminate()

    listed = [(row["order_id"], row["status"], row["total"]) for row in rows]
    assert listed == [(order.order_id, "running", None) for order in reversed(orders)]
    assert "running 3" in counted
    assert recovered["concerns"] == [], "a worker that has just started is there"
    assert {(row["order_id"], row["status"]) for row in ended} == {
        (order.order_id, "fulfilled") for order in orders
    }
