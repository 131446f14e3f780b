"""The batches' part of the order book, and the lists of batches and of their orders."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import sqlalchemy as sa

from order_system.book import reading
from order_system.book.listing import note, order_status
from order_system.book.pages import BY_KEY, BY_TIME, behind, can_be_kept, page_of, place_of
from order_system.book.tables import batch_orders, batches, submissions
from order_system.domain import listing
from order_system.domain.batch import BatchRequest, Fate
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import UnknownBatch
from order_system.domain.ids import batch_workflow_id
from order_system.domain.order_file import ParsedOrder
from order_system.infra.database import insert_unless_there, reads, writes


class SqlBatchBook(reading.BookQueries):
    """Implements `domain.batch.BatchBook`."""

    @writes
    def open_batch(
        self, tx: sa.Connection, batch: str, run: str, request: BatchRequest, at: datetime
    ) -> None:
        row = {"batch": batch, "run": run, "request": request.model_dump(mode="json"), "started_at": at}
        insert_unless_there(tx, batches, row)

    @writes
    def note_orders(
        self, tx: sa.Connection, batch: str, run: str, orders: Sequence[ParsedOrder]
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
            tx.execute(sa.insert(batch_orders), new)
        return noted

    @writes
    def note_fates(self, tx: sa.Connection, batch: str, run: str, fates: Mapping[str, Fate]) -> None:
        if not fates:
            return
        statement = (
            sa.update(batch_orders)
            .where(reading.of_run(batch, run), batch_orders.c.order_id == sa.bindparam("of_order"))
            .values(fate=sa.bindparam("new_fate"))
        )
        rows = [{"of_order": order_id, "new_fate": fate} for order_id, fate in fates.items()]
        tx.execute(statement, rows)

    @reads
    def fates(
        self, tx: sa.Connection, batch: str, run: str, order_ids: Sequence[str]
    ) -> dict[str, tuple[int, Fate | None]]:
        """Return first line and fate of those orders that this run has noted."""
        return {
            row.order_id: (row.first_line, reading.known(Fate, row.fate) if row.fate else None)
            for row in _noted(tx, batch, run, order_ids)
        }

    @reads
    def decided_to_start(self, tx: sa.Connection, batch: str, order_ids: Sequence[str]) -> set[str]:
        name = batch_orders.c.order_id
        query = sa.select(name).where(batch_orders.c.batch == batch, batch_orders.c.fate == Fate.START)
        return {row.order_id for row in reading.rows_of(tx, query, name, order_ids)}

    @reads
    def batch_counts(
        self, tx: sa.Connection, batch: str, run: str, *, waiting: Collection[str] = ()
    ) -> dict[listing.LineStatus, int]:
        """Count the orders of a run's file by how they stand now, also if another run started them, zeros
        included. `waiting` are open orders that need attention."""
        status, its_own = submissions.c.status, submissions.c.order_id == batch_orders.c.order_id
        stands = sa.case(
            (batch_orders.c.fate == Fate.CONFLICT, listing.LineStatus.CONFLICT),
            (status.is_(None), listing.LineStatus.NOT_STARTED),
            (status != SubmissionStatus.OPEN, status),
            (batch_orders.c.order_id.in_(waiting), listing.LineStatus.NEEDS_ATTENTION),
            else_=listing.LineStatus.RUNNING,
        )
        joined = batch_orders.outerjoin(submissions, its_own & reading.counts())
        query = sa.select(stands.label("stands"), sa.func.count()).select_from(joined)
        rows = tx.execute(query.where(reading.of_run(batch, run)).group_by("stands"))
        found = {reading.known(listing.LineStatus, stands): number for stands, number in rows}
        return dict.fromkeys(listing.LineStatus, 0) | found

    # --- lists ------------------------------------------------------------------------------------

    @reads
    def batches(
        self,
        tx: sa.Connection,
        wanted: listing.BatchFilter = listing.EVERY_BATCH,
        *,
        cursor: str | None = None,
        limit: int = listing.PAGE_ROWS,
    ) -> listing.Page[listing.BatchSummary]:
        """Return a page of batches, newest first; each batch once, by its newest run."""
        if not can_be_kept(wanted.name):
            return listing.Page((), None)
        later = batches.alias("later")
        superseded = sa.exists().where(
            later.c.batch == batches.c.batch,
            sa.tuple_(later.c.started_at, later.c.run) > sa.tuple_(batches.c.started_at, batches.c.run),
        )
        place = (batches.c.started_at, batches.c.batch)
        query = sa.select(batches).where(~superseded)
        if wanted.name is not None:
            name = sa.func.substr(batches.c.batch, 1 + len(batch_workflow_id("")))
            query = query.where(name.icontains(wanted.name, autoescape=True))
        if wanted.started_since is not None:
            query = query.where(batches.c.started_at >= wanted.started_since)
        if wanted.started_before is not None:
            query = query.where(batches.c.started_at < wanted.started_before)
        if cursor:
            query = query.where(behind(place, place_of(cursor, BY_TIME)))
        query = query.order_by(*(column.desc() for column in place)).limit(limit + 1)
        return page_of(tx.execute(query).mappings().all(), limit, batch_summary, ("started_at", "batch"))

    @reads
    def batch_orders(
        self,
        tx: sa.Connection,
        name: str,
        status: listing.LineStatus | None = None,
        *,
        among: Collection[str] | None = None,
        cursor: str | None = None,
        limit: int = listing.PAGE_ROWS,
    ) -> listing.Page[listing.BatchOrder]:
        """Return the orders of the newest run, by order ID; with `among`, only those. Raises UnknownBatch."""
        [after] = place_of(cursor, BY_KEY) if cursor else [""]
        newest = reading.newest_run(tx, batch_workflow_id(name))
        if newest is None:
            raise UnknownBatch(f"the book knows of no batch {name}")
        query = batch_orders_query(newest.batch, newest.run, status, after=after, limit=limit)
        if among is not None:
            query = query.where(batch_orders.c.order_id.in_(among))
        return page_of(tx.execute(query).mappings().all(), limit, batch_order, ("order_id",))


def _noted(tx: sa.Connection, batch: str, run: str, order_ids: Sequence[str]) -> Iterable[sa.Row[Any]]:
    query = sa.select(batch_orders).where(reading.of_run(batch, run))
    return reading.rows_of(tx, query, batch_orders.c.order_id, order_ids)


_ENDED = {listing.LineStatus.FAILED, listing.LineStatus.CANCELLED, listing.LineStatus.TERMINATED}


def batch_orders_query(
    batch: str, run: str, status: listing.LineStatus | None, *, after: str, limit: int
) -> sa.Select[Any]:
    """Select the file's orders by primary key, each with the submission that counts."""
    its_own = (submissions.c.order_id == batch_orders.c.order_id) & (submissions.c.order_id > after)
    if status in (None, listing.LineStatus.CONFLICT):
        its_own &= reading.counts()
    elif status in _ENDED:  # for the others, the status alone tells
        its_own &= reading.counts_if_ended()
    joined = batch_orders.outerjoin(submissions, its_own)
    query = sa.select(
        batch_orders,
        *(
            submissions.c[name]
            for name in ("submission", "status", "failed_step", "reason", "opened_at", "closed_at")
        ),
        submissions.c.notice.label("note"),
    ).select_from(joined)
    query = query.where(reading.of_run(batch, run), batch_orders.c.order_id > after)
    if status is not None:
        query = query.where(_stands_as(status))
    return query.order_by(batch_orders.c.order_id).limit(limit + 1)


