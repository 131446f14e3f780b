"""Lists over the order book: `listing.OrderListing` over SQL. Every value is a parameter, and every list
walks an index to its page, however many orders there are."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from order_system.book.cursors import BY_KEY, BY_TIME, cursor_of, place_of
from order_system.book.listing_rows import NAMED, batch_order, batch_summary, order_summary, step_run
from order_system.book.reading import LIVE, counts, known, newest_run, of_run
from order_system.book.tables import accepted, attempts, batch_orders, batches, effects, submissions
from order_system.domain import listing
from order_system.domain.batch import Fate
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import UnknownBatch
from order_system.domain.ids import batch_workflow_id
from order_system.domain.steps import STEP_OF, Effect, Step
from order_system.infra.database import OverDatabase, reads, writes

Shown = TypeVar("Shown")


class SqlOrderListing(OverDatabase):
    @reads
    def orders(
        self,
        tx: sa.Connection,
        wanted: listing.OrderFilter = listing.EVERY_ORDER,
        *,
        cursor: str | None = None,
        limit: int = listing.PAGE_ROWS,
    ) -> listing.Page[listing.OrderSummary]:
        query = orders_query(wanted, after=place_of(cursor, BY_TIME) if cursor else None, limit=limit)
        return _page(tx, query, limit, order_summary, lambda last: cursor_of(last.opened_at, last.order_id))

    @reads
    def order_counts(self, tx: sa.Connection) -> dict[SubmissionStatus, int]:
        rows = _submitted()
        query = sa.select(rows.c.status, sa.func.count()).group_by(rows.c.status)
        found = {known(SubmissionStatus, status): number for status, number in tx.execute(query).all()}
        return {status: found.get(status, 0) for status in SubmissionStatus}

    @writes
    def forget_accepted(self, tx: sa.Connection, ended: Sequence[str]) -> None:
        tx.execute(sa.delete(accepted).where(accepted.c.submission.in_(ended)))

    @reads
    def batches(
        self, tx: sa.Connection, *, cursor: str | None = None, limit: int = listing.PAGE_ROWS
    ) -> listing.Page[listing.BatchSummary]:
        query = batches_query(after=place_of(cursor, BY_TIME) if cursor else None, limit=limit)
        return _page(
            tx, query, limit, batch_summary, lambda last: cursor_of(last.started_at, last.workflow_id)
        )

    @reads
    def batch_orders(
        self,
        tx: sa.Connection,
        name: str,
        status: listing.LineStatus | None = None,
        *,
        cursor: str | None = None,
        limit: int = listing.PAGE_ROWS,
    ) -> listing.Page[listing.BatchOrder]:
        [after] = place_of(cursor, BY_KEY) if cursor else [""]
        newest = newest_run(tx, batch_workflow_id(name))
        if newest is None:
            raise UnknownBatch(f"the book knows of no batch {name}")
        query = batch_orders_query(newest.batch, newest.run, status, after=after, limit=limit)
        return _page(tx, query, limit, batch_order, lambda last: cursor_of(last.order_id))

    @reads
    def last_words(self, tx: sa.Connection, order_ids: Sequence[str]) -> dict[str, str]:
        failed = attempts.c.order_id.in_(order_ids) & attempts.c.said.is_not(None)
        rows = tx.execute(sa.select(attempts).where(failed).order_by(attempts.c.began_at))
        return {
            row.order_id: f"{row.said} ({row.activity.replace('_', ' ')}, attempt {row.last_number})"
            for row in rows
        }

    @reads
    def step_runs(self, tx: sa.Connection, since: datetime, *, most: int) -> list[listing.StepRun]:
        journals: dict[tuple[str, str, Step], list[sa.Row[Any]]] = defaultdict(list)
        for row in tx.execute(step_runs_query(since, most=most)):
            journals[row.order_id, row.submission, STEP_OF[known(Effect, row.effect)]].append(row)
        return [step_run(step, entries) for (_, _, step), entries in journals.items()]


def _page(
    tx: sa.Connection,
    query: sa.Select[Any],
    limit: int,
    shown: Callable[[sa.RowMapping], Shown],
    cursor: Callable[[Shown], str],
) -> listing.Page[Shown]:
    """The query asks for one row more than `limit`: if there is one, then there is another page."""
    rows = tx.execute(query).mappings().all()
    found = tuple(map(shown, rows[:limit]))
    return listing.Page(found, cursor(found[-1]) if len(rows) > limit else None)


# --- queries --------------------------------------------------------------------------------------


def orders_query(
    wanted: listing.OrderFilter, *, after: tuple[datetime, str] | None, limit: int
) -> sa.Select[Any]:
    rows = _submitted()
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.status is not None:
        conditions.append(rows.c.status == wanted.status)
    if wanted.id_prefix is not None:
        begins = sa.func.substr(rows.c.order_id, 1, len(wanted.id_prefix))
        conditions.append(sa.func.lower(begins) == wanted.id_prefix.lower())
    if wanted.batch is not None:
        conditions.append(rows.c.batch == batch_workflow_id(wanted.batch))
    if wanted.opened_since is not None:
        conditions.append(rows.c.opened_at >= wanted.opened_since)
    if wanted.opened_before is not None:
        conditions.append(rows.c.opened_at < wanted.opened_before)
    if wanted.order_ids is not None:
        conditions.append(rows.c.order_id.in_(wanted.order_ids))
    place = (rows.c.opened_at, rows.c.order_id)
    if after is not None:
        conditions.append(_before(place, after))
    newest_first = (column.desc() for column in place)
    return sa.select(rows).where(*conditions).order_by(*newest_first).limit(limit + 1)


def _submitted() -> sa.Subquery:
    """Each order once: by the submission that counts or, unless that is open or fulfilled, by one that was
    accepted and has opened nothing yet."""
    known = submissions.alias("known")
    of_accepted = known.c.order_id == accepted.c.order_id
    is_known = (known.c.submission == accepted.c.submission) | known.c.status.in_(LIVE)
    waits = ~sa.exists().where(of_accepted, is_known)
    runs_again = sa.exists().where(accepted.c.order_id == submissions.c.order_id, waits)
    nothing_newer = submissions.c.status.in_(LIVE) | ~runs_again
    columns = [submissions.c[NAMED.get(name, name)].label(name) for name in listing.OrderSummary.model_fields]
    # Each of its column's type, as else SQLite puts all rows together before it sorts them.
    as_if_open: Mapping[str, sa.ColumnElement[Any]] = {
        each.name: sa.cast(sa.null(), each.type) for each in columns
    } | {
        "order_id": accepted.c.order_id,
        "submission": accepted.c.submission,
        "status": sa.cast(sa.literal(SubmissionStatus.OPEN.value), submissions.c.status.type),
        "opened_at": accepted.c.accepted_at,
    }
    accepted_ones = (column.label(name) for name, column in as_if_open.items())
    return sa.union_all(
        sa.select(*columns).where(counts(), nothing_newer), sa.select(*accepted_ones).where(waits)
    ).subquery("submitted")


def batches_query(*, after: tuple[datetime, str] | None, limit: int) -> sa.Select[Any]:
    later = batches.alias("later")
    superseded = sa.exists().where(
        later.c.batch == batches.c.batch,
        sa.tuple_(later.c.started_at, later.c.run) > sa.tuple_(batches.c.started_at, batches.c.run),
    )
    place = (batches.c.started_at, batches.c.batch)
    query = sa.select(batches).where(~superseded)
    if after is not None:
        query = query.where(_before(place, after))
    return query.order_by(*(column.desc() for column in place)).limit(limit + 1)


def batch_orders_query(
    batch: str, run: str, status: listing.LineStatus | None, *, after: str, limit: int
) -> sa.Select[Any]:
    """By the primary key of the file's orders, each with the submission that counts."""
    joined = batch_orders.outerjoin(
        submissions, (submissions.c.order_id == batch_orders.c.order_id) & counts()
    )
    query = sa.select(
        batch_orders,
        *(submissions.c[name] for name in ("status", "failed_step", "reason", "opened_at", "closed_at")),
        submissions.c.notice.label("note"),
    ).select_from(joined)
    query = query.where(of_run(batch, run), batch_orders.c.order_id > after)
    if status is not None:
        query = query.where(_stands_as(status))
    return query.order_by(batch_orders.c.order_id).limit(limit + 1)


