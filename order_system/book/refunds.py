"""What fulfilled orders give back after the fact."""

from collections.abc import Sequence

from sqlalchemy import insert, update
from sqlalchemy.engine import Connection

from order_system.book import reading
from order_system.book.tables import refunds
from order_system.domain.book import SubmissionRecord, SubmissionStatus
from order_system.domain.money import format_amount
from order_system.domain.order import SubmissionRef
from order_system.domain.refunds import Refund, RefundState
from order_system.infra.database import writes


class RefundBook(reading.BookQueries):
    """The part of the order book that refunds write."""

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
        kept = reading.refunds_of(tx, refunds.c.order_id == ref.order_id)[ref.order_id]
        return next(each for each in kept if each.refund_id == ended.refund_id)


def _of_what_is_left(
    tx: Connection, submission: SubmissionRecord, before: Sequence[Refund], asked: Refund
) -> Refund:
    paid = reading.outcome_of(tx, submission).payment
    taken = [each for each in before if each.state is not RefundState.REFUSED]
    left = paid.amount - sum(each.amount for each in taken)
    refund = asked.model_copy(update={"amount": asked.amount or left})
    if asked.sku and asked.sku in [each.sku for each in taken]:
        return refund.ended(RefundState.REFUSED, "that line is given back already", asked.asked_at)
    if not 0 < refund.amount <= left:
        rest, total = (format_amount(each, paid.currency) for each in (left, paid.amount))
        return refund.ended(RefundState.REFUSED, f"of {total}, {rest} is left", asked.asked_at)
    return refund


def _row(refund: Refund) -> dict[str, object]:
    content = refund.model_dump(mode="json")
    return {"refund_id": refund.refund_id, "state": refund.state, "content": content}
