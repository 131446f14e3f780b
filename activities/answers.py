"""Records the answers of people in the order book. No gateway is asked to undo anything here."""

from dataclasses import dataclass

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.attempts import this_attempt, undo_answer
from activities.shipping import already_dispatched, commit_stock
from order_system.domain import policy
from order_system.domain.answers import UPDATE_REFUSED, AnsweredAs
from order_system.domain.book import Attempt, EffectState, JournalEntry, OrderBook
from order_system.domain.errors import ParcelIsGone
from order_system.domain.gateways import Warehouse
from order_system.domain.journal import parcel_is_gone, state_in, waits_for_capture
from order_system.domain.messages import AnswerToNote, HandledUndo, HandledUndoAnswer, UndoAnswer, UndoResult
from order_system.domain.order import DispatchReceipt
from order_system.domain.steps import PIVOT, UNDOS, Effect


@dataclass(frozen=True)
class AnswerActivities:
    book: OrderBook
    warehouse: Warehouse

    @activity.defn
    async def note_answer(self, request: AnswerToNote) -> None:
        """Keep who answered what, when and why. Idempotent."""
        for answer in (request.answer, *request.beside):
            await self.book.note_answer(request.submission, answer)

    @activity.defn(name="settle_by_hand")
    async def end_undo_by_hand(self, request: HandledUndo) -> HandledUndoAnswer:
        """End an undo that a person has handled: fence its keys, note the answer, and close what can be
        closed. Idempotent. If the undo has ended by itself meanwhile, nothing is changed.

        Raises an ApplicationError of type UPDATE_REFUSED, never retried, if the answer is impossible."""
        ref, step, attempt = request.submission, request.answer.step, this_attempt()
        if step not in UNDOS:
            await self.book.notice_not_sent(ref, request.answer)
            told = UndoAnswer(result=UndoResult.HANDLED, detail="the customer was told by hand")
            return HandledUndoAnswer(undo=told, recorded=True)
        if step is not PIVOT and parcel_is_gone(await self.book.journal(ref)):
            gone = f"the carrier has the parcel of {ref.order_id}, so nothing of it is to be given back"
            raise _refused(f"{gone}: note money that was as a refund made elsewhere")
        await self.book.fence(ref, step, cause=request.cause, attempt=attempt)
        try:
            if request.answer.answer is AnsweredAs.DISPATCHED:
                recorded = await self._fulfil_by_hand(request, attempt)
            else:
                recorded = await self.book.end_undo_by_hand(
                    ref, request.answer, cause=request.cause, at=attempt.now()
                )
        except ParcelIsGone as gone:
            raise _refused(str(gone)) from None
        return HandledUndoAnswer(undo=await self._ended(request), recorded=recorded)

    async def _fulfil_by_hand(self, request: HandledUndo, attempt: Attempt) -> bool:
        ref = request.submission
        journal = await self.book.journal(ref)
        needed = {state_in(journal, effect) for effect in (Effect.CHARGE, Effect.RESERVE)}
        paid_and_reserved = needed == {EffectState.DONE} and not waits_for_capture(journal)
        if journal[Effect.DISPATCH].undo_ended_at is None and not paid_and_reserved:
            raise _refused(
                f"{ref.order_id} was not both paid and reserved, so it cannot have been dispatched; "
                "answer voided"
            )
        # The book comes first: from then on no other undo can void what this one is about to commit.
        parcel = _parcel(journal[Effect.LABEL])
        recorded = await self.book.note_parcel_gone(ref, parcel, attempt.now(), answer=request.answer)
        if recorded:
            try:
                commit = await commit_stock(self.warehouse, ref, attempt)
            except Exception:
                if activity.info().attempt < policy.RETRIED_AGAIN_AND_AGAIN:
                    raise
                commit = request.answer  # the person has the last word, or this order could never end
            await self.book.fulfil(ref, dispatch=parcel, commit=commit, at=attempt.now(), from_undo=True)
        return recorded

    async def _ended(self, request: HandledUndo) -> UndoAnswer:
        journal, effect = await self.book.journal(request.submission), UNDOS[request.answer.step].effect
        if request.answer.step is PIVOT and parcel_is_gone(journal):
            return already_dispatched(journal)
        return undo_answer(effect, journal[effect].state)


def _refused(why: str) -> ApplicationError:
    return ApplicationError(why, type=UPDATE_REFUSED, non_retryable=True)


def _parcel(label: JournalEntry) -> DispatchReceipt:
    """Return the parcel as its label says, if the book has one: the carrier has reported no hand-over."""
    unknown = dict.fromkeys(DispatchReceipt.model_fields, "unknown")
    return DispatchReceipt.model_validate(label.receipt or unknown)
