"""Reading the order book: its rows as records, and the queries that several modules need."""

import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa

from order_system.book.tables import (
    accepted,
    answers,
    batch_orders,
    batches,
    effects,
    identity,
    refunds,
    submissions,
)
from order_system.domain.answers import AnswerRecord
from order_system.domain.batch import BatchRecord, BatchRequest, Fate
from order_system.domain.book import EffectState, JournalEntry, Ledger, SubmissionRecord, SubmissionStatus
from order_system.domain.errors import NewerBook
from order_system.domain.journal import Journal, payment_in
from order_system.domain.messages import OrderOutcome
from order_system.domain.order import DispatchReceipt, PaymentReceipt, SubmissionRef
from order_system.domain.refunds import Refund, RefundState
from order_system.domain.search import normal_email
from order_system.domain.steps import Effect
from order_system.infra.database import Database, OverDatabase, Prepared, reads

IDS_PER_QUERY = 10_000
"""Fewer than the parameters that SQLite (32,766) and PostgreSQL (65,535) take in one statement."""

LIVE = (SubmissionStatus.OPEN, SubmissionStatus.FULFILLED)
ITS_OWN = batch_orders.c.fate.is_(None) | batch_orders.c.fate.not_in([Fate.CONFLICT, Fate.NOT_ASKED_FOR])
"""The condition for the run's own orders among those of its file."""

_ENTRY = [effects.c[field.name] for field in fields(JournalEntry)]
_RECORD = [field.name for field in fields(SubmissionRecord) if field.name != "ref"]

Known = TypeVar("Known", bound=StrEnum)


def known(kind: type[Known], word: str) -> Known:
    """Raises NewerBook: a word that we do not know may mean held money or stock, so nothing is done."""
    try:
        return kind(word)
    except ValueError:
        raise NewerBook(
            f"the order book says {word!r}, which only a newer version of this program understands"
        ) from None


def submission_record(row: sa.Row[Any]) -> SubmissionRecord:
    ref = SubmissionRef(
        order_id=row.order_id, submission=row.submission, fingerprint=row.fingerprint, batch=row.batch
    )
    values: dict[str, Any] = {name: getattr(row, name) for name in _RECORD}
    values |= {"ref": ref, "status": known(SubmissionStatus, row.status)}
    return SubmissionRecord(**values)


def journal_entry(values: Iterable[Any]) -> JournalEntry:
    """Make an entry from the columns _ENTRY. Access by name would take longer than the query."""
    effect, state, *others = values
    return JournalEntry(known(Effect, effect), known(EffectState, state), *others)


def counts() -> sa.ColumnElement[bool]:
    """The condition for an order's submission that counts: the open or fulfilled one, or else the newest."""
    return sa.or_(submissions.c.status.in_(LIVE), counts_if_ended())


def counts_if_ended() -> sa.ColumnElement[bool]:
    """The same for a submission that has ended otherwise. It is no OR, so PostgreSQL can join by it."""
    other = submissions.alias("other")
    newer = sa.tuple_(other.c.opened_at, other.c.submission) > sa.tuple_(
        submissions.c.opened_at, submissions.c.submission
    )
    better = sa.exists().where(
        other.c.order_id == submissions.c.order_id,
        other.c.submission != submissions.c.submission,
        sa.or_(other.c.status.in_(LIVE), newer),
    )
    return ~better


_OF_SUBMISSION: dict[str, sa.BindParameter[str]] = {
    name: sa.bindparam(name) for name in ("order_id", "submission")
}
_LOCKED_SUBMISSION = Prepared(sa.select(submissions).filter_by(**_OF_SUBMISSION).with_for_update())
_LOCKED_SUBMISSIONS = Prepared(
    sa.select(submissions)
    .filter_by(order_id=sa.bindparam("order_id"))
    .order_by(submissions.c.submission)  # all transactions lock in this order, so none deadlock
    .with_for_update()
)
_JOURNAL = Prepared(sa.select(*_ENTRY).filter_by(**_OF_SUBMISSION))


