"""Adds to concerns what a person needs to settle them: the amount, the customer, the gateways' IDs, the last
attempt that failed, and who has taken each. Only the server knows the customer, as long as it has the
workflow's input.

The cost: one query for all orders, and for each order two queries and a call, a few orders at a time."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from order_system.attention.concerns import Concern, ConcernKind
from order_system.book.order_book import SqlOrderBook
from order_system.domain.answers import AnsweredAs, AnswerRecord
from order_system.domain.book import SubmissionRecord
from order_system.domain.errors import KeyTrouble, NewerBook
from order_system.domain.ids import idempotency_key
from order_system.domain.money import decimal_text
from order_system.domain.order import Order, SubmissionRef
from order_system.domain.progress import AttemptMade
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.steps import UNDOS, Effect
from order_system.infra.links import ProviderLinks
from order_system.infra.temporal.executions import side_by_side
from order_system.orders.details import Receipt, receipts_of

TOLD_IN_FULL = 500
"""How many orders get all particulars, from the first concern on. The others get only the amount."""


@dataclass(frozen=True)
class _Look:
    order: Order | None = None
    receipts: Sequence[Receipt] = ()
    attempts: Sequence[AttemptMade] = ()
    answered: Sequence[AnswerRecord] = ()


async def with_particulars(
    concerns: Sequence[Concern], book: SqlOrderBook, runs: OrderRuns, links: ProviderLinks
) -> list[Concern]:
    """Return the same concerns with what is known of their orders. Raises the SDK's RPCError."""
    of_orders = {each.order_id: each for each in concerns if each.order_id}
    records = await book.find(list(of_orders))

    async def look(order_id: str) -> _Look:
        ref = ref_of(of_orders[order_id], records.get(order_id))
        receipts: Sequence[Receipt] = ()
        order = None
        with suppress(NewerBook):  # an order whose journal we cannot read goes without receipts
            receipts = receipts_of(ref, await book.journal(ref), links)
        with suppress(KeyTrouble):  # and one that we cannot open, without its customer
            order = await runs.order_of(ref)
        return _Look(order, receipts, *await book.history(ref))

    in_full = list(of_orders)[:TOLD_IN_FULL]
    found = dict(zip(in_full, await side_by_side(look, in_full), strict=True))
    return [
        _told(each, records.get(each.order_id), found.get(each.order_id, _Look())) if each.order_id else each
        for each in concerns
    ]


def ref_of(concern: Concern, record: SubmissionRecord | None) -> SubmissionRef:
    """Return the book's submission; if the book has none yet, one with the workflow's run ID."""
    if record is not None:
        return record.ref
    return SubmissionRef(order_id=concern.order_id or "", submission=concern.run_id or "", fingerprint="")


def _told(concern: Concern, record: SubmissionRecord | None, look: _Look) -> Concern:
    effects, activity = tuple(Effect), None
    if concern.step and concern.kind in (ConcernKind.STUCK_UNDO, ConcernKind.STUCK_REFUND):
        undo = UNDOS[concern.step]
        effects, activity = undo.effects, "refund_part" if concern.refund else undo.activity
    tried = [each for each in look.attempts if each.said and activity in (None, each.activity)]
    told: dict[str, Any] = {
        "customer": look.order and look.order.customer,
        "receipts": tuple(each for each in look.receipts if each.effect in effects),
        "tried": tried[-1] if tried else None,
    }
    bill = record if record and record.total is not None else look.order  # the book has none before payment
    if concern.kind is ConcernKind.UNDELIVERED:  # it concerns no gateway and no money
        told = {}
    elif concern.refund:
        submission = ref_of(concern, record).submission
        told["key"] = idempotency_key(concern.order_id or "", submission, f"refund-{concern.refund}")
    elif bill and bill.total is not None and bill.currency:
        told |= {"amount": decimal_text(bill.total, bill.currency), "currency": bill.currency}
    for answer in look.answered:
        if answer.answer is AnsweredAs.TAKEN and answer.note == concern.matter:
            told |= {"taken_by": answer.who, "taken_at": answer.at}
    return concern.model_copy(update=told)
