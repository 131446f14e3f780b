"""A book that knows most orders of a file: what it would have, had they been run before."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.engine import Connection

from benchmarks.tools.figures import Row
from benchmarks.tools.order_files import is_bad
from benchmarks.tools.stage import settings_for
from order_system.batches.files import OrderFiles
from order_system.batches.files.findings import ParsedOrder
from order_system.book.tables import submissions
from order_system.bootstrap import open_order_system
from order_system.domain.book import SubmissionStatus

INSERTED_AT_ONCE = 5_000

KNOWN_AS = (*[SubmissionStatus.FULFILLED] * 6, SubmissionStatus.FAILED, "conflict", None, None)
"""Of each ten orders, how the book knows them: six are to be skipped, two are new."""


async def fill(data: Path, file: Path) -> None:
    """Make such a book for the file in the folder `data`."""
    settings = settings_for(data, files=file.parent)
    async with open_order_system(settings) as system:
        rows: list[Row] = []
        async for order in _orders_in(system.files, file):
            known = KNOWN_AS[_number(order.order_id) % len(KNOWN_AS)]
            if known is not None:
                rows.append(_submission(order, known))
        for start in range(0, len(rows), INSERTED_AT_ONCE):
            some = rows[start : start + INSERTED_AT_ONCE]
            await system.database.write(Connection.execute, insert(submissions), some)


async def _orders_in(files: OrderFiles, file: Path) -> AsyncGenerator[ParsedOrder]:
    ref = await files.inspect(str(file))
    page = await files.read_page(ref)
    while True:
        for order in page.orders:
            yield order
        if page.at_end:
            return
        page = await files.read_page(ref, page.next)


def _submission(order: ParsedOrder, known: str) -> Row:
    now, conflict = datetime.now(UTC), known == "conflict"
    return {
        "order_id": order.order_id,
        "submission": f"of-{order.order_id}",
        "fingerprint": "0" * 64 if conflict else order.fingerprint,
        "namespace": "default",
        "status": SubmissionStatus.FULFILLED if conflict else known,
        "opened_at": now,
        "closed_at": now,
    }


def _number(order_id: str) -> int:
    return int(order_id.rpartition("-")[2])


def expected_fates(orders: int, bad_every: int, *, known: bool) -> dict[str, int]:
    """How many orders of each status a plan must find, against such a book or an empty one."""
    good: Iterable[int] = (number for number in range(orders) if not is_bad(number, bad_every))
    if not known:
        return {"new": sum(1 for _ in good)}
    return dict(Counter(str(KNOWN_AS[number % len(KNOWN_AS)] or "new") for number in good))
