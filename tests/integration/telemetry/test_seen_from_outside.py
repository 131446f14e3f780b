"""A real worker and real pages, watched: a Prometheus scrapes them, and their traces are received. Gateways
fail, refuse, and repeat whatever they were told."""

import asyncio
import json
import math
import os
import re
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from temporalio.client import Client

from order_system.infra.redaction import REDACTED
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.processes.command_line import Running
from tests.fixtures.processes.forwarding import LOOPBACK, unused_port
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.telemetry.echoing import REFUSED
from tests.fixtures.telemetry.prometheus import Prometheus, scraping
from tests.fixtures.telemetry.receiver import Received, receiving
from tests.fixtures.web.web import document
from tests.unit.project.test_metrics import panel_queries

pytestmark = pytest.mark.long

SECONDS = 60
HELD = 2
ECHOING = "tests.fixtures.telemetry.echoing"


@dataclass
class Watched:
    """What was told, and to whom."""

    client: Client
    queue: str
    received: Received
    prometheus: Prometheus
    pages: httpx.AsyncClient
    log: Path
    metrics: list[int]
    """Ports."""
    private: list[str] = field(default_factory=list[str])
    """Whatever was personal in the orders."""
    ended: list[str] = field(default_factory=list[str])

    def secret(self, prefix: str = "") -> str:
        self.private.append(f"{prefix}Zq{uuid.uuid4().hex[:12]}")
        return self.private[-1]

    async def submit(self, order_id: str, *, pays: str = "", street: str = "", held: bool = False) -> None:
        """Each personal field holds something that is nowhere else."""
        order = document(an_order(order_id))
        order["customer"] = {"name": self.secret(), "email": f"{self.secret()}@{self.secret()}.example"}
        order["payment_method"] = "pm_" + self.secret(pays)
        address = {name: self.secret() for name in ("city", "region", "postal_code")}
        order["shipping_address"] = {"street": self.secret(street), "country": "US", **address}
        if held:
            order["hold_on_failure"] = "1h"
        else:
            self.ended.append(order_id)
        answer = await self.pages.post("/api/orders", json=order)
        assert answer.status_code == 202, answer.text

    async def wave(self, name: str) -> None:
        await self.submit(f"{name}-OK")
        await self.submit(f"{name}-DECLINED", pays=REFUSED)
        await self.submit(f"{name}-REFUSED", street=REFUSED)
        await self.submit(f"{name}-HELD", street=REFUSED, held=True)
        await eventually(self._are_counted, SECONDS, "the orders' ends to be seen")

    async def _are_counted(self) -> bool:
        return await self.prometheus.number("sum(orders_closed_total)") >= len(self.ended)


