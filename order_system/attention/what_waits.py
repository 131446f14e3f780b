"""Lists and counts everything that waits for a person, with what the person needs to settle it, and sums up
its money.

The particulars are the amount, the customer, the gateways' IDs, the last attempt that failed, and who has
taken each. Only the server knows the customer, as long as it has the workflow's input. The cost: one query
for all orders, and for each order two queries and a call, a few orders at a time."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from temporalio.client import Client

from order_system.attention.concerns import (
    Concern,
    ConcernKind,
    WaitingOrder,
    about_all,
    about_schedule,
    about_server,
)
from order_system.attention.finder import AttentionFinder
from order_system.attention.stuck import stuck_refund
from order_system.book.order_book import SqlOrderBook
from order_system.domain import policy
from order_system.domain.answers import AnsweredAs, AnswerRecord
from order_system.domain.book import SubmissionRecord, SubmissionStatus
from order_system.domain.errors import DatabaseUnreachable, KeyTrouble, NewerBook
from order_system.domain.ids import idempotency_key
from order_system.domain.listing import PAGE_ROWS_LIMIT, OrderFilter, Sort
from order_system.domain.money import decimal_text, format_decimal
from order_system.domain.order import Order, SubmissionRef
from order_system.domain.progress import AttemptMade
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.refunds import Refund, RefundRequest
from order_system.domain.search_attributes import ORDER_ID
from order_system.domain.steps import UNDOS, Effect, Step
from order_system.domain.wording import so_many
from order_system.infra import policy as infra_policy
from order_system.infra.links import ProviderLinks
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import check_answers, reaching_server
from order_system.infra.temporal.executions import side_by_side
from order_system.infra.temporal.workers import Workers
from order_system.orders.details import Receipt, receipts_of
from order_system.orders.in_book import stuck_undo
from order_system.orders.on_server import TemporalOrderRuns, input_of
from order_system.orders.status import OrderStatusReader
from order_system.reconciliation.abandoned import AbandonedOrders
from order_system.reconciliation.client import Reconciler
from workflows.order import OrderFulfillmentWorkflow
from workflows.refund import RefundWorkflow

_RECONCILED_WITHIN = policy.RECONCILE_MIN_AGE * policy.RECONCILER_ASLEEP
_OPEN = SubmissionStatus.OPEN
_NOT_SENT = "was never sent: its workflow was ended before, and the reconciler could not send it since"
_NOBODYS = "its workflow has ended without closing it: what it charged and holds belongs to nobody"


@dataclass
class WhatWaits:
    """The read-only half of `client.AttentionClient`."""

    _temporal: Client
    _book: SqlOrderBook
    _abandoned: AbandonedOrders
    _reconciler: Reconciler
    _: KW_ONLY
    task_queue: str
    links: ProviderLinks = field(default_factory=ProviderLinks)

    def __post_init__(self) -> None:
        self._status = OrderStatusReader(self._temporal, self._book)
        self._ours = visibility.on_queue(self.task_queue)
        self.workers = Workers(self._temporal, self.task_queue)

    async def attention(
        self, *, slow_after: timedelta = policy.ORDER_TAKES_AT_MOST
    ) -> AsyncGenerator[Concern]:
        """Yield all concerns with their particulars: first those that stop everything, then the oldest. They
        include orders that have not moved for `slow_after`, and submissions that are open in the book without
        a workflow. Visibility is eventually consistent: an order that has just begun or ceased to wait may
        show a second late."""
        async with reaching_server():
            found = [each async for each in self._found(slow_after)]
            found.sort(key=_place)
            runs = TemporalOrderRuns(self._temporal)
            for concern in await with_particulars(found, self._book, runs, self.links):
                yield concern

    async def count(self) -> int:
        await check_answers(self._temporal)
        async with reaching_server():
            return len([each async for each in self._found(policy.ORDER_TAKES_AT_MOST)])

    async def about(self, order_ids: Collection[str]) -> list[Concern]:
        """Return what `attention` lists about these orders, without the particulars."""
        among = f"{ORDER_ID.name} IN ({', '.join(map(visibility.quoted, order_ids))})"
        async with reaching_server():
            found = [each async for each in self._found(policy.ORDER_TAKES_AT_MOST, among)]
        return [each for each in found if each.order_id in order_ids]

    async def in_book_alone(self) -> list[Concern]:
        """Return the undos and refunds that the book shows as stuck, for when no server answers. Of all other
        concerns only the server knows."""
        stuck_before = datetime.now(UTC) - policy.ATTENTION_AFTER
        oldest = OrderFilter(status=_OPEN, sort=Sort.OLDEST)
        rows = (await self._book.orders(oldest, limit=PAGE_ROWS_LIMIT)).rows
        said = await self._book.last_words([row.order_id for row in rows])
        found: list[Concern] = []
        for row in rows:
            ref = SubmissionRef(order_id=row.order_id, submission=row.submission)
            step = stuck_undo(journal := await self._book.journal(ref))
            since = journal[UNDOS[step].effect].fenced_at if step else None
            if since and since < stuck_before:
                waiting = WaitingOrder(row.order_id, None, row.batch, since)
                reason, money = said.get(row.order_id, ""), {"amount": row.total, "currency": row.currency}
                found.append(waiting.concern(ConcernKind.STUCK_UNDO, reason, step=step, **money))
        for order_id, refunds in (await self._book.refunds_under_way()).items():
            late = [each for each in refunds if each.asked_at < stuck_before]
            found += [await stuck_refund(None, order_id, each) for each in late]
        return found

    async def _found(self, slow_after: timedelta, among: str | None = None) -> AsyncGenerator[Concern]:
        finder = AttentionFinder(
            self._temporal, self._status, self.workers, self.task_queue, self._book.book_id, slow_after, among
        )
        try:
            await self._book.check_writable()
        except DatabaseUnreachable as trouble:
            yield about_all(ConcernKind.BOOK, str(trouble))
        async for concern in finder.concerns():
            yield concern
        async for concern in self._in_book(slow_after):
            yield concern
        if asleep := await self._reconciler.asleep():
            yield about_schedule(asleep, self._temporal.namespace)

    async def _in_book(self, slow_after: timedelta) -> AsyncGenerator[Concern]:
        """Yield the concerns that only the book shows, since no open order reports them."""
        for order_id, refund in await self._refunds_under_way():
            if datetime.now(UTC) - refund.asked_at >= policy.ATTENTION_AFTER:
                yield await stuck_refund(self._temporal, order_id, refund)
        async for ref in self._abandoned.found(older_than=timedelta(0)):
            known = (await self._book.find([ref.order_id])).get(ref.order_id)
            if known is None or (known.ref.submission, known.status) != (ref.submission, _OPEN):
                continue  # its workflow closed it while the server was asked
            stuck = stuck_undo(await self._book.journal(ref))
            waiting = WaitingOrder(ref.order_id, ref.submission)
            yield waiting.concern(ConcernKind.ABANDONED, _NOBODYS, step=stuck)
        async for owed in self._abandoned.owed_notices(older_than=min(slow_after, _RECONCILED_WITHIN)):
            ref = owed.submission
            waiting = WaitingOrder(ref.order_id, ref.submission, since=owed.closed_at)
            reason = f"the {owed.kind} {_NOT_SENT}"
            yield waiting.concern(ConcernKind.NOTICE_OWED, reason, step=Step.NOTIFICATION)
        for stranded in await self._abandoned.stranded(older_than=policy.RECONCILE_MIN_AGE):
            yield about_server(stranded)

    async def _refunds_under_way(self) -> list[tuple[str, Refund]]:
        """Return each refund with its order's ID: those that the book has noted, and those that run unnoted,
        since their first transaction failed."""
        noted = await self._book.refunds_under_way()
        found = {(order_id, each.refund_id): each for order_id, refunds in noted.items() for each in refunds}
        before = visibility.started_before(datetime.now(UTC) - policy.ATTENTION_AFTER)
        kind = visibility.of_type(RefundWorkflow)
        query = visibility.all_of(self._ours, kind, visibility.RUNNING, before)
        async for run in self._temporal.list_workflows(query, rpc_timeout=infra_policy.RPC):
            with suppress(KeyTrouble):  # one key that is away must not hide all that waits
                if request := await input_of(self._temporal, run.id, run.run_id, RefundRequest):
                    found.setdefault((request.submission.order_id, request.refund.refund_id), request.refund)
        return [(order_id, refund) for (order_id, _), refund in found.items()]

    async def all_quiet(self) -> str:
        """Return the sentences to show if nothing waits, with how many workers and orders there are."""
        async with reaching_server():
            workers = await self.workers.at_work()
            kind = visibility.of_type(OrderFulfillmentWorkflow)
            query = visibility.all_of(self._ours, visibility.RUNNING, kind)
            orders = (await self._temporal.count_workflows(query, rpc_timeout=infra_policy.RPC)).count
        elsewhere = sum(each.submissions for each in await self._abandoned.stranded())
        said = "All is well: nothing" if workers else "Nothing"
        at_work = so_many(workers, "worker is", "workers are") if workers else "No worker is"
        under_way = so_many(orders, "order is", "orders are") if orders else "no order is"
        quiet = f"{said} waits for a person. {at_work} at work, and {under_way} under way."
        theirs = f" {so_many(elsewhere, 'order is', 'orders are')} open on another Temporal server."
        return quiet + theirs if elsewhere else quiet


def _place(concern: Concern) -> tuple[bool, datetime]:
    """The sort key: first what stops everything, then the oldest, last what has no known beginning."""
    about_one = bool(concern.order_id or concern.batch or concern.server or concern.event_id)
    return about_one, concern.since or datetime.max.replace(tzinfo=UTC)


_SEVERAL = {
    ConcernKind.STUCK_UNDO: "undos are stuck",
    ConcernKind.STUCK_REFUND: "refunds are stuck",
    ConcernKind.UNDELIVERED: "events not delivered",
}
"""The plural of the kinds whose name cannot serve as one."""


def sums_of(concerns: Iterable[Concern]) -> list[str]:
    """Return a text like `3 undos are stuck: 1,059.97 USD, 20.00 EUR` for each kind that has money in it, and
    the number of undelivered events. The money of an order counts once per kind."""
    found, sums = defaultdict[ConcernKind, list[Concern]](list), list[str]()
    for concern in concerns:
        if concern.amount or concern.event_id:
            found[concern.kind].append(concern)
    for kind, those in found.items():
        amounts = defaultdict[str | None, Decimal](Decimal)
        for each in {(each.order_id, each.refund): each for each in those}.values():
            if each.amount:
                amounts[each.currency] += Decimal(each.amount)
        money = ", ".join(format_decimal(amount, currency) for currency, amount in amounts.items())
        many = so_many(len(those), kind, _SEVERAL.get(kind, kind))
        sums.append(f"{many}: {money}" if money else many)
    return sums


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
        with suppress(NewerBook):  # an order whose journal we cannot read goes without receipts
            receipts = receipts_of(ref, await book.journal(ref), links)
        return _Look(await runs.order_of(ref), receipts, *await book.history(ref))

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
    return SubmissionRef(order_id=concern.order_id or "", submission=concern.run_id or "")


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
    return concern.with_order(look.order, told)