def locked_submission(tx: sa.Connection, ref: SubmissionRef) -> SubmissionRecord | None:
    row = _LOCKED_SUBMISSION.row(tx, key_of(ref))
    return submission_record(row) if row else None


def lock(tx: sa.Connection, ref: SubmissionRef) -> None:
    """Lock the submission for a transaction that need not read it. On SQLite a writer is alone anyhow."""
    if tx.dialect.name != "sqlite":
        _LOCKED_SUBMISSION.rows(tx, key_of(ref))


def submissions_of(tx: sa.Connection, order_id: str) -> dict[str, SubmissionRecord]:
    """Return all submissions of an order by their ID, locked."""
    rows = _LOCKED_SUBMISSIONS.rows(tx, {"order_id": order_id})
    return {row.submission: submission_record(row) for row in rows}


def journal_of(tx: sa.Connection, ref: SubmissionRef) -> dict[Effect, JournalEntry]:
    return {entry.effect: entry for entry in map(journal_entry, _JOURNAL.rows(tx, key_of(ref)))}


def key_of(ref: SubmissionRef) -> dict[str, str]:
    return {"order_id": ref.order_id, "submission": ref.submission}


def answers_of(tx: sa.Connection, ref: SubmissionRef) -> list[AnswerRecord]:
    """Return people's answers about this submission, oldest first."""
    rows = tx.execute(sa.select(answers).filter_by(**key_of(ref)).order_by(answers.c.at)).mappings()
    return [AnswerRecord.model_validate(dict(row)) for row in rows]


def refunds_of(tx: sa.Connection, *conditions: sa.ColumnElement[bool]) -> dict[str, list[Refund]]:
    """Return the refunds that meet the conditions, by order, oldest first."""
    return refunds_in(tx.execute(sa.select(refunds).where(*conditions)))


def refunds_in(rows: Iterable[sa.Row[Any]]) -> dict[str, list[Refund]]:
    found: dict[str, list[Refund]] = defaultdict(list)
    for row in rows:
        found[row.order_id].append(Refund.model_validate(row.content))
    return {order_id: sorted(each, key=lambda refund: refund.asked_at) for order_id, each in found.items()}


