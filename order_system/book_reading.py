"""Reading the order book: rows of its two tables as records, and the queries over them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from order_system.attention import AnswerRecord
from order_system.batches import Fate
from order_system.book_tables import answers, batch_orders, batches, effects, submissions
from order_system.database import Database
from order_system.ids import Effect
from order_system.journal import BatchRun, EffectState, JournalEntry, SubmissionRecord, SubmissionStatus
from order_system.messages import OrderOutcome
from order_system.models import DispatchReceipt, PaymentReceipt, SubmissionRef
from order_system.ports import Ledger

IDS_PER_QUERY = 10_000
"""Below the number of parameters that SQLite (32,766) and PostgreSQL (65,535) take in one statement."""

_NOT_ITS_OWN = (Fate.CONFLICT, Fate.NOT_ASKED_FOR)


def submission_record(row: Row[Any]) -> SubmissionRecord:
    return SubmissionRecord(
        ref=SubmissionRef(
            order_id=row.order_id, submission=row.submission, fingerprint=row.fingerprint, batch=row.batch
        ),
        namespace=row.namespace,
        status=SubmissionStatus(row.status),
        failed_step=row.failed_step,
        reason=row.reason,
        total=row.total,
        currency=row.currency,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )


def journal_entry(row: Row[Any]) -> JournalEntry:
    return JournalEntry(
        effect=Effect(row.effect),
        state=EffectState(row.state),
        attempts=row.attempts,
        unanswered=row.unanswered,
        unanswered_until=row.unanswered_until,
        receipt=row.receipt,
        claimed_at=row.claimed_at,
        done_at=row.done_at,
        fenced_at=row.fenced_at,
        settled_at=row.settled_at,
        handled_by=row.handled_by,
        handled_note=row.handled_note,
    )


async def submission_of(tx: AsyncConnection, ref: SubmissionRef, *, lock: bool) -> SubmissionRecord | None:
    query = select(submissions).where(
        submissions.c.order_id == ref.order_id, submissions.c.submission == ref.submission
    )
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return submission_record(row) if row else None


async def journal_of(tx: AsyncConnection, ref: SubmissionRef) -> dict[Effect, JournalEntry]:
    query = select(effects).where(effects.c.order_id == ref.order_id, effects.c.submission == ref.submission)
    return {Effect(row.effect): journal_entry(row) for row in await tx.execute(query)}


async def answers_of(tx: AsyncConnection, ref: SubmissionRef) -> list[AnswerRecord]:
    query = select(answers).where(answers.c.order_id == ref.order_id, answers.c.submission == ref.submission)
    rows = (await tx.execute(query.order_by(answers.c.at))).mappings()
    return [AnswerRecord.model_validate(dict(row)) for row in rows]


async def live_or_fulfilled(tx: AsyncConnection, order_id: str) -> list[SubmissionRecord]:
    """Locked: what stands in the way of opening another submission of this order."""
    query = select(submissions).where(
        submissions.c.order_id == order_id,
        submissions.c.status.in_([SubmissionStatus.OPEN, SubmissionStatus.FULFILLED]),
    )
    return [submission_record(row) for row in await tx.execute(query.with_for_update())]


async def any_opened_since(tx: AsyncConnection, order_id: str, moment: datetime) -> bool:
    query = select(submissions.c.order_id).where(
        submissions.c.order_id == order_id, submissions.c.opened_at >= moment
    )
    return (await tx.execute(query.limit(1))).first() is not None


async def preferred(tx: AsyncConnection, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
    """Of each order the submission that counts: fulfilled before open before the newest closed one."""
    found: dict[str, SubmissionRecord] = {}
    for some_ids in batched_ids(order_ids):
        query = select(submissions).where(submissions.c.order_id.in_(some_ids))
        for row in await tx.execute(query):
            record = submission_record(row)
            rival = found.get(record.ref.order_id)
            if rival is None or _weight(record) > _weight(rival):
                found[record.ref.order_id] = record
    return found


def _weight(record: SubmissionRecord) -> tuple[bool, bool, float]:
    return (
        record.status is SubmissionStatus.FULFILLED,
        record.status is SubmissionStatus.OPEN,
        record.opened_at.timestamp(),
    )


def batched_ids(order_ids: Iterable[str]) -> Iterable[list[str]]:
    ids = list(order_ids)
    return (ids[start : start + IDS_PER_QUERY] for start in range(0, len(ids), IDS_PER_QUERY))


async def outcome_of(tx: AsyncConnection, record: SubmissionRecord) -> OrderOutcome:
    """The recorded outcome of a submission that is closed as fulfilled."""
    journal = await journal_of(tx, record.ref)
    return OrderOutcome(
        order_id=record.ref.order_id,
        submission=record.ref.submission,
        fingerprint=record.ref.fingerprint,
        payment=PaymentReceipt.model_validate(journal[Effect.CHARGE].receipt),
        parcel=DispatchReceipt.model_validate(journal[Effect.DISPATCH].receipt),
    )


class BookQueries:
    """The reading half of `ports.OrderBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, order_ids: Sequence[str]) -> dict[str, SubmissionRecord]:
        async with self._database.reading() as tx:
            return await preferred(tx, order_ids)

    async def journal(self, ref: SubmissionRef) -> dict[Effect, JournalEntry]:
        async with self._database.reading() as tx:
            return await journal_of(tx, ref)

    async def answers(self, ref: SubmissionRef) -> list[AnswerRecord]:
        async with self._database.reading() as tx:
            return await answers_of(tx, ref)

    async def outcome(self, order_id: str) -> OrderOutcome | None:
        async with self._database.reading() as tx:
            record = (await preferred(tx, [order_id])).get(order_id)
            if record is None or record.status is not SubmissionStatus.FULFILLED:
                return None
            return await outcome_of(tx, record)

    async def order_ids(self, prefix: str) -> list[str]:
        query = select(submissions.c.order_id).where(
            submissions.c.order_id.startswith(prefix, autoescape=True)
        )
        async with self._database.reading() as tx:
            return list((await tx.execute(query.distinct())).scalars())

    async def batch_run(self, batch: str, run: str | None = None) -> BatchRun | None:
        query = select(batches.c.run, batches.c.started_at).where(batches.c.batch == batch)
        if run is not None:
            query = query.where(batches.c.run == run)
        async with self._database.reading() as tx:
            row = (await tx.execute(query.order_by(batches.c.started_at.desc()).limit(1))).first()
        return None if row is None else BatchRun(batch, row.run, row.started_at)

    async def orders_of(self, batch: str, run: str, *, after: str, limit: int) -> list[str]:
        # By the primary key: each page is found by its index, however many orders there are.
        query = (
            select(batch_orders.c.order_id)
            .where(
                batch_orders.c.batch == batch,
                batch_orders.c.run == run,
                batch_orders.c.order_id > after,
                batch_orders.c.fate.is_(None) | batch_orders.c.fate.not_in(_NOT_ITS_OWN),
            )
            .order_by(batch_orders.c.order_id)
            .limit(limit)
        )
        async with self._database.reading() as tx:
            return list((await tx.execute(query)).scalars())

    async def ledger(self) -> Ledger:
        async with self._database.reading() as tx:
            records = [submission_record(row) for row in await tx.execute(select(submissions))]
            journals: dict[tuple[str, str], dict[Effect, JournalEntry]] = {}
            for row in await tx.execute(select(effects)):
                journal = journals.setdefault((row.order_id, row.submission), {})
                journal[Effect(row.effect)] = journal_entry(row)
        entries = (
            (record, journals.get((record.ref.order_id, record.ref.submission), {})) for record in records
        )
        return Ledger(entries=tuple(entries))
