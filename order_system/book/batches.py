"""The batches' pages of the order book."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, func, insert, select, update
from sqlalchemy.engine import Connection

from order_system.book import reading
from order_system.book.tables import batch_orders, batches, submissions
from order_system.domain.batch import BatchRequest, Fate
from order_system.domain.book import SubmissionStatus
from order_system.domain.listing import LineStatus
from order_system.domain.order_page import ParsedOrder
from order_system.infra.database import reads, writes


class SqlBatchBook(reading.BookQueries):
    """Keeps the promises of `domain.batch.BatchBook`."""

    @writes
    def open_batch(self, tx: Connection, batch: str, run: str, request: BatchRequest) -> None:
        ours = (batches.c.batch == batch) & (batches.c.run == run)
        if tx.execute(select(batches.c.run).where(ours)).first() is None:
            content = request.model_dump(mode="json")
            row = {"batch": batch, "run": run, "request": content, "started_at": datetime.now(UTC)}
            tx.execute(insert(batches).values(**row))

    @writes
    def note_orders(
        self, tx: Connection, batch: str, run: str, orders: Sequence[ParsedOrder]
    ) -> dict[str, int]:
        ids = [order.order_id for order in orders]
        noted = {row.order_id: row.first_line for row in _noted(tx, batch, run, ids)}
        new: list[dict[str, Any]] = []
        for order in orders:
            if order.order_id not in noted:
                noted[order.order_id] = order.first_line
                lines = {"first_line": order.first_line, "last_line": order.last_line}
                new.append({"batch": batch, "run": run, "order_id": order.order_id, **lines})
        if new:
            tx.execute(insert(batch_orders), new)
        return noted

    @writes
    def note_fates(self, tx: Connection, batch: str, run: str, fates: Mapping[str, Fate]) -> None:
        if not fates:
            return
        statement = (
            update(batch_orders)
            .where(reading.of_run(batch, run), batch_orders.c.order_id == bindparam("of_order"))
            .values(fate=bindparam("new_fate"))
        )
        rows = [{"of_order": order_id, "new_fate": fate} for order_id, fate in fates.items()]
        tx.execute(statement, rows)

    @reads
    def fates(
        self, tx: Connection, batch: str, run: str, order_ids: Sequence[str]
    ) -> dict[str, tuple[int, Fate | None]]:
        """First line and fate of those that this run has noted."""
        return {
            row.order_id: (row.first_line, reading.known(Fate, row.fate) if row.fate else None)
            for row in _noted(tx, batch, run, order_ids)
        }

    @reads
    def decided_to_start(self, tx: Connection, batch: str, order_ids: Sequence[str]) -> set[str]:
        name = batch_orders.c.order_id
        query = select(name).where(batch_orders.c.batch == batch, batch_orders.c.fate == Fate.START)
        pages = reading.batched_ids(order_ids)
        return {found for page in pages for found in tx.execute(query.where(name.in_(page))).scalars()}

    @reads
    def batch_counts(
        self, tx: Connection, batch: str, run: str, *, waiting: Collection[str] = ()
    ) -> dict[LineStatus, int]:
        """Orders of a run's file by how they stand now, whoever has run them, those that are 0 too.
        `waiting`: open ones that need attention."""
        status, its_own = submissions.c.status, submissions.c.order_id == batch_orders.c.order_id
        stands = case(
            (batch_orders.c.fate == Fate.CONFLICT, LineStatus.CONFLICT),
            (status.is_(None), LineStatus.NOT_STARTED),
            (status != SubmissionStatus.OPEN, status),
            (batch_orders.c.order_id.in_(waiting), LineStatus.NEEDS_ATTENTION),
            else_=LineStatus.RUNNING,
        )
        joined = batch_orders.outerjoin(submissions, its_own & reading.counts())
        query = select(stands.label("stands"), func.count()).select_from(joined)
        rows = tx.execute(query.where(reading.of_run(batch, run)).group_by("stands"))
        found = {reading.known(LineStatus, stands): number for stands, number in rows}
        return dict.fromkeys(LineStatus, 0) | found


def _noted(tx: Connection, batch: str, run: str, order_ids: Sequence[str]) -> Iterable[Row[Any]]:
    """Those of these orders that the run has noted."""
    query = select(batch_orders).where(reading.of_run(batch, run))
    for some_ids in reading.batched_ids(order_ids):
        yield from tx.execute(query.where(batch_orders.c.order_id.in_(some_ids))).all()
