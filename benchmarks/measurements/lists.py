"""How long lists of orders take to answer, when the book holds many: `python -m benchmarks lists`.

Over HTTP as a browser asks, but for the network; SQLite in a folder of its own, or an empty database that is
named. All orders are closed, so no Temporal server is asked, and none has to run.
"""

import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from httpx import ASGITransport, AsyncClient
from sqlalchemy import Connection, Table, insert
from temporalio.client import Client

from benchmarks.tools.figures import BenchmarkFailed, Figure, Result, Row
from benchmarks.tools.stage import settings_for
from order_system.book.reading import email_hash
from order_system.book.tables import batch_orders, batches, submissions
from order_system.bootstrap import OrderSystem, migrate_database, open_order_system
from order_system.domain import policy
from order_system.domain.batch import BatchRequest, Fate
from order_system.domain.book import SubmissionStatus
from order_system.domain.ids import batch_workflow_id
from order_system.domain.order_file import FileFormat, FileRef, Position
from order_system.infra.database import Database
from order_system.web.app import create_app
from order_system.web.services import services_of

CONTRACT = 200_000
"""Closed orders in the book for which the bound is stated."""
AT_MOST_MS = 300
BATCH, RUN = "everything", "run-1"
BEGAN = datetime.now(UTC) - timedelta(days=30)
HOUR = timedelta(hours=1)
CUSTOMERS = 10_000
STATUSES = (
    *[SubmissionStatus.FULFILLED] * 17,
    SubmissionStatus.FAILED,
    SubmissionStatus.FAILED,
    SubmissionStatus.CANCELLED,
)
"""Of each twenty orders. Each that failed had failed before, too."""
INSERTED_AT_ONCE = 5_000


@dataclass(frozen=True)
class Scale:
    orders: int = CONTRACT
    rounds: int = 15
    database_url: str | None = None
    """Of an empty PostgreSQL database; SQLite if None."""


