"""What a hand needs for what waits, besides why it does: how much money, whose it is, by which IDs the
gateways know it, and who is on it. Whose it is, only the server knows, as long as it has what a workflow was
started with.

The cost: two queries for all, and for each order a query and a call, a few at a time.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from order_system.attention.concerns import Concern, ConcernKind
from order_system.domain.answers import AnswerRecord
from order_system.domain.book import OrderBook, SubmissionRecord
from order_system.domain.errors import NewerBook
from order_system.domain.ids import idempotency_key
from order_system.domain.money import decimal_text
from order_system.domain.order import Order, SubmissionRef
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.steps import UNDOS, Effect
from order_system.infra.provider_links import ProviderLinks
from order_system.infra.temporal.executions import side_by_side
from order_system.orders.receipts import Receipt, receipts_of

TOLD_IN_FULL = 500
"""Orders, those of the first concerns. Of more only the amount is told, and who is on it."""


@dataclass(frozen=True)
class Particulars:
    book: OrderBook
    runs: OrderRuns
    links: ProviderLinks

    async def told(self, concerns: Sequence[Concern]) -> list[Concern]:
        """The same ones, with what is known of their orders. Raises the SDK's RPCError."""
        order_ids = list(dict.fromkeys(each.order_id for each in concerns if each.order_id))
        records, taken = await self.book.find(order_ids), await self.book.taken(order_ids)

        async def look(order_id: str) -> tuple[Order | None, Sequence[Receipt]]:
            newest = SubmissionRef(order_id=order_id, submission="", fingerprint="")
            ref = records[order_id].ref if order_id in records else newest
            receipts: Sequence[Receipt] = ()
            with suppress(NewerBook):  # of what we do not understand nothing is said, and of the others all
                receipts = receipts_of(ref, await self.book.journal(ref), self.links)
            return await self.runs.order_of(ref), receipts

        in_full = order_ids[:TOLD_IN_FULL]
        looks = dict(zip(in_full, await side_by_side(look, in_full), strict=True))
        return [
            _told(each, records.get(each.order_id), *looks.get(each.order_id, (None, ())), taken)
            if each.order_id
            else each
            for each in concerns
        ]


def submission_of(concern: Concern, record: SubmissionRecord | None) -> str:
    return record.ref.submission if record else concern.run_id or ""


def _told(
    concern: Concern,
    record: SubmissionRecord | None,
    order: Order | None,
    receipts: Sequence[Receipt],
    taken: Mapping[tuple[str, str], AnswerRecord],
) -> Concern:
    submission = submission_of(concern, record)
    stuck = concern.kind in (ConcernKind.STUCK_UNDO, ConcernKind.STUCK_REFUND)
    effects = UNDOS[concern.step].effects if stuck and concern.step else tuple(Effect)
    told: dict[str, Any] = {
        "customer": order and order.customer,
        "receipts": tuple(each for each in receipts if each.effect in effects),
    }
    bill = record if record and record.total is not None else order  # before payment the book has no total
    if concern.refund:
        told["key"] = idempotency_key(concern.order_id or "", submission, f"refund-{concern.refund}")
    elif bill and bill.total is not None and bill.currency:
        told |= {"amount": decimal_text(bill.total, bill.currency), "currency": bill.currency}
    if answer := taken.get((submission, concern.matter)):
        told |= {"taken_by": answer.who, "taken_at": answer.at}
    return concern.model_copy(update=told)
