"""What a hand needs for what waits, besides why it does: how much money, whose it is, by which IDs the
gateways know it, what was tried last, and who is on it. Whose it is, only the server knows, as long as it has
what a workflow was started with.

The cost: a query for all, and for each order two queries and a call, a few at a time.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from order_system.attention.concerns import Concern, ConcernKind
from order_system.book.order_book import SqlOrderBook
from order_system.domain.answers import AnsweredAs, AnswerRecord
from order_system.domain.book import SubmissionRecord
from order_system.domain.errors import NewerBook
from order_system.domain.ids import idempotency_key
from order_system.domain.money import decimal_text
from order_system.domain.order import Order, SubmissionRef
from order_system.domain.progress import AttemptMade
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.steps import UNDOS, Effect
from order_system.infra.provider_links import ProviderLinks
from order_system.infra.temporal.executions import side_by_side
from order_system.orders.details import Receipt, receipts_of

TOLD_IN_FULL = 500
"""Orders, those of the first concerns. Of more only the amount is told."""


@dataclass(frozen=True)
class _Look:
    order: Order | None = None
    receipts: Sequence[Receipt] = ()
    attempts: Sequence[AttemptMade] = ()
    answered: Sequence[AnswerRecord] = ()


async def with_particulars(
    concerns: Sequence[Concern], book: SqlOrderBook, runs: OrderRuns, links: ProviderLinks
) -> list[Concern]:
    """The same ones, with what is known of their orders. Raises the SDK's RPCError."""
    of_orders = {each.order_id: each for each in concerns if each.order_id}
    records = await book.find(list(of_orders))

    async def look(order_id: str) -> _Look:
        ref = ref_of(of_orders[order_id], records.get(order_id))
        receipts: Sequence[Receipt] = ()
        with suppress(NewerBook):  # of what we do not understand nothing is said, and of the others all
            receipts = receipts_of(ref, await book.journal(ref), links)
        return _Look(await runs.order_of(ref), receipts, *await book.history(ref))

    in_full = list(of_orders)[:TOLD_IN_FULL]
    found = dict(zip(in_full, await side_by_side(look, in_full), strict=True))
    return [
        _told(each, records.get(each.order_id), found.get(each.order_id, _Look())) if each.order_id else each
        for each in concerns
    ]


def ref_of(concern: Concern, record: SubmissionRecord | None) -> SubmissionRef:
    """Of an order that the book does not know yet, its workflow's."""
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
    if concern.kind is ConcernKind.UNDELIVERED:  # no gateway and no money waits for it
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
