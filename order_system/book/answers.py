"""People's answers when an order needs attention, and refunds of fulfilled orders, each noted once. Also how
attempts ended."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection

from order_system.book import reading
from order_system.book.entries import Entries
from order_system.book.tables import attempts, refunds
from order_system.domain import policy
from order_system.domain.answers import AnswerRecord
from order_system.domain.book import EffectState, Notice, SubmissionRecord, SubmissionStatus
from order_system.domain.errors import ParcelIsGone
from order_system.domain.journal import parcel_is_gone
from order_system.domain.messages import UndoCause
from order_system.domain.money import format_amount
from order_system.domain.order import SubmissionRef
from order_system.domain.progress import AttemptMade
from order_system.domain.refunds import MADE_ELSEWHERE, Refund, RefundState
from order_system.domain.steps import PIVOT, UNDOS
from order_system.infra.database import reads, writes


class AnswerBook(reading.BookQueries):
    """The order book's answers, refunds and attempts."""

    @writes
    def end_undo_by_hand(
        self, tx: Connection, ref: SubmissionRef, answer: AnswerRecord, *, cause: UndoCause, at: datetime
    ) -> bool:
        submission = reading.locked_submission(tx, ref)
        fulfilled = submission is not None and submission.status is SubmissionStatus.FULFILLED
        journal, entries = reading.journal_of(tx, ref), Entries(tx, ref)
        fenced = [journal[effect] for effect in UNDOS[answer.step].effects if effect in journal]
        open_entries = [entry for entry in fenced if not entry.undo_ended_at]
        if not fulfilled and answer.step is PIVOT and parcel_is_gone(journal):
            raise ParcelIsGone(f"the carrier has the parcel of {ref.order_id}: answer dispatched")
        if not open_entries or fulfilled:
            return entries.has_answer(answer)
        for entry in open_entries:
            if entry.state is EffectState.NEVER_HAPPENED:
                # It never happened, so there was nothing to handle.
                entries.write(entry.effect, entry, undo_ended_at=at)
            else:
                entries.handle(entry, answer, at)
        entries.note_answer(answer)
        entries.close_when_nothing_is_held(cause, at)
        return True

    @writes
    def notice_not_sent(self, tx: Connection, ref: SubmissionRef, answer: AnswerRecord | None = None) -> None:
        reading.lock(tx, ref)
        entries = Entries(tx, ref)
        if answer is not None:
            entries.note_answer(answer)
        entries.note_notice(Notice.NOT_SENT)

    @writes
    def note_answer(self, tx: Connection, ref: SubmissionRef, answer: AnswerRecord) -> None:
        Entries(tx, ref).note_answer(answer)

    @writes
    def ask_refund(self, tx: Connection, ref: SubmissionRef, asked: Refund) -> Refund:
        # Locked, so that no two refunds of an order take the same money.
        submission = reading.locked_submission(tx, ref)
        before = reading.refunds_of(tx, refunds.c.order_id == ref.order_id).get(ref.order_id, [])
        if known := next((each for each in before if each.refund_id == asked.refund_id), None):
            return known
        if submission is None or submission.status is not SubmissionStatus.FULFILLED:
            return asked.ended(RefundState.REFUSED, f"{ref.order_id} is not fulfilled", asked.asked_at)
        refund = _of_what_is_left(tx, submission, before, asked)
        if refund.state is not RefundState.REFUSED:
            tx.execute(insert(refunds).values(order_id=ref.order_id, **_row(refund)))
        return refund

    @writes
    def end_refund(self, tx: Connection, ref: SubmissionRef, ended: Refund) -> Refund:
        row = {"order_id": ref.order_id, "refund_id": ended.refund_id}
        tx.execute(update(refunds).filter_by(**row, state=RefundState.UNDER_WAY).values(**_row(ended)))
        known = reading.refunds_of(tx, refunds.c.order_id == ref.order_id)[ref.order_id]
        [kept] = [each for each in known if each.refund_id == ended.refund_id]
        return kept

    @writes
    def note_attempt(self, tx: Connection, ref: SubmissionRef, made: AttemptMade) -> None:
        key = {**reading.key_of(ref), "activity": made.activity}
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
        """Return the attempts, and people's answers, both oldest first."""
        made = select(attempts).filter_by(**reading.key_of(ref)).order_by(attempts.c.began_at)
        rows = tx.execute(made).mappings()
        return [AttemptMade.model_validate(dict(row)) for row in rows], reading.answers_of(tx, ref)


def _of_what_is_left(
    tx: Connection, submission: SubmissionRecord, before: Sequence[Refund], asked: Refund
) -> Refund:
    paid = reading.outcome_of(tx, submission).payment
    taken = [each for each in before if each.state is not RefundState.REFUSED]
    left = paid.amount - sum(each.amount for each in taken)
    refund = asked.model_copy(update={"amount": asked.amount or left})
    if asked.detail.startswith(MADE_ELSEWHERE) and asked.detail in [each.detail for each in taken]:
        return refund.ended(RefundState.REFUSED, "that refund is noted already", asked.asked_at)
    if asked.sku and asked.sku in [each.sku for each in taken]:
        return refund.ended(RefundState.REFUSED, "that line is given back already", asked.asked_at)
    if not 0 < refund.amount <= left:
        rest, total = (format_amount(each, paid.currency) for each in (left, paid.amount))
        return refund.ended(RefundState.REFUSED, f"of {total}, {rest} is left", asked.asked_at)
    return refund


def _row(refund: Refund) -> dict[str, object]:
    content = refund.model_dump(mode="json")
    return {"refund_id": refund.refund_id, "state": refund.state, "content": content}
