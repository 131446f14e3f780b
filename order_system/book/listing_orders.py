"""The list of orders as queries: those that are wanted, each once and in the wanted order, a page at a time.

There are several queries, whose rows `together` merges: each walks an index of its own to its page,
and one for all would read every row. They are two, of the orders that have a submission in the book and of
those that were only accepted; and that for each thing that a text in the search box may mean."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from order_system.book.cursors import BY_AMOUNT, BY_TIME
from order_system.book.listing_rows import NAMED
from order_system.book.reading import LIVE, counts_if_ended
from order_system.book.tables import accepted, submissions
from order_system.domain.book import SubmissionStatus
from order_system.domain.ids import batch_workflow_id
from order_system.domain.listing import OrderFilter, OrderSummary, Sort
from order_system.domain.search import Kind, Meaning

Columns = Mapping[str, sa.ColumnElement[Any]]
Condition = sa.ColumnElement[bool]

_BY_TIME = ("opened_at", "order_id")
PLACES: Mapping[Sort, tuple[tuple[str, ...], TypeAdapter[Any]]] = {
    Sort.NEWEST: (_BY_TIME, BY_TIME),
    Sort.OLDEST: (_BY_TIME, BY_TIME),
    Sort.AMOUNT: (("total", *_BY_TIME), BY_AMOUNT),
}
"""The columns that each list is sorted by, which are its cursor."""


def orders_queries(
    wanted: OrderFilter, meanings: Sequence[Meaning] | None = None, *, after: Sequence[Any] | None, limit: int
) -> list[sa.Select[Any]]:
    """`meanings` of the text that is looked for, of an e-mail with its hash. One row more than `limit`."""
    queries: list[sa.Select[Any]] = []
    for columns, once in (_opened(), _only_accepted()):
        fits = [sa.true()] if meanings is None else [_fits(columns, each) for each in meanings]
        queries += [_query(columns, [once, each], wanted, after=after, limit=limit) for each in fits]
    return queries


def together(queries: Sequence[sa.Select[Any]], wanted: OrderFilter) -> sa.CompoundSelect[Any]:
    """The rows of all pages, in the wanted order: that of the database, whose collation also decides what is
    behind a cursor."""
    rows = sa.union_all(*(sa.select(query.subquery()) for query in queries))
    place: list[sa.ColumnElement[Any]] = [sa.column(name) for name in PLACES[wanted.sort][0]]
    return rows.order_by(*(each if wanted.sort is Sort.OLDEST else each.desc() for each in place))


def counts_query() -> sa.CompoundSelect[Any, int]:
    """By status, of which one may have several rows. Of what is open or fulfilled, an index alone tells."""
    status = submissions.c.status
    live = status.in_(LIVE)
    waiting, only_accepted = _only_accepted()
    return sa.union_all(
        sa.select(status, sa.func.count()).where(live).group_by(status),
        sa.select(status, sa.func.count()).where(~live, _once_if_ended()).group_by(status),
        sa.select(waiting["status"], sa.func.count()).select_from(accepted).where(only_accepted),
    )


def behind(
    place: Sequence[sa.ColumnElement[Any]], after: Sequence[Any], *, ascending: bool = False
) -> Condition:
    """Behind the row where the last page ended. The first condition is for the index."""
    (column, *further), (value, *rest) = place, after
    beyond = column > value if ascending else column < value
    if not further:
        return beyond
    or_there = column >= value if ascending else column <= value
    return sa.and_(or_there, sa.or_(beyond, behind(further, rest, ascending=ascending)))


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
    shown = (columns[NAMED.get(name, name)].label(name) for name in OrderSummary.model_fields)
    order = (column if ascending else column.desc() for column in place)
    return sa.select(*shown).where(*conditions).order_by(*order).limit(limit + 1)


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
        # Spares a look at the rows of those that have none, where an index tells the status.
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
    """By the submission that counts; unless that has ended, and one was accepted that has opened nothing."""
    return dict(submissions.c), submissions.c.status.in_(LIVE) | _once_if_ended()


def _once_if_ended() -> Condition:
    _, only_accepted = _only_accepted()
    runs_again = sa.exists().where(accepted.c.order_id == submissions.c.order_id, only_accepted)
    return counts_if_ended() & ~runs_again


def _only_accepted() -> tuple[Columns, Condition]:
    """By one that was accepted and has opened nothing yet; unless another is open or fulfilled."""
    known = submissions.alias("known")
    of_it = known.c.order_id == accepted.c.order_id
    is_known = (known.c.submission == accepted.c.submission) | known.c.status.in_(LIVE)
    columns: dict[str, sa.ColumnElement[Any]] = {
        each.name: sa.cast(sa.null(), each.type) for each in submissions.c
    }
    columns |= {
        "order_id": accepted.c.order_id,
        "submission": accepted.c.submission,
        "status": sa.cast(sa.literal(SubmissionStatus.OPEN.value), submissions.c.status.type),
        "opened_at": accepted.c.accepted_at,
    }
    return columns, ~sa.exists().where(of_it, is_known)
