"""Buys a label and hands the parcel over: the pivot, after which an order can only be fulfilled."""

from dataclasses import dataclass
from functools import partial

from temporalio import activity

from activities.attempts import Effects, retried_always, this_attempt, undo_answer
from order_system.domain.book import Attempt, EffectState
from order_system.domain.gateways import Carrier, Voided, Warehouse
from order_system.domain.journal import Journal, parcel_is_gone, payment_in, shipment_is_voided, state_in
from order_system.domain.messages import ShippingRequest, UndoAnswer, UndoRequest, UndoResult
from order_system.domain.order import CommitReceipt, DispatchReceipt, Label, SubmissionRef
from order_system.domain.steps import PIVOT, UNDOS, Effect


@dataclass(frozen=True)
class ShippingActivities(Effects):
    carrier: Carrier
    warehouse: Warehouse

    @activity.defn
    async def buy_label(self, request: ShippingRequest) -> Label:
        """Buy a label. Idempotent by the submission's key. Raises ShippingRefused or Fenced."""
        call = partial(self.carrier.buy_label, address=request.address, lines=request.lines)
        return await self.carry_out(request, Effect.LABEL, Label, call)

    @activity.defn
    async def dispatch(self, request: ShippingRequest) -> DispatchReceipt:
        """Hand the parcel over, commit its stock, and close the submission as fulfilled. Idempotent.

        Raises ShippingRefused or Fenced. If the worker dies between hand-over and closing, a retry, or the
        undo of shipping, finds the parcel gone and finishes the rest."""
        ref = request.submission
        call = partial(self.carrier.dispatch, label_key=ref.key(Effect.LABEL))
        with self.patiently(request) as attempt:
            claimed = await self.book.claim(ref, Effect.DISPATCH, attempt)
            if claimed.state is EffectState.DONE:
                return DispatchReceipt.model_validate(claimed.receipt)
            parcel = await self.call_gateway(ref, claimed, call, attempt)
            commit = await commit_stock(self.warehouse, ref, attempt)
            await self.book.fulfil(ref, dispatch=parcel, commit=commit, at=attempt.now())
        return parcel

    @activity.defn
    async def void_shipment(self, request: UndoRequest) -> UndoAnswer:
        """Undo shipping, before all other steps: find the parcel gone, or make sure that it can never go.

        Only after the answer `voided` may stock and money be given back. Idempotent."""
        ref, attempt = request.submission, this_attempt()
        entries = await self.book.fence(ref, PIVOT, cause=request.cause, attempt=attempt)
        label = entries[Effect.LABEL]
        if parcel_is_gone(entries):
            return await self._finish_dispatch(
                ref, DispatchReceipt.model_validate(entries[Effect.DISPATCH].receipt), attempt
            )
        if shipment_is_voided(entries):
            return undo_answer(Effect.LABEL, label.state)

        states = dict.fromkeys(UNDOS[PIVOT].effects, EffectState.NEVER_HAPPENED)
        if label.state in (EffectState.DONE, EffectState.IN_DOUBT):
            answer = await retried_always(lambda: self.carrier.void(ref.key(Effect.LABEL)), attempt)
            if not isinstance(answer, Voided):
                return await self._finish_dispatch(ref, answer, attempt)
            # The carrier's void refuses every later dispatch, too, so nothing here stays in doubt.
            if answer.label_existed or label.state is EffectState.DONE:
                states[Effect.LABEL] = EffectState.UNDONE
        await self.book.end_undo(ref, states, cause=request.cause, at=attempt.now())
        return undo_answer(Effect.LABEL, states[Effect.LABEL])

    async def _finish_dispatch(
        self, ref: SubmissionRef, parcel: DispatchReceipt, attempt: Attempt
    ) -> UndoAnswer:
        """The parcel is gone: finish what dispatch, or a person, began, instead of undoing anything."""
        journal = await self.book.journal(ref)
        if state_in(journal, Effect.COMMIT) in (EffectState.DONE, EffectState.HANDLED):
            return already_dispatched(journal)
        # The book comes first: from then on nobody can answer that the parcel was voided.
        await self.book.note_parcel_gone(ref, parcel, attempt.now())
        commit = await commit_stock(self.warehouse, ref, attempt)
        await self.book.fulfil(ref, dispatch=parcel, commit=commit, at=attempt.now(), from_undo=True)
        return already_dispatched(await self.book.journal(ref))


async def commit_stock(warehouse: Warehouse, ref: SubmissionRef, attempt: Attempt) -> CommitReceipt:
    """Commit the stock of a parcel that is gone. Raises what `retried_always` raises."""
    return await retried_always(lambda: warehouse.commit(ref.key(Effect.RESERVE)), attempt)


def already_dispatched(journal: Journal) -> UndoAnswer:
    """Return what shipping's undo answers for a fulfilled submission."""
    detail = "the parcel is with the carrier"
    if journal[Effect.COMMIT].state is EffectState.HANDLED:
        detail += (
            "; the warehouse has not confirmed that its stock is booked out: look, and do it there if not"
        )
    return UndoAnswer.model_validate(
        {
            "result": UndoResult.ALREADY_DISPATCHED,
            "detail": detail,
            "parcel": journal[Effect.DISPATCH].receipt,
            "payment": payment_in(journal),
        }
    )
