"""Lists of orders: the wanted ones, each once and in the wanted order, a page at a time.

A list takes several queries, whose rows `together` merges: each walks an index of its own to its page, but
one for all would read every row. One query finds orders that have a submission in the book, another those
that were only accepted. A text in the search box may mean several things, and each meaning has its own two
queries. Every value is a parameter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from order_system.book.pages import BY_AMOUNT, BY_TIME, behind, can_be_kept, page_of, place_of
from order_system.book.reading import LIVE, counts_if_ended, email_hash, key_of, known, only_accepted
from order_system.book.tables import accepted, attempts, submissions, to_announce
from order_system.domain.book import Notice, Server, SubmissionStatus
from order_system.domain.ids import batch_name, batch_workflow_id
from order_system.domain.listing import EVERY_ORDER, PAGE_ROWS, OrderFilter, OrderSummary, Page, Sort
from order_system.domain.messages import OrderStatus
from order_system.domain.money import decimal_text
from order_system.domain.order import SubmissionRef
from order_system.domain.search import Kind, Meaning, meanings_of
from order_system.infra.database import OverDatabase, insert_unless_there, reads, writes

Columns = Mapping[str, sa.ColumnElement[Any]]
Condition = sa.ColumnElement[bool]

_BY_TIME = (("opened_at", "order_id"), BY_TIME)
PLACES: Mapping[Sort, tuple[tuple[str, ...], TypeAdapter[Any]]] = {
    **dict.fromkeys((Sort.NEWEST, Sort.OLDEST), _BY_TIME),
    Sort.AMOUNT: (("total", *_BY_TIME[0]), BY_AMOUNT),
}
"""The columns that each list is sorted by. Their values make its cursor."""


class SqlOrderListing(OverDatabase):
    """The lists of orders. Raises InvalidUsage for a cursor that no list has given out."""

    @reads
    def orders(
        self,
        tx: sa.Connection,
        wanted: OrderFilter = EVERY_ORDER,
        *,
        cursor: str | None = None,
        limit: int = PAGE_ROWS,
    ) -> Page[OrderSummary]:
        """Return a page of orders. An order's time is when it was accepted. It has no total before a step
        opens it."""
        if not can_be_kept(wanted.reason, wanted.batch, wanted.currency):
            return Page((), None)
        place, kind = PLACES[wanted.sort]
        after = place_of(cursor, kind) if cursor else None
        meanings = None if wanted.text is None else self._meanings(tx, wanted.text)
        queries = orders_queries(wanted, meanings, after=after, limit=limit)
        found = tx.execute(together(queries, wanted)).mappings() if queries else ()
        rows = list({row["order_id"]: row for row in found}.values())  # each order once
        return page_of(rows, limit, order_summary, place)

    def _meanings(self, tx: sa.Connection, text: str) -> list[Meaning]:
        return [
            replace(each, text=email_hash(self.database, tx, each.text)) if each.kind is Kind.EMAIL else each
            for each in meanings_of(text)
        ]

    @reads
    def order_counts(self, tx: sa.Connection) -> dict[SubmissionStatus, int]:
        """Count orders by status, each order once. A status without orders has 0."""
        found = dict.fromkeys(SubmissionStatus, 0)
        for status, number in tx.execute(counts_query()).all():
            found[known(SubmissionStatus, status)] += number
        return found

    @writes
    def forget_accepted(self, tx: sa.Connection, ended: Sequence[str], here: Server) -> int:
        """Remove submissions that this server accepted, and whose workflows have closed without opening
        anything. Return how many. Those of another server may yet run there."""
        is_ours = accepted.c.namespace_id.is_(None) | accepted.c.namespace_id.in_(here.names)
        return tx.execute(sa.delete(accepted).where(accepted.c.submission.in_(ended), is_ours)).rowcount

    @writes
    def may_end(self, tx: sa.Connection, ref: SubmissionRef) -> None:
        """Note a submission that may close now, so that its end is announced. Idempotent."""
        insert_unless_there(tx, to_announce, key_of(ref))

    @reads
    def to_announce(self, tx: sa.Connection, order_id: str | None = None) -> list[OrderSummary]:
        """Return submissions that have closed and were not announced: of this order, or of all orders."""
        same = [to_announce.c[name] == submissions.c[name] for name in ("order_id", "submission")]
        query = sa.select(*_shown(dict(submissions.c))).join(to_announce, sa.and_(*same))
        query = query.where(submissions.c.status != SubmissionStatus.OPEN)
        which = query if order_id is None else query.where(to_announce.c.order_id == order_id)
        return [order_summary(row) for row in tx.execute(which).mappings()]

    @writes
    def announced(self, tx: sa.Connection, order: OrderSummary) -> None:
        this = {"order_id": order.order_id, "submission": order.submission}
        tx.execute(sa.delete(to_announce).filter_by(**this))

    @reads
    def last_words(self, tx: sa.Connection, order_ids: Sequence[str]) -> dict[str, str]:
        """Return the words of each one's last failed attempt: `refund, attempt 3: NotReached: no answer`."""
        failed = attempts.c.order_id.in_(order_ids) & attempts.c.said.is_not(None)
        rows = tx.execute(sa.select(attempts).where(failed).order_by(attempts.c.began_at))
        return {
            row.order_id: f"{row.activity.replace('_', ' ')}, attempt {row.last_number}: {row.said}"
            for row in rows
        }