REQUESTS: dict[str, str] = {
    "orders, first page": "/api/orders",
    "orders, a full page": "/api/orders?limit=200",
    "orders that failed": "/api/orders?status=failed",
    "orders of a batch": f"/api/orders?batch={BATCH}",
    "a batch's orders, first page": f"/api/batches/{BATCH}/orders",
    "a batch's orders that were cancelled": f"/api/batches/{BATCH}/orders?status=cancelled",
    "a batch's orders that were not started, of which there is none": (
        f"/api/batches/{BATCH}/orders?status=not_started"
    ),
    "a batch's orders that are not there": f"/api/batches/{BATCH}/orders?status=conflict",
    "the page of orders": "/",
    "the oldest first": "/api/orders?sort=oldest",
    "the largest first": "/api/orders?sort=amount",
    "the largest of a rare currency": "/api/orders?sort=amount&currency=ISK",
    "of a rare currency": "/api/orders?currency=ISK",
    "of a currency that is not there": "/api/orders?currency=CHF",
    "failed at a step": "/api/orders?step=payment",
    "failed at a step where none has": "/api/orders?step=shipping",
    "a reason's part": "/api/orders?reason=declined",
    "a rare reason's part": "/api/orders?reason=stolen",
    "a reason that is not there": "/api/orders?reason=nobody",
    "failed in an hour long ago": f"/api/orders?status=failed&opened_before={BEGAN + HOUR:%FT%TZ}",
    "search: the beginning of an ID": "/api/orders?q=ORDER-1",
    "search: a whole ID": "/api/orders?q=ORDER-000100",
    "search: a part of an ID": "/api/orders?q=00100",
    "search: what is not there": "/api/orders?q=nowhere",
    "search: a part of an ID that failed": "/api/orders?q=0010&status=failed",
    "search: a workflow": "/api/orders?q=payment-ORDER-000100",
    "search: a tracking number": "/api/orders?q=TRK-000100",
    "search: a charge": "/api/orders?q=ch_000100",
    "search: a common amount": "/api/orders?q=1059.97",
    "search: a rare amount": "/api/orders?q=100.07 USD",
    "search: an e-mail": "/api/orders?q=customer-100@example.com",
}
"""What is asked, besides a page in the middle of the list."""


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as name:
        async with _asking(Path(name), scale) as (browser, system):
            middle = await _cursor_at(browser, scale.orders // 2)
            asked = {**REQUESTS, "orders, a page in the middle": f"/api/orders?cursor={middle}"}
            samples: list[Row] = []
            for what, path in asked.items():
                took = [await _milliseconds(_answered(browser, path)) for _ in range(scale.rounds)]
                samples.append({"list": what, "median, ms": median(took), "slowest, ms": max(took)})
                say(f"  {what}: {median(took):.0f} ms")
            counted = [await _milliseconds(system.book.order_counts()) for _ in range(scale.rounds)]
            samples.append(
                {
                    "list": "orders, counted by status",
                    "median, ms": median(counted),
                    "slowest, ms": max(counted),
                }
            )
    bound = AT_MOST_MS if scale.orders >= CONTRACT else None
    figures = [Figure(str(each["list"]), each["median, ms"], "ms", at_most=bound) for each in samples]
    kind = "PostgreSQL" if scale.database_url else "SQLite"
    what = f"lists of {scale.orders:,} closed orders in {kind}, medians of {scale.rounds} requests each"
    return Result("lists", what, figures, {"Lists": samples})


@asynccontextmanager
async def _asking(folder: Path, scale: Scale) -> AsyncGenerator[tuple[AsyncClient, OrderSystem]]:
    settings = settings_for(folder, database_url=scale.database_url)
    await migrate_database(settings)
    async with open_order_system(settings) as system:
        await _fill(system, scale.orders)
        nowhere = await Client.connect("127.0.0.1:1", lazy=True)
        transport = ASGITransport(create_app(services_of(system, nowhere, None)))
        async with AsyncClient(transport=transport, base_url="http://localhost") as browser:
            yield browser, system


async def _fill(system: OrderSystem, orders: int) -> None:
    rows: list[Row] = []
    emails = await system.database.read(_hashes, system.database)
    for number in range(orders):
        status = STATUSES[number % len(STATUSES)]
        opened = BEGAN + timedelta(seconds=number)
        if status is SubmissionStatus.FAILED:
            rows.append(_submission(number, 1, status, opened - HOUR, emails))
        rows.append(_submission(number, 2, status, opened, emails))
    file = FileRef(
        url="/everything.csv",
        size=1,
        sha256="",
        stamp="",
        format=FileFormat.CSV,
        encoding="utf-8",
        start=Position(offset=0, line=1),
    )
    request = BatchRequest(name=BATCH, file=file, window=policy.BATCH_WINDOW).model_dump(mode="json")
    batch = {"batch": batch_workflow_id(BATCH), "run": RUN}
    noted = [
        {**batch, "order_id": _id(number), "first_line": number, "last_line": number, "fate": Fate.START}
        for number in range(orders)
    ]
    for table, its_rows in (
        (submissions, rows),
        (batches, [{**batch, "request": request, "started_at": BEGAN}]),
        (batch_orders, noted),
    ):
        for start in range(0, len(its_rows), INSERTED_AT_ONCE):
            await system.database.write(_insert, table, its_rows[start : start + INSERTED_AT_ONCE])
    if not system.database.is_sqlite:
        await system.database.write(_analyze)


def _insert(tx: Connection, table: Table, rows: Sequence[Row]) -> None:
    tx.execute(insert(table), rows)


def _analyze(tx: Connection) -> None:
    """As PostgreSQL does by itself, within a minute after so many rows; without, its plans are guesses."""
    tx.exec_driver_sql("ANALYZE")


def _hashes(tx: Connection, database: Database) -> list[str]:
    return [email_hash(database, tx, f"customer-{number}@example.com") for number in range(CUSTOMERS)]


def _submission(
    number: int, run: int, status: SubmissionStatus, opened: datetime, emails: Sequence[str]
) -> Row:
    return {
        "order_id": _id(number),
        "submission": f"{_id(number)}-{run}",
        "fingerprint": "0" * 64,
        "batch": batch_workflow_id(BATCH),
        "namespace": "default",
        "status": status,
        "failed_step": "payment" if status is SubmissionStatus.FAILED else None,
        "reason": _reason(number) if status is SubmissionStatus.FAILED else None,
        "total": 10_007 if number == 100 else 105_997 + number % 7 * (number % 1_000),
        "currency": "ISK" if number % 50_000 == 7 else "USD",
        "opened_at": opened,
        "closed_at": opened + timedelta(seconds=2),
        "email_hash": emails[number % CUSTOMERS],
        "charge_id": f"ch_{number:06}",
        "tracking_number": f"TRK-{number:06}" if status is SubmissionStatus.FULFILLED else None,
    }


def _reason(number: int) -> str:
    return f"PaymentDeclined: the card was {'stolen' if number < 100 else 'declined'}"


def _id(number: int) -> str:
    return f"ORDER-{number:06}"


async def _cursor_at(browser: AsyncClient, row: int) -> str:
    """Of the page that begins about there."""
    cursor, seen = "", 0
    while seen < row:
        page: dict[str, Any] = (
            await browser.get(f"/api/orders?limit=200&cursor={cursor}" if cursor else "/api/orders?limit=200")
        ).json()
        seen += len(page["rows"])
        if page["next"] is None:
            break
        cursor = page["next"]
    return cursor


async def _answered(browser: AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    if answer.status_code != 200:
        raise BenchmarkFailed(f"{path} was answered with {answer.status_code}: {answer.text[:200]}")


async def _milliseconds(asking: Awaitable[object]) -> float:
    began = time.perf_counter()
    await asking
    return 1_000 * (time.perf_counter() - began)