def preferred(tx: sa.Connection, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
    """Return each order's submission that counts."""
    query = sa.select(submissions).where(counts())
    rows = rows_of(tx, query, submissions.c.order_id, order_ids)
    return {row.order_id: submission_record(row) for row in rows}


def rows_of(
    tx: sa.Connection, query: sa.Select[Any], order_id: sa.ColumnElement[str], ids: Sequence[str]
) -> Iterator[sa.Row[Any]]:
    """Yield the rows of these orders, however many they are."""
    for start in range(0, len(ids), IDS_PER_QUERY):
        yield from tx.execute(query.where(order_id.in_(ids[start : start + IDS_PER_QUERY])))


def newest_run(tx: sa.Connection, batch: str) -> sa.Row[Any] | None:
    query = sa.select(batches).where(batches.c.batch == batch).order_by(batches.c.started_at.desc())
    return tx.execute(query.limit(1)).first()


def of_run(batch: str, run: str) -> sa.ColumnElement[bool]:
    """The condition for orders of that run of that batch."""
    return (batch_orders.c.batch == batch) & (batch_orders.c.run == run)


def payment_of(journal: Journal, ref: SubmissionRef) -> PaymentReceipt:
    """Return the payment of a fulfilled submission."""
    if (receipt := payment_in(journal)) is None:
        raise LookupError(f"{ref.order_id}: the order book has no receipt of its payment")
    return receipt


def outcome_of(tx: sa.Connection, record: SubmissionRecord) -> OrderOutcome:
    """Return the recorded outcome of a submission that is closed as fulfilled."""
    journal = journal_of(tx, record.ref)
    return OrderOutcome.of(
        record.ref,
        payment_of(journal, record.ref),
        DispatchReceipt.model_validate(journal[Effect.DISPATCH].receipt),
    )


def email_hash(database: Database, tx: sa.Connection, email: str) -> str:
    """Return an e-mail's keyed hash, all that the book keeps of it. It is enough to find the e-mail's orders,
    but nobody can try out e-mails without the key: ORDER_EMAIL_KEY, or else the one made with the book."""
    if database.email_key is None:
        database.email_key = tx.execute(sa.select(identity.c.email_key)).scalar_one()
    return hmac.digest(database.email_key.encode(), normal_email(email).encode(), "sha256").hex()


def only_accepted() -> tuple[dict[str, sa.ColumnElement[Any]], sa.ColumnElement[bool]]:
    """Return columns and condition of submissions that are accepted and not opened yet, unless another of the
    order is open or fulfilled. Their columns are those of submissions, as if they were open."""
    opened = submissions.alias("opened")
    is_known = (opened.c.submission == accepted.c.submission) | opened.c.status.in_(LIVE)
    said = {"fingerprint": "", "namespace": "", "status": SubmissionStatus.OPEN.value}
    columns: dict[str, sa.ColumnElement[Any]] = {
        each.name: sa.cast(sa.literal(said.get(each.name)), each.type) for each in submissions.c
    }
    columns |= {name: accepted.c[name] for name in ("order_id", "submission", "namespace_id")}
    columns["opened_at"] = accepted.c.accepted_at
    return columns, ~sa.exists().where(opened.c.order_id == accepted.c.order_id, is_known)


class BookQueries(OverDatabase):
    """Queries for all programs."""

    @property
    def book_id(self) -> str:
        """The book's ID, for the memo of every workflow started: workers of another book refuse it."""
        return self.database.book

    @reads
    def find(self, tx: sa.Connection, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
        return preferred(tx, order_ids)

    @reads
    def journal(self, tx: sa.Connection, ref: SubmissionRef) -> dict[Effect, JournalEntry]:
        return journal_of(tx, ref)

    @reads
    def outcome(self, tx: sa.Connection, order_id: str) -> OrderOutcome | None:
        record = preferred(tx, [order_id]).get(order_id)
        if record is None or record.status is not SubmissionStatus.FULFILLED:
            return None
        return outcome_of(tx, record)

    @reads
    def refunds(self, tx: sa.Connection, order_ids: Sequence[str]) -> dict[str, list[Refund]]:
        """Return the refunds of these orders, by order, oldest first."""
        return refunds_in(rows_of(tx, sa.select(refunds), refunds.c.order_id, order_ids))

    @reads
    def refunds_under_way(self, tx: sa.Connection) -> dict[str, list[Refund]]:
        return refunds_of(tx, refunds.c.state == RefundState.UNDER_WAY)

    @reads
    def order_ids(self, tx: sa.Connection, prefix: str) -> list[str]:
        """Return the order IDs that start with `prefix`, for finding the next free number."""
        query = sa.select(submissions.c.order_id).where(
            submissions.c.order_id.startswith(prefix, autoescape=True)
        )
        return list(tx.execute(query.distinct()).scalars())

    @reads
    def batch_run(self, tx: sa.Connection, batch: str) -> BatchRecord | None:
        """Return the newest run of the batch with this workflow ID."""
        if (row := newest_run(tx, batch)) is None:
            return None
        request = BatchRequest.model_validate(row.request)
        return BatchRecord(batch=batch, run=row.run, request=request, started_at=row.started_at)

    @reads
    def ledger(self, tx: sa.Connection) -> Ledger:
        journals: dict[tuple[str, str], dict[Effect, JournalEntry]] = defaultdict(dict)
        for row in tx.execute(sa.select(*_ENTRY, effects.c.order_id, effects.c.submission)):
            entry = journal_entry(row[:-2])
            journals[row.order_id, row.submission][entry.effect] = entry
        records = map(submission_record, tx.execute(sa.select(submissions)))
        return Ledger(
            tuple((record, journals[record.ref.order_id, record.ref.submission]) for record in records),
            refunds_of(tx),
        )
