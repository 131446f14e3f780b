"""What people answer when an order needs attention: noted in the book, each once, and settled by hand."""

from collections.abc import Sequence
from datetime import datetime

from order_system import book_reading as reading
from order_system.attention import AnswerRecord
from order_system.book_journal import (
    close_when_nothing_is_held,
    handle_dispatch,
    handle_entry,
    note_answer,
    write_entry,
)
from order_system.ids import Effect
from order_system.journal import EffectState, SubmissionStatus, parcel_is_gone
from order_system.messages import Verdict
from order_system.models import DispatchReceipt, SubmissionRef


class AnswerBook(reading.BookQueries):
    """The part of `ports.OrderBook` that the desk writes."""

    async def settle_by_hand(
        self,
        ref: SubmissionRef,
        effects_of_undo: Sequence[Effect],
        answer: AnswerRecord,
        *,
        verdict: Verdict,
        at: datetime,
    ) -> bool:
        async with self._database.writing() as tx:
            submission = await reading.submission_of(tx, ref, lock=True)
            fulfilled = submission is not None and submission.status is SubmissionStatus.FULFILLED
            journal = await reading.journal_of(tx, ref)
            open_entries = [journal[effect] for effect in effects_of_undo if not journal[effect].settled_at]
            gone = Effect.DISPATCH in effects_of_undo and parcel_is_gone(journal)
            if not open_entries or fulfilled or gone:
                return any(entry.answer_id == answer.answer_id for entry in await reading.answers_of(tx, ref))
            for entry in open_entries:
                if entry.state is EffectState.FENCED:
                    # It never happened, so there was nothing to handle.
                    await write_entry(tx, ref, entry, entry.effect, settled_at=at)
                else:
                    await handle_entry(tx, ref, entry, answer, at)
            await note_answer(tx, ref, answer)
            await close_when_nothing_is_held(tx, ref, verdict, at)
            return True

    async def dispatched_by_hand(
        self, ref: SubmissionRef, answer: AnswerRecord, parcel: DispatchReceipt, at: datetime
    ) -> bool:
        async with self._database.writing() as tx:
            submission = await reading.submission_of(tx, ref, lock=True)
            journal = await reading.journal_of(tx, ref)
            is_open = submission is not None and submission.status is SubmissionStatus.OPEN
            if not is_open or journal[Effect.DISPATCH].settled_at:
                return any(entry.answer_id == answer.answer_id for entry in await reading.answers_of(tx, ref))
            await handle_dispatch(tx, ref, answer, parcel, at)
            return True

    async def note_answer(self, ref: SubmissionRef, answer: AnswerRecord) -> None:
        async with self._database.writing() as tx:
            await note_answer(tx, ref, answer)