@pytest.fixture(scope="module")
async def watched(
    dev_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    metrics = [unused_port(), unused_port()]
    queue = f"queue-{uuid.uuid4().hex}"
    with receiving() as received:
        settings = {
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "TEMPORAL_ADDRESS": dev_server.address,
            "ORDER_DATA_DIR": str(folder),
            "ORDER_TASK_QUEUE": queue,
            "ORDER_FAULTS": "none",
            "ORDER_LATENCY_MIN": "0",
            "ORDER_LATENCY_MAX": "0",
            "ORDER_RECONCILE_EVERY": "1",
            "ORDER_LOG_FORMAT": "json",
            "ORDER_WEB_PORT": "0",
            "ORDER_PAYMENTS": f"{ECHOING}:payments",
            "ORDER_CARRIER": f"{ECHOING}:carrier",
            "ORDER_MAILER": "http",
            "ORDER_MAILER_URL": received.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": received.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        log = folder / "log"
        of_worker = {**settings, "ORDER_METRICS_PORT": str(metrics[0])}
        async with AsyncExitStack() as opened:
            serving = Running("starter.py", "serve", env={**settings, "ORDER_METRICS_PORT": str(metrics[1])})
            opened.callback(serving.process.communicate)
            opened.callback(serving.process.kill)
            prometheus = await opened.enter_async_context(scraping(folder, metrics))
            await opened.enter_async_context(worker_process(log, **of_worker))
            assert serving.process.stdout is not None
            line = await asyncio.to_thread(serving.process.stdout.readline)
            found = re.search(r"http://\S+:\d+", line)
            assert found, (line, serving.process.poll())
            pages = await opened.enter_async_context(httpx.AsyncClient(base_url=found[0]))
            client = await connect(dev_server.address)
            told = Watched(client, queue, received, prometheus, pages, log, metrics)
            for name in ("A", "B"):  # what did not grow while it was looked at has no rate
                await told.wave(name)
            yield told


async def test_every_query_of_the_dashboards_is_answered(watched: Watched) -> None:
    queries = {query.replace("$__rate_interval", "1m") for query in panel_queries()}
    empty = set(queries)

    async def all_answered() -> bool:
        for query in list(empty):
            values = [float(each["value"][1]) for each in await watched.prometheus.ask(query)]
            if any(not math.isnan(value) for value in values):
                empty.discard(query)
        return not empty

    try:
        await eventually(all_answered, SECONDS, "all queries")
    except TimeoutError:
        assert empty == set()
    assert {rule["health"] for rule in await watched.prometheus.rules()} <= {"ok", "unknown"}


async def test_money_at_risk_is_what_was_taken_for_orders_that_are_held(watched: Watched) -> None:
    at_risk = 'max by (currency, age) (money_at_risk{why="held", currency="USD"})'

    async def is_told() -> bool:
        return await watched.prometheus.number(f"sum({at_risk})") == pytest.approx(HELD * 1059.97)

    await eventually(is_told, SECONDS, "the money of the orders that are held")
    told_by = await watched.prometheus.ask('count by (instance) (money_at_risk{why="held"})')
    assert len(told_by) == len(watched.metrics)  # worker and pages alike


async def test_an_order_is_one_trace_from_the_request_to_its_mail(watched: Watched) -> None:
    mail = watched.received.traces_of_mails["A-OK"].split("-")
    spans: dict[str, Span] = {}

    async def has_come() -> bool:
        spans.update(
            {
                span.span_id.hex(): span
                for span in list(watched.received.spans)
                if span.trace_id.hex() == mail[1]
            }
        )
        return "RunWorkflow:OrderFulfillmentWorkflow" in {span.name for span in spans.values()}

    await eventually(has_come, SECONDS, "the trace")
    names = {span.name for span in spans.values()}
    steps = ("Payment", "Inventory", "Shipping", "Notification")
    assert {
        "POST /api/orders",
        "StartWorkflow:OrderFulfillmentWorkflow",
        *(f"RunWorkflow:{step}Workflow" for step in steps),
        "RunActivity:charge",
        "payments charge",
        "warehouse reserve",
        "carrier dispatch",
        "mailer send",
        "transaction claim",
        "transaction fulfil",
    } <= names
    assert spans[mail[2]].name == "mailer send"
    # Every span but the first has its parent in the same trace.
    assert [span.name for span in spans.values() if span.parent_span_id.hex() not in spans] == [
        "POST /api/orders"
    ]
    lines = [json.loads(line) for line in watched.log.read_text().splitlines()]
    told = [line for line in lines if line.get("order_id") == "A-OK" and line.get("trace_id") == mail[1]]
    assert told
    assert {line["span_id"] for line in told} <= set(spans)


async def test_nothing_personal_leaves_by_metrics_traces_logs_or_search_attributes(watched: Watched) -> None:
    reasons: dict[str, str] = {}
    for order_id in watched.ended:
        answer = await watched.pages.get(f"/api/orders/{order_id}")
        reasons[order_id] = answer.json()["reason"] or ""
    scraped = [
        (await watched.pages.get(f"http://{LOOPBACK}:{port}/metrics")).text for port in watched.metrics
    ]
    attributes = [
        repr([*execution.typed_search_attributes, *(await execution.memo()).items()])
        async for execution in watched.client.list_workflows(f"TaskQueue = '{watched.queue}'")
    ]
    errors = defaultdict[str, list[str]](list)
    for line in map(json.loads, watched.log.read_text().splitlines()):
        errors[str(line.get("step"))].append(str(line.get("error", "")))

    # The gateways have said it: so it could have leaked.
    assert REDACTED in reasons["A-DECLINED"]
    assert any("the card is declined" in error for error in errors["payment"])
    assert any("cannot write to" in error for error in errors["notification"])
    assert len(attributes) > len(watched.ended)
    told: dict[str, Any] = {
        "metrics": "".join(scraped),
        "traces": watched.received.exported.decode("latin-1"),
        "log": watched.log.read_text(),
        "attributes": "".join(attributes),
    }
    for where, text in told.items():
        assert [secret for secret in watched.private if secret in text] == [], where


async def test_a_port_that_is_taken_is_told_and_not_fought_for(watched: Watched, tmp_path: Path) -> None:
    environment = {"ORDER_DATA_DIR": str(tmp_path), "ORDER_METRICS_PORT": str(watched.metrics[0])}
    ended = await asyncio.to_thread(Running("worker.py", env=environment).finished)
    assert ended.code == 2
    assert f"metrics cannot be shown at 127.0.0.1:{watched.metrics[0]}" in ended.err
