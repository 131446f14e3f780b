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

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from temporalio.client import Client

from order_system.infra.redaction import REDACTED
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.books.canaries import found_in, marked_order
from tests.fixtures.peers.receiver import SECRET, Receiver
from tests.fixtures.processes.command_line import Running
from tests.fixtures.processes.forwarding import LOOPBACK, unused_port
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.telemetry.echoing import REFUSED
from tests.fixtures.telemetry.prometheus import Prometheus, scraping
from tests.fixtures.telemetry.receiver import Received, receiving
from tests.fixtures.web.web import document
from tests.unit.project.test_metrics import panel_queries

pytestmark = pytest.mark.long

SECONDS = 120
HELD = 2
OF_EACH_KIND_AT_ONCE = 3
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
    settings: dict[str, str]
    metrics: list[int]
    """Ports."""
    events: Receiver
    private: dict[str, str] = field(default_factory=dict[str, str])
    """Whatever was personal in the orders, and in which."""
    ended: list[str] = field(default_factory=list[str])

    async def submit(self, order_id: str, *, pays: str = "", street: str = "", held: bool = False) -> None:
        """Each personal field holds something that is nowhere else."""
        order, words = marked_order(order_id)
        told = document(order)
        told["payment_method"] = told["payment_method"].replace("pm_", f"pm_{pays}")
        told["shipping_address"]["street"] = street + told["shipping_address"]["street"]
        if held:
            told["hold_on_failure"] = "1h"
        else:
            self.ended.append(order_id)
        self.private |= dict.fromkeys(words, order_id)
        answer = await self.pages.post("/api/orders", json=told)
        assert answer.status_code == 202, answer.text

    async def wave(self, name: str, more: int) -> None:
        """Few at once: of too many, a busy machine has each attempt run out of its time, and none ends."""
        await self.submit(f"{name}-HELD", street=REFUSED, held=True)
        for first in range(0, 1 + more, OF_EACH_KIND_AT_ONCE):
            await asyncio.gather(
                *(
                    submit
                    for number in range(first, min(first + OF_EACH_KIND_AT_ONCE, 1 + more))
                    for submit in (
                        self.submit(f"{name}-OK{number or ''}"),
                        self.submit(f"{name}-DECLINED{number or ''}", pays=REFUSED),
                        self.submit(f"{name}-REFUSED{number or ''}", street=REFUSED),
                    )
                )
            )
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
    events = Receiver()
    with receiving() as received, events.there():
        settings = {
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "TEMPORAL_ADDRESS": dev_server.address,
            "ORDER_DATA_DIR": str(folder),
            "ORDER_TASK_QUEUE": queue,
            "ORDER_FAULTS": "none",
            "ORDER_LATENCY_MIN": "0",
            "ORDER_LATENCY_MAX": "0",
            "ORDER_RECONCILE_EVERY": "5",
            "ORDER_LOG_FORMAT": "json",
            "ORDER_WEB_PORT": "0",
            "ORDER_PAYMENTS": f"{ECHOING}:payments",
            "ORDER_CARRIER": f"{ECHOING}:carrier",
            "ORDER_MAILER": "http",
            "ORDER_MAILER_URL": received.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": received.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "ORDER_WEBHOOKS_URL": events.url,
            "ORDER_WEBHOOKS_SECRET": SECRET,
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
            pages = await opened.enter_async_context(httpx.AsyncClient(base_url=found[0], timeout=SECONDS))
            client = await connect(dev_server.address)
            told = Watched(client, queue, received, prometheus, pages, log, settings, metrics, events)
            for name, more in (("A", 0), ("B", 14)):  # what did not grow while it was looked at has no rate
                await told.wave(name, more)
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
        told_by = await watched.prometheus.ask('count by (instance) (money_at_risk{why="held"})')
        told = await watched.prometheus.number(f"sum({at_risk})")
        return (told, len(told_by)) == (pytest.approx(HELD * 1059.97), len(watched.metrics))

    await eventually(is_told, SECONDS, "the money of the orders that are held, by worker and pages alike")


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
        return expected <= {span.name for span in spans.values()} and roots() == ["POST /api/orders"]

    def roots() -> list[str]:
        """Every span but the first has its parent in the same trace."""
        return [span.name for span in spans.values() if span.parent_span_id.hex() not in spans]

    steps = ("Payment", "Inventory", "Shipping", "Notification")
    expected = {
        "RunWorkflow:OrderFulfillmentWorkflow",
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
    }
    await eventually(has_come, SECONDS, "the whole trace, which two processes send in parts")
    assert spans[mail[2]].name == "mailer send"
    lines = [json.loads(line) for line in watched.log.read_text().splitlines()]
    told = [line for line in lines if line.get("order_id") == "A-OK" and line.get("trace_id") == mail[1]]
    assert told
    assert {line["span_id"] for line in told} <= set(spans)


async def test_a_collector_that_is_sent_metrics_gets_the_same(watched: Watched, tmp_path: Path) -> None:
    told, received = watched.settings | {"OTEL_METRIC_EXPORT_INTERVAL": "100"}, watched.received.metrics

    async def has_come() -> bool:
        points = received["money_at_risk"].gauge.data_points if "money_at_risk" in received else ()
        held = [each.as_double for each in points if "held" in str(each.attributes)]
        others = {"orders_at_risk", "temporal_num_pollers"} <= received.keys()
        return others and sum(held) == pytest.approx(HELD * 1059.97)

    async with worker_process(tmp_path / "log", **told):
        await eventually(has_come, SECONDS, "the money of the orders that are held, by OTLP")


async def test_nothing_personal_leaves_by_metrics_traces_logs_search_attributes_or_events(
    watched: Watched,
) -> None:
    said = {watched.private[word] for word in watched.private}
    assert len(said) == len(watched.ended) + HELD == 50
    waiting = {("order.needs_attention", f"{name}-HELD") for name in "AB"}

    async def all_are_told() -> bool:
        told = watched.events.told()
        return waiting <= told and set(watched.ended) <= {order_id for _, order_id in told}

    await eventually(all_are_told, SECONDS, "every event")
    ends = {event["data"]["order_id"]: event["data"]["reason"] for event in watched.events.events.values()}
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
    assert REDACTED in ends["A-DECLINED"]
    assert any("the card is declined" in error for error in errors["payment"])
    assert any("cannot write to" in error for error in errors["notification"])
    assert len(attributes) > len(watched.ended)
    told = {
        "metrics": "".join(scraped).encode(),
        "traces": watched.received.exported,
        "log": watched.log.read_bytes(),
        "attributes": "".join(attributes).encode(),
        "events": "".join(watched.events.bodies).encode(),
    }
    assert [where for where, text in told.items() if found_in([text], watched.private)] == []
    mails = b"".join(watched.received.mails)
    assert len(found_in([mails], watched.private)) >= len(said), "it finds what is there"


async def test_a_port_that_is_taken_is_told_and_not_fought_for(watched: Watched, tmp_path: Path) -> None:
    environment = {"ORDER_DATA_DIR": str(tmp_path), "ORDER_METRICS_PORT": str(watched.metrics[0])}
    ended = await asyncio.to_thread(Running("worker.py", env=environment).finished)
    assert ended.code == 2
    assert f"metrics cannot be shown at 127.0.0.1:{watched.metrics[0]}" in ended.err
