"""The reconciler's pages of the order book: `reconciliation.ReconciliationBook` over SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, select, text, tuple_, update
from sqlalchemy.engine import Connection

from order_system.book.entries import note_notice
from order_system.book.reading import BookQueries, submission_record
from order_system.book.tables import effects, submissions
from order_system.domain.book import EffectState, Notice, SubmissionStatus
from order_system.domain.order import SubmissionRef
from order_system.domain.reconciliation import KeyInDoubt, OwedNotice, owed_notice
from order_system.domain.steps import GIVEN_BACK, Effect
from order_system.infra.database import reads, writes

NOT_UNDONE = [SubmissionStatus.OPEN, SubmissionStatus.FULFILLED]
"""Said this way round, SQLite begins with the few keys in doubt, not with all submissions that failed."""

_MAY_STAY_IN_DOUBT = [undo.effect for undo in GIVEN_BACK.values()]
"""The carrier's void binds whatever comes later, so a label is never left in doubt."""

# Spelled out, not bound: a partial index serves only a query that says the same.
IS_OPEN = text("book_submissions.status = 'open'")
IS_IN_DOUBT = text("book_effects.state = 'in doubt'")
IS_OWED = text("book_submissions.notice = 'owed'")


class SqlReconciliationBook(BookQueries):
    @reads
    def open_submissions(
        self, tx: Connection, namespace: str, *, opened_before: datetime, after_order: str | None, limit: int
    ) -> Sequence[SubmissionRef]:
        query = (
            select(submissions)
            .where(
                IS_OPEN,
                submissions.c.namespace == namespace,
                submissions.c.opened_at <= opened_before,
                submissions.c.order_id > (after_order or ""),
            )
            .order_by(submissions.c.order_id)
            .limit(limit)
        )
        return [submission_record(row).ref for row in tx.execute(query)]

    @reads
    def keys_in_doubt(
        self, tx: Connection, namespace: str, *, after: KeyInDoubt | None, limit: int
    ) -> Sequence[KeyInDoubt]:
        place = (effects.c.order_id, effects.c.submission, effects.c.effect)
        query = (
            select(
                submissions,
                effects.c.effect,
                effects.c.undo_ended_at,
                effects.c.receipt.is_not(None).label("has_receipt"),
            )
            .join_from(effects, submissions)
            .where(
                IS_IN_DOUBT,
                effects.c.undo_ended_at.is_not(None),
                effects.c.effect.in_(_MAY_STAY_IN_DOUBT),
                submissions.c.namespace == namespace,
                submissions.c.status.not_in(NOT_UNDONE),
            )
            .order_by(*place)
            .limit(limit)
        )
        if after is not None:
            ref = after.submission
            query = query.where(tuple_(*place) > (ref.order_id, ref.submission, after.effect))
        return [
            KeyInDoubt(
                submission=submission_record(row).ref,
                effect=Effect(row.effect),
                undo_ended_at=row.undo_ended_at,
                has_receipt=row.has_receipt,
            )
            for row in tx.execute(query)
        ]

    @reads
    def owed_notices(
        self,
        tx: Connection,
        namespace: str,
        *,
        closed_before: datetime,
        after_order: str | None,
        limit: int,
    ) -> Sequence[OwedNotice]:
        later = submissions.alias("later")
        superseded = exists().where(
            later.c.order_id == submissions.c.order_id, later.c.opened_at > submissions.c.opened_at
        )
        query = (
            select(submissions)
            .where(
                IS_OWED,
                ~superseded,
                submissions.c.namespace == namespace,
                submissions.c.closed_at <= closed_before,
                submissions.c.order_id > (after_order or ""),
            )
            .order_by(submissions.c.order_id)
            .limit(limit)
        )
        return [owed_notice(submission_record(row)) for row in tx.execute(query)]

    @writes
    def end_doubt(self, tx: Connection, key: KeyInDoubt, state: EffectState, at: datetime) -> None:
        ref = key.submission
        ended_before = [EffectState.NEVER_HAPPENED] if state is EffectState.UNDONE else []
        tx.execute(
            update(effects)
            .where(
                effects.c.order_id == ref.order_id,
                effects.c.submission == ref.submission,
                effects.c.effect == key.effect,
                effects.c.state.in_([EffectState.IN_DOUBT, *ended_before]),
            )
            .values(state=state, undo_ended_at=at)
        )
        if key.effect is Effect.CHARGE and state is EffectState.UNDONE:
            note_notice(tx, ref, Notice.OWED)
