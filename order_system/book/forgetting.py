"""Forgetting closed orders: everything about their customers is removed, and what the audit needs stays. The
request itself is kept among the answers, as the only one whose note stays."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, exists, select, true, update

from order_system.book import reading
from order_system.book.entries import Entries
from order_system.book.reconciliation import IS_IN_DOUBT, IS_OPEN, NOT_UNDONE, ON_SERVER, is_owed
from order_system.book.tables import (
    answers,
    attempts,
    batch_orders,
    batches,
    effects,
    refunds,
    submissions,
    to_announce,
)
from order_system.domain.answers import Answer, AnsweredAs, AnswerRecord
from order_system.domain.book import Server, SubmissionRecord
from order_system.domain.errors import ForgettingRefused, UnknownBatch
from order_system.domain.ids import batch_workflow_id
from order_system.domain.refunds import RefundState
from order_system.domain.steps import Step
from order_system.infra.database import reads, writes

_NOTE = "forgotten"
"""The ID of the answer that records who asked for it, and what is left of the words of failures."""


class ForgettingBook(reading.BookQueries):
    @reads
    def to_forget(
        self, tx: Connection, *, batch: str | None = None, before: datetime | None = None
    ) -> Sequence[str]:
        """Return a batch's own orders, or all closed `before` and not forgotten yet. Raises UnknownBatch."""
        if batch is not None:
            if tx.execute(select(batches.c.run).filter_by(batch=batch_workflow_id(batch))).first() is None:
                raise UnknownBatch(f"the book knows of no batch {batch}")
            in_batch = select(batch_orders.c.order_id).filter_by(batch=batch_workflow_id(batch))
            return tx.execute(in_batch.where(reading.ITS_OWN).distinct()).scalars().all()
        name, other = submissions.c.order_id, submissions.alias("other")
        later = other.c.closed_at.is_(None) | (other.c.closed_at >= before)
        same = (answers.c.order_id == name) & (answers.c.submission == submissions.c.submission)
        done = exists().where(same, answers.c.answer == AnsweredAs.FORGOTTEN)
        closed = (submissions.c.opened_at < before) & ~exists().where(other.c.order_id == name, later)
        return tx.execute(select(name).where(closed, ~done).distinct()).scalars().all()

    @reads
    def batches_with(self, tx: Connection, order_id: str) -> Sequence[tuple[str, str, str]]:
        """Return workflow ID, run and file URL of each run of a batch whose file had that order."""
        same = (batches.c.batch == batch_orders.c.batch) & (batches.c.run == batch_orders.c.run)
        url = batches.c.request["file"]["url"].as_string()
        query = select(batches.c.batch, batches.c.run, url).join(batch_orders, same)
        rows = tx.execute(query.where(batch_orders.c.order_id == order_id))
        return [(batch, run, file) for batch, run, file in rows]

    @writes
    def begin_forgetting(
        self, tx: Connection, order_id: str, known: SubmissionRecord | None, here: Server, asked: Answer
    ) -> Sequence[str]:
        """Note who asks for it and why; return the order's submissions. Idempotent: the first note stays.
        Raises ForgettingRefused, and notes nothing, unless the order is over and still as `known`."""
        these = reading.submissions_of(tx, order_id)
        now = reading.preferred(tx, [order_id]).get(order_id)
        if why := _why_not(tx, order_id, here) or ("" if now == known else "it has just changed"):
            raise ForgettingRefused(f"{order_id} is not forgotten: {why}")
        said = {"at": datetime.now(UTC), "step": Step.PAYMENT}  # the answers' table requires one
        note = AnswerRecord.model_validate(
            {"answer_id": _NOTE, "answer": AnsweredAs.FORGETTING, **dict(asked), **said}
        )
        for record in these.values():
            Entries(tx, record.ref).note_answer(note)
        return list(these)

    @writes
    def end_forgetting(self, tx: Connection, order_id: str, these: Sequence[str]) -> None:
        """Blank these submissions; their ends are no longer announced. Idempotent."""
        untold = delete(to_announce).filter_by(order_id=order_id)
        tx.execute(untold.where(to_announce.c.submission.in_(these)))
        noted = answers.c.answer_id == _NOTE
        for table, which, blank in (
            (submissions, true(), {"reason": None, "email_hash": None}),
            (effects, true(), {"handled_note": None}),
            (attempts, attempts.c.said.is_not(None), {"said": _NOTE}),  # None: it succeeded
            (answers, ~noted, {"note": ""}),
        ):
            ours = (table.c.order_id == order_id) & table.c.submission.in_(these)
            tx.execute(update(table).where(ours, which).values(**blank))
        for refund in reading.refunds_of(tx, refunds.c.order_id == order_id).get(order_id, ()):
            detail = refund.detail if refund.state is RefundState.REFUNDED else ""
            content = refund.model_copy(update={"note": "", "detail": detail}).model_dump(mode="json")
            one = update(refunds).filter_by(order_id=order_id, refund_id=refund.refund_id)
            tx.execute(one.values(content=content))

    @writes
    def note_forgotten(self, tx: Connection, these: Mapping[str, Sequence[str]]) -> None:
        """Note that no byte is left of these submissions, which are given by order ID. Idempotent."""
        for order_id, submissions_of_it in these.items():
            note = update(answers).filter_by(order_id=order_id, answer_id=_NOTE)
            of_it = note.where(answers.c.submission.in_(submissions_of_it))
            tx.execute(of_it.values(answer=AnsweredAs.FORGOTTEN))


def _why_not(tx: Connection, order_id: str, here: Server) -> str | None:
    """Return why the order may not be forgotten: something is open, in doubt or owed. None if it may."""
    of_it = select(submissions.c.status, submissions.c.namespace).filter_by(order_id=order_id)
    in_doubt = IS_IN_DOUBT & submissions.c.status.not_in(NOT_UNDONE)
    under_way = select(refunds.c.refund_id).filter_by(order_id=order_id, state=RefundState.UNDER_WAY)
    looks = (
        (of_it.where(IS_OPEN), "it is open"),
        (of_it.join(effects).where(in_doubt), "it is in doubt whether an effect of it happened"),
        (of_it.where(is_owed()), "its customer was not told yet how it ended"),
        (under_way, "a refund of it is under way"),
        (
            of_it.where(ON_SERVER.not_in(here.names)),
            "another Temporal server has run it, and is to delete it",
        ),
    )
    return next((why for query, why in looks if tx.execute(query).first()), None)