# --- a row ------------------------------------------------------------------------------------------


def _shown(columns: Columns) -> list[sa.ColumnElement[Any]]:
    named = dict(columns) | {"note": columns["notice"]}
    return [named[name].label(name) for name in OrderSummary.model_fields]


def order_summary(row: sa.RowMapping) -> OrderSummary:
    total, batch = row["total"], row["batch"]
    shown = {
        "status": order_status(row["status"]),
        "batch": batch_name(batch) if batch else None,
        "total": None if total is None else decimal_text(total, row["currency"]),
        "note": note(row["note"]),
    }
    return OrderSummary.model_validate({**row, **shown})


def note(notice: str | None) -> str | None:
    return "the notice was not sent" if notice == Notice.NOT_SENT else None


def order_status(status: str) -> OrderStatus:
    stands = known(SubmissionStatus, status)
    return OrderStatus.RUNNING if stands is SubmissionStatus.OPEN else OrderStatus(stands)


# --- all queries of a list ---------------------------------------------------------------------------


def orders_queries(
    wanted: OrderFilter, meanings: Sequence[Meaning] | None = None, *, after: Sequence[Any] | None, limit: int
) -> list[sa.Select[Any]]:
    """The queries of a list, each for one row more than `limit`. Of an e-mail, `meanings` has the hash."""
    queries: list[sa.Select[Any]] = []
    for columns, once in (_opened(), only_accepted()):
        fits = [sa.true()] if meanings is None else [_fits(columns, each) for each in meanings]
        queries += [_query(columns, [once, each], wanted, after=after, limit=limit) for each in fits]
    return queries


def together(queries: Sequence[sa.Select[Any]], wanted: OrderFilter) -> sa.CompoundSelect[Any]:
    """Merge the rows of all queries. The database sorts: its collation decides what is behind a cursor."""
    rows = sa.union_all(*(sa.select(query.subquery()) for query in queries))
    place: list[sa.ColumnElement[Any]] = [sa.column(name) for name in PLACES[wanted.sort][0]]
    return rows.order_by(*(each if wanted.sort is Sort.OLDEST else each.desc() for each in place))


def counts_query() -> sa.CompoundSelect[Any, int]:
    """Count by status, in one or several rows each. For open and fulfilled ones, an index alone suffices."""
    status = submissions.c.status
    live = status.in_(LIVE)
    waiting, waits = only_accepted()
    return sa.union_all(
        sa.select(status, sa.func.count()).where(live).group_by(status),
        sa.select(status, sa.func.count()).where(~live, _once_if_ended()).group_by(status),
        sa.select(waiting["status"], sa.func.count()).select_from(accepted).where(waits),
    )


# --- one query ------------------------------------------------------------------------------------


def _query(
    columns: Columns,
    conditions: list[Condition],
    wanted: OrderFilter,
    *,
    after: Sequence[Any] | None,
    limit: int,
) -> sa.Select[Any]:
    place, ascending = [columns[name] for name in PLACES[wanted.sort][0]], wanted.sort is Sort.OLDEST
    conditions += _conditions(columns, wanted)
    if after is not None:
        conditions.append(behind(place, after, ascending=ascending))
    order = (column if ascending else column.desc() for column in place)
    return sa.select(*_shown(columns)).where(*conditions).order_by(*order).limit(limit + 1)


def _conditions(columns: Columns, wanted: OrderFilter) -> Iterator[Condition]:
    exactly = {
        "status": wanted.status,
        "failed_step": wanted.step,
        "batch": None if wanted.batch is None else batch_workflow_id(wanted.batch),
        "currency": wanted.currency,
    }
    for name, value in exactly.items():
        if value is not None:
            yield columns[name] == value
    if wanted.reason is not None:
        # Open and fulfilled orders have no reason. Where an index tells the status, their rows are not read.
        yield columns["status"].not_in(LIVE)
        yield columns["reason"].icontains(wanted.reason, autoescape=True)
    if wanted.opened_since is not None:
        yield columns["opened_at"] >= wanted.opened_since
    if wanted.opened_before is not None:
        yield columns["opened_at"] < wanted.opened_before
    if wanted.order_ids is not None:
        yield columns["order_id"].in_(wanted.order_ids)
    if wanted.sort is Sort.AMOUNT:
        yield columns["total"].is_not(None)


def _fits(columns: Columns, meaning: Meaning) -> Condition:
    match meaning.kind:
        case Kind.PART_OF_ID:
            return columns["order_id"].icontains(meaning.text, autoescape=True)
        case Kind.AMOUNT:
            return (columns["total"] == meaning.amount) & columns["currency"].in_(sorted(meaning.currencies))
        case _:
            return columns[meaning.kind] == meaning.text


# --- each order once ------------------------------------------------------------------------------


def _opened() -> tuple[Columns, Condition]:
    """Orders by the submission that counts, unless that has ended and another is accepted but not opened."""
    return dict(submissions.c), submissions.c.status.in_(LIVE) | _once_if_ended()


def _once_if_ended() -> Condition:
    _, waits = only_accepted()
    runs_again = sa.exists().where(accepted.c.order_id == submissions.c.order_id, waits)
    return counts_if_ended() & ~runs_again