def _stands_as(status: listing.LineStatus) -> sa.ColumnElement[bool]:
    conflict = batch_orders.c.fate == Fate.CONFLICT
    no_conflict = sa.or_(batch_orders.c.fate.is_(None), ~conflict)
    match status:
        case listing.LineStatus.CONFLICT:
            return conflict
        case listing.LineStatus.NOT_STARTED:
            return no_conflict & submissions.c.order_id.is_(None)
        case listing.LineStatus.RUNNING | listing.LineStatus.NEEDS_ATTENTION:
            return no_conflict & (submissions.c.status == SubmissionStatus.OPEN)
        case _:
            return no_conflict & (submissions.c.status == SubmissionStatus(status.value))


def batch_summary(row: sa.RowMapping) -> listing.BatchSummary:
    request = BatchRequest.model_validate(row["request"])
    return listing.BatchSummary(
        name=request.name,
        workflow_id=row["batch"],
        started_at=row["started_at"],
        file=PurePosixPath(request.file.url).name,
        bytes_total=request.file.size,
        window=request.window,
        only_failed=request.only_failed,
    )


def batch_order(row: sa.RowMapping) -> listing.BatchOrder:
    """Make a row of the list. In conflict, the ID belongs to another order, about which nothing is told."""
    of_file = {name: row[name] for name in ("order_id", "first_line", "last_line", "fate")}
    if row["fate"] == Fate.CONFLICT:
        of_file |= {"status": "conflict", "reason": "the ID is in use for an order with other content"}
    elif row["status"] is None:
        of_file["status"] = "not_started"
    else:
        of_file = {**row, "status": order_status(row["status"]).value, "note": note(row["note"])}
    return listing.BatchOrder.model_validate(of_file)
