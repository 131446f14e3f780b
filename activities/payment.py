"""Charging a customer once, and giving it all back."""

from datetime import timedelta
from functools import partial

from temporalio import activity
from temporalio.service import RPCError

from activities.attempts import call_and_record, patiently, time_left, undo
from order_system.domain import policy
from order_system.domain.book import JournalEntry, Opening, OrderBook
from order_system.domain.errors import Fenced, ServerUnreachable
from order_system.domain.gateways import PaymentGateway
from order_system.domain.ids import order_workflow_id
from order_system.domain.messages import Charged, PaymentAnswer, PaymentRequest, UndoAnswer, UndoRequest
from order_system.domain.order import PaymentReceipt, SubmissionRef
from order_system.domain.steps import Effect, Step


class PaymentActivities:
    def __init__(
        self, book: OrderBook, gateway: PaymentGateway, *, patience: int = policy.PATIENCE[Step.PAYMENT]
    ) -> None:
        self._book = book
        self._gateway = gateway
        self._patience = patience

    @activity.defn
    async def charge(self, request: PaymentRequest) -> PaymentAnswer:
        """Open the submission in the book and capture its total. Idempotent by the submission's key.

        Raises PaymentDeclined, Fenced, OrderConflict or OpenElsewhere, never to be retried.
        """
        ref = request.submission
        opening = Opening(total=request.amount, currency=request.currency)
        call = partial(
            self._gateway.charge,
            amount=request.amount,
            currency=request.currency,
            payment_method=request.payment_method,
        )
        with patiently(self._patience) as attempt:
            claimed = await self._book.open_and_claim_charge(ref, attempt, opening)
            while isinstance(claimed, frozenset):
                await _check_newest(ref, within=timedelta(seconds=time_left(attempt)))
                claimed = await self._book.open_and_claim_charge(ref, attempt, opening, earlier=claimed)
            if not isinstance(claimed, JournalEntry):
                return claimed
            receipt = await call_and_record(
                self._book, ref, claimed, PaymentReceipt, call, attempt=attempt, patience=self._patience
            )
        return Charged(receipt=receipt)

    @activity.defn
    async def refund(self, request: UndoRequest) -> UndoAnswer:
        """Undo of `charge`: fence its key and give back whatever was captured under it. Idempotent."""
        return await undo(self._book, request, Effect.CHARGE, self._gateway.refund)


async def _check_newest(ref: SubmissionRef, *, within: timedelta) -> None:
    """Other submissions of the order have come and gone: an attempt of a terminated workflow must not open
    its own after a later one. No clock tells which is later, since a server's may be set back. The server
    itself does: an order has one workflow at a time, so what was closed before ours is seen is earlier.

    Raises Fenced, and ServerUnreachable."""
    handle = activity.client().get_workflow_handle(order_workflow_id(ref.order_id))
    try:
        order = await handle.describe(rpc_timeout=within)
    except RPCError as error:
        raise ServerUnreachable(f"the Temporal server does not say what runs: {error.message}") from error
    first_run = order.raw_description.workflow_execution_info.first_run_id or order.run_id
    if order.close_time is not None or first_run != ref.submission:
        raise Fenced(f"{ref.order_id} has been submitted again since this charge began")
