"""Lists over the order book. Every value is a parameter, and every list walks an index to its page."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from order_system.book.cursors import BY_KEY, BY_TIME, cursor_of, place_of
from order_system.book.listing_orders import PLACES, behind, counts_query, orders_queries, together
from order_system.book.listing_rows import NAMED, batch_order, batch_summary, order_summary
from order_system.book.reading import counts, counts_if_ended, email_hash, known, newest_run, of_run
from order_system.book.tables import accepted, attempts, batch_orders, batches, submissions, to_announce
from order_system.domain import listing
from order_system.domain.batch import Fate
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import UnknownBatch
from order_system.domain.ids import batch_workflow_id
from order_system.domain.order import SubmissionRef
from order_system.domain.search import Kind, Meaning, meanings_of
from order_system.infra.database import OverDatabase, reads, writes

Shown = TypeVar("Shown")


class SqlOrderListing(OverDatabase):
    """Raises InvalidCursor if a cursor is none."""

    @reads
    def orders(
        self,
        tx: sa.Connection,
        wanted: listing.OrderFilter = listing.EVERY_ORDER,
        *,
        cursor: str | None = None,
        limit: int = listing.PAGE_ROWS,
    ) -> listing.Page[listing.OrderSummary]:
        """By when payment opened them, or by when one was accepted that has no payment yet: it has no total,
        and moves up when it gets one."""
        if not _can_be_kept(wanted.reason, wanted.batch, wanted.currency):
            return listing.Page((), None)
        place, kind = PLACES[wanted.sort]
        after = place_of(cursor, kind) if cursor else None
        meanings = None if wanted.text is None else self._meanings(tx, wanted.text)
        queries = orders_queries(wanted, meanings, after=after, limit=limit)
        found = tx.execute(together(queries, wanted)).mappings() if queries else ()
        rows = list({row["order_id"]: row for row in found}.values())  # each order once
        return _page(rows, limit, order_summary, place)

    def _meanings(self, tx: sa.Connection, text: str) -> list[Meaning]:
        return [
            replace(each, text=email_hash(self.database, tx, each.text)) if each.kind is Kind.EMAIL else each
            for each in meanings_of(text)
        ]

    @reads
    def order_counts(self, tx: sa.Connection) -> dict[SubmissionStatus, int]:
        """Orders by how they stand; each order once, and none left out that is 0."""
        found = dict.fromkeys(SubmissionStatus, 0)
        for status, number in tx.execute(counts_query()).all():
            found[known(SubmissionStatus, status)] += number
        return found

    @writes
    def forget_accepted(self, tx: sa.Connection, ended: Sequence[str]) -> None:
        """These submissions were accepted, and their workflows have closed without opening anything."""
        tx.execute(sa.delete(accepted).where(accepted.c.submission.in_(ended)))

    @writes
    def may_end(self, tx: sa.Connection, ref: SubmissionRef) -> None:
        """Something is about to be done that may close it, and that is to be announced. Idempotent."""
        this = {"order_id": ref.order_id, "submission": ref.submission}
        with suppress(IntegrityError), tx.begin_nested():  # it is noted already
            tx.execute(sa.insert(to_announce).values(**this))

    @reads
    def to_announce(self, tx: sa.Connection, order_id: str | None = None) -> list[listing.OrderSummary]:
        """Of this order or of any: submissions that have closed since, and were not announced."""
        rows = tx.execute(to_announce_query(order_id)).mappings()
        return [order_summary(row) for row in rows]

    @writes
    def announced(self, tx: sa.Connection, order: listing.OrderSummary) -> None:
        this = {"order_id": order.order_id, "submission": order.submission}
        tx.execute(sa.delete(to_announce).filter_by(**this))

    @reads
    def batches(
        self,
        tx: sa.Connection,
        wanted: listing.BatchFilter = listing.EVERY_BATCH,
        *,
        cursor: str | None = None,
        limit: int = listing.PAGE_ROWS,
    ) -> listing.Page[listing.BatchSummary]:
        """Newest first; each batch once, by its newest run."""
        if not _can_be_kept(wanted.name):
            return listing.Page((), None)
        query = batches_query(wanted, after=place_of(cursor, BY_TIME) if cursor else None, limit=limit)
        return _page(tx.execute(query).mappings().all(), limit, batch_summary, ("started_at", "batch"))

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
        """Of its newest run, by order ID; none but those `among` these. Raises UnknownBatch."""
        [after] = place_of(cursor, BY_KEY) if cursor else [""]
        newest = newest_run(tx, batch_workflow_id(name))
        if newest is None:
            raise UnknownBatch(f"the book knows of no batch {name}")
        query = batch_orders_query(newest.batch, newest.run, status, after=after, limit=limit)
        if among is not None:
            query = query.where(batch_orders.c.order_id.in_(among))
        return _page(tx.execute(query).mappings().all(), limit, batch_order, ("order_id",))

    @reads
    def last_words(self, tx: sa.Connection, order_ids: Sequence[str]) -> dict[str, str]:
        """What the last attempt that failed of each has said: `NotReached: no answer (refund, attempt 3)`."""
        failed = attempts.c.order_id.in_(order_ids) & attempts.c.said.is_not(None)
        rows = tx.execute(sa.select(attempts).where(failed).order_by(attempts.c.began_at))
        return {
            row.order_id: f"{row.said} ({row.activity.replace('_', ' ')}, attempt {row.last_number})"
            for row in rows
        }


def _can_be_kept(*texts: str | None) -> bool:
    """PostgreSQL refuses to compare with what it could not keep."""
    return all(text is None or text.isprintable() for text in texts)


def _page(
    rows: Sequence[sa.RowMapping], limit: int, shown: Callable[[sa.RowMapping], Shown], place: Sequence[str]
) -> listing.Page[Shown]:
    """If there is one row more than `limit`, then there is another page. `place` tells where one ends."""
    page = rows[:limit]
    cursor = cursor_of(*(page[-1][name] for name in place)) if len(rows) > limit else None
    return listing.Page(tuple(map(shown, page)), cursor)


# --- queries --------------------------------------------------------------------------------------


def batches_query(
    wanted: listing.BatchFilter, *, after: tuple[datetime, str] | None, limit: int
) -> sa.Select[Any]:
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
    if after is not None:
        query = query.where(behind(place, after))
    return query.order_by(*(column.desc() for column in place)).limit(limit + 1)


_ENDED = {listing.LineStatus.FAILED, listing.LineStatus.CANCELLED, listing.LineStatus.TERMINATED}


def batch_orders_query(
    batch: str, run: str, status: listing.LineStatus | None, *, after: str, limit: int
) -> sa.Select[Any]:
    """By the primary key of the file's orders, each with the submission that counts."""
    its_own = (submissions.c.order_id == batch_orders.c.order_id) & (submissions.c.order_id > after)
    if status in (None, listing.LineStatus.CONFLICT):
        its_own &= counts()
    elif status in _ENDED:  # of the others, status alone tells
        its_own &= counts_if_ended()
    joined = batch_orders.outerjoin(submissions, its_own)
    query = sa.select(
        batch_orders,
        *(
            submissions.c[name]
            for name in ("submission", "status", "failed_step", "reason", "opened_at", "closed_at")
        ),
        submissions.c.notice.label("note"),
    ).select_from(joined)
    query = query.where(of_run(batch, run), batch_orders.c.order_id > after)
    if status is not None:
        query = query.where(_stands_as(status))
    return query.order_by(batch_orders.c.order_id).limit(limit + 1)


def to_announce_query(order_id: str | None) -> sa.Select[Any]:
    same = [to_announce.c[name] == submissions.c[name] for name in ("order_id", "submission")]
    shown = (submissions.c[NAMED.get(name, name)].label(name) for name in listing.OrderSummary.model_fields)
    query = sa.select(*shown).join(to_announce, sa.and_(*same))
    query = query.where(submissions.c.status != SubmissionStatus.OPEN)
    return query if order_id is None else query.where(to_announce.c.order_id == order_id)


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
