"""The reconciler's part of the order book, and the submissions that other servers have left in it."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from order_system.book.entries import ENTRY, MAY_STAY_IN_DOUBT, Entries
from order_system.book.reading import BookQueries, known, only_accepted, submission_record
from order_system.book.tables import accepted, answers, effects, submissions
from order_system.domain.answers import AnsweredAs
from order_system.domain.book import EffectState, Notice, Server, Stranded, SubmissionRecord, SubmissionStatus
from order_system.domain.ids import batch_name
from order_system.domain.messages import NoticeKind
from order_system.domain.order import SubmissionRef
from order_system.domain.reconciliation import KeyInDoubt, OlderOnes, OwedNotice
from order_system.domain.steps import Effect, Step
from order_system.infra.database import Prepared, reads, writes

NOT_UNDONE = [SubmissionStatus.OPEN, SubmissionStatus.FULFILLED]
"""Queries exclude these. If they listed the rest, SQLite would begin with all failed submissions."""

# Literals, not parameters: a partial index serves only a query with the same literal.
IS_OPEN = sa.text("book_submissions.status = 'open'")
IS_IN_DOUBT = sa.text("book_effects.state = 'in doubt'")
IS_OWED = sa.text("book_submissions.notice = 'owed'")

_DOUBT = Prepared(ENTRY.where(effects.c.state == EffectState.IN_DOUBT, effects.c.receipt.is_(None)))
_DOUBT_OR_NEVER = Prepared(
    ENTRY.where((effects.c.state == EffectState.IN_DOUBT) | (effects.c.state == EffectState.NEVER_HAPPENED))
)

ON_SERVER: sa.ColumnElement[str] = sa.func.coalesce(submissions.c.namespace_id, submissions.c.namespace)
"""The submission's server, as one of its `Server.names`."""


def is_owed() -> sa.ColumnElement[bool]:
    """The condition for an owed notice. None is owed for a submission that has a later one."""
    later = submissions.alias("later")
    superseded = sa.exists().where(
        later.c.order_id == submissions.c.order_id, later.c.opened_at > submissions.c.opened_at
    )
    return sa.and_(IS_OWED, ~superseded)


