"""A real worker and real pages, watched: a Prometheus scrapes them, and their traces are received. Gateways
fail, refuse, and repeat whatever they were told."""

import asyncio
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from order_system.book.order_book import SqlOrderBook
from order_system.infra.database import Database
from order_system.infra.redaction import REDACTED
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.servers import KnownServer
from order_system.orders.client import OrderClient
from tests.fixtures.books.canaries import found_in
from tests.fixtures.processes.command_line import Running
from tests.fixtures.processes.forwarding import LOOPBACK
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.steering.waiting import eventually
from tests.fixtures.telemetry.watched import HELD, MOST_IN_FULL, SECONDS, Watched, watching
from tests.unit.project.test_metrics import panel_queries

pytestmark = pytest.mark.long

NEAR = timedelta(milliseconds=50)
TOLD = re.compile(r'<dt>(?:Accepted|Closed)</dt><dd><time datetime="([^"]+)"')

Times = tuple[datetime, datetime]


def apart(times: Times, others: Times) -> timedelta:
    return max(abs(one - other) for one, other in zip(times, others, strict=True))


@pytest.fixture(scope="module")
async def watched(
    dev_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Watched]:
    async with watching(dev_server.address, tmp_path_factory.mktemp("watched")) as all_of_it:
        yield all_of_it


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


async def test_fifty_orders_with_faults_last_as_long_whoever_tells(watched: Watched) -> None:
    """An order lasts from its acceptance to its close, by the list, its page, the command, the API, and by
    Temporal's own times."""
    assert len(watched.ended) == 50
    rows = (await watched.pages.get("/api/orders", params={"limit": 100})).json()["rows"]
    listed = {row["order_id"]: row for row in rows}
    database = Database(f"sqlite:///{watched.settings['ORDER_DATA_DIR']}/orders.db")
    book = SqlOrderBook(database, KnownServer(watched.client))
    command = OrderClient(watched.client, book, task_queue=watched.queue)
    books = await book.find(watched.ended)
    for order_id in watched.ended:
        described = await watched.client.get_workflow_handle(f"order-{order_id}").describe()
        assert described.close_time
        times = (described.start_time, described.close_time)
        progress = await command.status(order_id)
        answer = (await watched.pages.get(f"/api/orders/{order_id}")).json()
        page = TOLD.findall((await watched.pages.get(f"/orders/{order_id}")).text)
        row = (listed[order_id]["opened_at"], listed[order_id]["closed_at"])
        lasted = (times[1] - times[0]).total_seconds() * 1000
        assert progress.duration_ms is not None
        assert progress.taken(datetime.now(UTC)) == progress.duration_ms
        assert apart(times, tuple(map(datetime.fromisoformat, row))) <= NEAR, "the list"
        assert apart(times, tuple(map(datetime.fromisoformat, page))) <= NEAR, "the page"
        assert abs(progress.duration_ms - lasted) <= 1, "the command"
        assert abs(answer["duration_ms"] - lasted) <= 1, "the API"
        assert answer["timeline"]["ended_at"] == answer["closed_at"]
        assert abs(books[order_id].opened_at - times[0]) <= NEAR, "the book, once the server has forgotten it"
        assert (books[order_id].closed_at or datetime.max.replace(tzinfo=UTC)) <= times[1] + NEAR
    await database.dispose()
    counted = Counter(listed[order_id]["status"] for order_id in watched.ended)
    assert min(counted["fulfilled"], counted["failed"]) >= 3
    assert counted["cancelled"] >= 1
    assert any(listed[order_id]["failed_step"] for order_id in watched.ended)


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
    assert "transaction arrive" not in {span.name for span in spans.values()}, "inside of a simulated gateway"
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
    assert len(said) == len(watched.ended) + HELD
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
    assert len(found_in([mails], watched.private)) > 2 * MOST_IN_FULL, "it finds what is there"


async def test_a_port_that_is_taken_is_told_and_not_fought_for(watched: Watched, tmp_path: Path) -> None:
    environment = {"ORDER_DATA_DIR": str(tmp_path), "ORDER_METRICS_PORT": str(watched.metrics[0])}
    ended = await asyncio.to_thread(Running("worker.py", env=environment).finished)
    assert ended.code == 2
    assert f"metrics cannot be shown at 127.0.0.1:{watched.metrics[0]}" in ended.err
