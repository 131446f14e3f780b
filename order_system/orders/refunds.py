"""Refunds of fulfilled orders, as a program asks for them."""

import asyncio
import uuid
from datetime import UTC, datetime

from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from order_system.book.order_book import SqlOrderBook
from order_system.domain import search_attributes
from order_system.domain.answers import Answer, flaw_in
from order_system.domain.errors import InvalidUsage, RefundRefused, UnknownOrder
from order_system.domain.ids import BOOK, REFUND_ID, check_order_id, refund_workflow_id
from order_system.domain.money import InvalidAmount, parse_amount
from order_system.domain.order import SubmissionRef
from order_system.domain.policy import UNDO_FIRST
from order_system.domain.refunds import MADE_ELSEWHERE, Refund, RefundDocument, RefundRequest, RefundState
from order_system.infra import policy
from order_system.infra.changes import noted
from order_system.infra.temporal.connection import reaching_server
from order_system.orders.on_server import TemporalOrderRuns
from workflows.refund import RefundWorkflow


class Refunds:
    def __init__(self, temporal: Client, book: SqlOrderBook, task_queue: str) -> None:
        self._temporal = temporal
        self._book = book
        self._task_queue = task_queue

    @noted("refund")
    async def give_back(
        self,
        order_id: str,
        *,
        who: str,
        note: str,
        amount: str | None = None,
        line: str | None = None,
        refund_id: str | None = None,
        made_elsewhere: str | None = None,
    ) -> RefundDocument:
        """Refund an `amount`, as decimal text; or the goods of a `line`, by its SKU; or, without either, all
        that is left. The same `refund_id` never refunds twice, and refuses another amount. `made_elsewhere`
        is the reference of a refund that was made already, and is only noted. Waits some seconds for the
        result, which may be `under way`.

        Raises InvalidUsage, UnknownOrder, ServerUnreachable, and RefundRefused if nothing is given back."""
        check_order_id(order_id)
        if (record := (await self._book.find([order_id])).get(order_id)) is None:
            raise UnknownOrder(f"the book knows of no order {order_id}")
        refund = Refund(
            who=who,
            note=note,
            refund_id=uuid.uuid4().hex[:8] if refund_id is None else refund_id,
            amount=0 if amount is None else _minor_units(amount, record.currency or ""),
            currency=record.currency or "",
            sku=line,
            asked_at=datetime.now(UTC),
        )
        if made_elsewhere is not None:
            refund = refund.ended(
                RefundState.HANDLED, MADE_ELSEWHERE + made_elsewhere.strip(), refund.asked_at
            )
        if flaw := _flaw_in(refund):
            raise InvalidUsage(flaw)
        async with reaching_server():
            if line is not None:
                refund = refund.model_copy(update={"amount": await self._goods(record.ref, line)})
            ours = record.ref.model_copy(update={"book": self._book.book_id})
            asked, refund = refund, await self._carried_out(RefundRequest(submission=ours, refund=refund))
        if asked.amount and (asked.amount, asked.sku) != (refund.amount, refund.sku):
            raise RefundRefused(
                f"{order_id}: that ID has been used before, for another refund, and nothing more is given "
                f"back; give this one another ID. The first is {refund.without_notes}"
            )
        if refund.state is RefundState.REFUSED:
            raise RefundRefused(f"{order_id}: {refund.without_notes}")
        return RefundDocument(**dict(refund))

    async def _carried_out(self, request: RefundRequest) -> Refund:
        workflow_id = refund_workflow_id(request.submission.order_id, request.refund.refund_id)
        try:
            started = await self._temporal.start_workflow(
                RefundWorkflow.run,
                request,
                id=workflow_id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                memo={BOOK: self._book.book_id},
                search_attributes=search_attributes.of_child(request.submission.order_id),
                priority=UNDO_FIRST,
                rpc_timeout=policy.RPC,
            )
        except WorkflowAlreadyStartedError:
            started = self._temporal.get_workflow_handle_for(RefundWorkflow.run, workflow_id)
        try:
            async with asyncio.timeout(policy.ANSWER.total_seconds()):
                return await started.result()
        except (TimeoutError, WorkflowFailureError):  # `attention` lists it
            order_id = request.submission.order_id
            asked = request.refund.model_copy(update={"state": RefundState.UNDER_WAY})
            kept = (await self._book.refunds([order_id])).get(order_id, ())
            return next((each for each in kept if each.refund_id == asked.refund_id), asked)

    async def _goods(self, ref: SubmissionRef, sku: str) -> int:
        """Return the price of a line's goods in minor units: quantity by price, no fee, tax or discount."""
        order = await TemporalOrderRuns(self._temporal).order_of(ref)
        lines = [line for line in order.lines if line.sku == sku] if order else []
        goods = sum(line.quantity * line.unit_price for line in lines)
        if not goods:  # 0 would mean all that is left
            gone = "Temporal has forgotten it, or its key is not here: say the amount"
            why = "no such line costs anything" if order else gone
            raise RefundRefused(f"{ref.order_id}: {why}")
        return goods


def _flaw_in(refund: Refund) -> str | None:
    if refund.amount and refund.sku:
        return "say either an amount or a line"
    if not REFUND_ID.fullmatch(refund.refund_id):
        return "the ID of a refund has 1 to 20 letters, digits, '.' or '_', e.g. ticket_123"
    if not refund.note.strip():
        return "note must say why, e.g. arrived broken, ticket 123"
    if refund.detail == MADE_ELSEWHERE:
        return "made_elsewhere must be the provider's ID of that refund, e.g. re_123"
    return flaw_in(refund) or flaw_in(Answer(who=refund.who, note=refund.detail))


def _minor_units(amount: str, currency: str) -> int:
    try:
        minor = parse_amount(amount, currency)
    except InvalidAmount as flaw:
        raise InvalidUsage(f"amount {flaw}") from None
    if not minor:
        raise InvalidUsage("amount must be more than nothing")
    return minor