def step_runs_query(since: datetime, *, most: int) -> sa.Select[Any]:
    newest = (
        sa.select(submissions.c.order_id, submissions.c.submission, submissions.c.status.label("ended_as"))
        .where(submissions.c.opened_at >= since)
        .order_by(submissions.c.opened_at.desc())
        .limit(most)
        .subquery("newest")
    )
    columns = ("order_id", "submission", "effect", "state", "attempts", "claimed_at", "done_at", "fenced_at")
    ours = (effects.c.order_id == newest.c.order_id) & (effects.c.submission == newest.c.submission)
    return sa.select(*(effects.c[name] for name in columns), newest.c.ended_as).select_from(
        newest.join(effects, ours)
    )


def _before(place: Sequence[sa.ColumnElement[Any]], after: tuple[datetime, str]) -> sa.ColumnElement[bool]:
    """Behind the row where the last page ended. The first condition is for the index."""
    moment, key = after
    return sa.and_(place[0] <= moment, sa.or_(place[0] < moment, place[1] < key))


def _stands_as(status: listing.LineStatus) -> sa.ColumnElement[bool]:
    conflict = batch_orders.c.fate == Fate.CONFLICT
    no_conflict = sa.or_(batch_orders.c.fate.is_(None), ~conflict)
    match status:
        case listing.LineStatus.CONFLICT:
            return conflict
        case listing.LineStatus.NOT_STARTED:
            return no_conflict & submissions.c.status.is_(None)
        case listing.LineStatus.RUNNING | listing.LineStatus.NEEDS_ATTENTION:
            return no_conflict & (submissions.c.status == SubmissionStatus.OPEN)
        case _:
            return no_conflict & (submissions.c.status == SubmissionStatus(status.value))
