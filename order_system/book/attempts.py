"""How attempts at effects and undos have ended."""

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection

from order_system.book import reading
from order_system.book.tables import attempts
from order_system.domain import policy
from order_system.domain.answers import AnswerRecord
from order_system.domain.attempts import AttemptMade
from order_system.domain.order import SubmissionRef
from order_system.infra.database import reads, writes


class AttemptBook(reading.BookQueries):
    """`domain.attempts.KeepsAttempts`."""

    @writes
    def note_attempt(self, tx: Connection, ref: SubmissionRef, made: AttemptMade) -> None:
        key = {"order_id": ref.order_id, "submission": ref.submission, "activity": made.activity}
        row = made.model_dump(exclude={"activity"})
        if made.said is not None and made.number > policy.ATTEMPTS_TOLD_APART + 1:
            latest = select(func.max(attempts.c.began_at)).filter_by(**key).scalar_subquery()
            one_before = update(attempts).filter_by(**key, last_number=made.number - 1)
            told = {name: row[name] for name in ("last_number", "ended_at", "said")}
            if tx.execute(one_before.where(attempts.c.began_at == latest).values(**told)).rowcount:
                return
        tx.execute(insert(attempts).values(**key, **row))

    @reads
    def history(self, tx: Connection, ref: SubmissionRef) -> tuple[list[AttemptMade], list[AnswerRecord]]:
        made = select(attempts).filter_by(order_id=ref.order_id, submission=ref.submission)
        rows = tx.execute(made.order_by(attempts.c.began_at)).mappings()
        return [AttemptMade.model_validate(dict(row)) for row in rows], reading.answers_of(tx, ref)