class SqlReconciliationBook(BookQueries):
    """Implements `domain.reconciliation.ReconciliationBook`."""

    @reads
    def open_submissions(self, tx: sa.Connection, asked: OlderOnes) -> Sequence[SubmissionRef]:
        is_old = submissions.c.opened_at <= asked.before
        rows = tx.execute(_page(asked).where(IS_OPEN, is_old))
        return [self._ours(row).ref for row in rows]

    @reads
    def keys_in_doubt(
        self, tx: sa.Connection, here: Server, *, after: KeyInDoubt | None, limit: int
    ) -> Sequence[KeyInDoubt]:
        place = (effects.c.order_id, effects.c.submission, effects.c.effect)
        query = (
            sa.select(
                submissions,
                effects.c.effect,
                effects.c.undo_ended_at,
                effects.c.receipt.is_not(None).label("has_receipt"),
            )
            .join_from(effects, submissions)
            .where(
                IS_IN_DOUBT,
                effects.c.undo_ended_at.is_not(None),
                effects.c.effect.in_(MAY_STAY_IN_DOUBT),
                ON_SERVER.in_(here.names),
                submissions.c.status.not_in(NOT_UNDONE),
            )
            .order_by(*place)
            .limit(limit)
        )
        if after is not None:
            ref = after.submission
            query = query.where(sa.tuple_(*place) > (ref.order_id, ref.submission, after.effect))
        return [
            KeyInDoubt(
                submission=self._ours(row).ref,
                effect=known(Effect, row.effect),
                undo_ended_at=row.undo_ended_at,
                has_receipt=row.has_receipt,
            )
            for row in tx.execute(query)
        ]

    @reads
    def owed_notices(self, tx: sa.Connection, asked: OlderOnes) -> Sequence[OwedNotice]:
        is_old = submissions.c.closed_at <= asked.before
        rows = tx.execute(_page(asked).where(is_owed(), is_old))
        fulfilled, failed = NoticeKind.CONFIRMATION, NoticeKind.CANCELLATION
        return [
            OwedNotice(
                submission=record.ref,
                kind=fulfilled if record.status is SubmissionStatus.FULFILLED else failed,
                closed_at=record.closed_at or record.opened_at,
            )
            for record in map(self._ours, rows)
        ]

    def _ours(self, row: sa.Row[Any]) -> SubmissionRecord:
        """Return the row's record with this book's ID: workers of another book refuse to act on it."""
        record = submission_record(row)
        return replace(record, ref=record.ref.model_copy(update={"book": self.book_id}))

    @writes
    def end_doubt(self, tx: sa.Connection, key: KeyInDoubt, state: EffectState, at: datetime) -> None:
        entries, undone = Entries(tx, key.submission), state is EffectState.UNDONE
        entries.change(key.effect, _DOUBT_OR_NEVER if undone else _DOUBT, state=state, undo_ended_at=at)
        if key.effect is Effect.CHARGE and state is EffectState.UNDONE:
            entries.note_notice(Notice.OWED)

    @reads
    def stranded(self, tx: sa.Connection, here: Server, *, opened_before: datetime) -> Sequence[Stranded]:
        """Return every other server that has open submissions in this book, or has accepted some."""
        columns, is_wanted = only_accepted()
        names = ("namespace_id", "namespace", "opened_at", "batch")
        opened = sa.select(*(submissions.c[name] for name in names)).where(IS_OPEN)
        left = sa.union_all(
            opened, sa.select(*(columns[name].label(name) for name in names)).where(is_wanted)
        )
        each = left.subquery().c
        server = sa.func.coalesce(each.namespace_id, each.namespace).label("server")
        query = (
            sa.select(
                server,
                sa.func.max(each.namespace).label("namespace"),
                sa.func.count().label("submissions"),
                sa.func.min(each.opened_at).label("since"),
            )
            .where(server.not_in([*here.names, ""]), each.opened_at <= opened_before)
            .group_by(server)
            .order_by(server)
        )
        named = sa.select(server, each.batch).distinct().where(each.batch.is_not(None)).order_by(each.batch)
        batches = [tuple(row) for row in tx.execute(named)]
        return [
            Stranded(**row, batches=tuple(batch_name(batch) for of, batch in batches if of == row["server"]))
            for row in tx.execute(query).mappings()
        ]

    @reads
    def accepted_elsewhere(self, tx: sa.Connection, order_id: str, here: Server) -> SubmissionRecord | None:
        """Return an order that another server has accepted, and whose payment has opened nothing yet."""
        columns, is_wanted = only_accepted()
        theirs = accepted.c.namespace_id.not_in(here.names)
        query = sa.select(*(column.label(name) for name, column in columns.items()))
        row = tx.execute(query.where(is_wanted, theirs, accepted.c.order_id == order_id)).first()
        return submission_record(row) if row else None

    @writes
    def adopt(
        self, tx: sa.Connection, server: str, here: Server, *, who: str, note: str, at: datetime
    ) -> int | None:
        """Make all submissions of that server this one's, with keys in doubt and owed notices. It opens what
        was only accepted there. Each open one keeps who said so, and why. Returns how many are open; None if
        the book has nothing of that server."""
        theirs, (columns, is_wanted) = ON_SERVER.in_([server]), only_accepted()
        left = sa.select(*columns.values()).where(is_wanted, accepted.c.namespace_id == server)
        tx.execute(sa.insert(submissions).from_select([*columns], left))
        tx.execute(sa.delete(accepted).where(accepted.c.namespace_id == server))
        # The answers' table wants a step: payment's, which opens a submission.
        said = {"at": at, "who": who, "note": note, "step": Step.PAYMENT, "answer": AnsweredAs.ADOPTED}
        keys = tx.execute(sa.select(submissions.c.order_id, submissions.c.submission).where(IS_OPEN, theirs))
        word = [{**key, **said, "answer_id": str(uuid.uuid4())} for key in keys.mappings()]
        if word:
            tx.execute(sa.insert(answers), word)
        ours = {"namespace": here.namespace, "namespace_id": here.namespace_id}
        adopted = tx.execute(sa.update(submissions).where(theirs).values(**ours))
        return len(word) if adopted.rowcount else None


def _page(asked: OlderOnes) -> sa.Select[Any]:
    behind = submissions.c.order_id > (asked.after_order or "")
    query = sa.select(submissions).where(ON_SERVER.in_(asked.here.names), behind)
    return query.order_by(submissions.c.order_id).limit(asked.limit)
