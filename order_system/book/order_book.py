"""The order book: what makes an effect single, and an undo final. One of the two intricate places.

**Claim, call, record.** An activity claims the effect's key, calls the gateway with that key, and records
the receipt. Killed in between, it is retried: the claim is counted again, and the gateway, asked with the
same key, answers what it answered before. A recorded effect is never asked for again.

**Fence, reverse, end.** An undo first fences the key: from then on no attempt, however late, can claim it.
Then it reverses at the gateway whatever happened, and ends with what it found. The hard case is an attempt
that claimed before the fence and has not answered: it may still land. Such a key is *in doubt*, and "nothing
found" is final only once the deadline of that attempt has passed.

**Closing.** The submission closes in the transaction after which nothing is held any more: fulfilled
together with the dispatch, failed or cancelled with the last undo. A closed status never changes, and a
closed submission refuses every claim but the notice's.

Every method is one transaction that locks the submission's row first, so two of them on one submission
never interleave. Unique indexes (`tables.py`) are the guard behind the checks made here.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import case, delete, insert, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from order_system.book import reading
from order_system.book.answers import AnswerBook
from order_system.book.batches import SqlBatchBook
from order_system.book.entries import ENTRY, Entries
from order_system.book.forgetting import ForgettingBook
from order_system.book.listing import SqlOrderListing
from order_system.book.reading import email_hash
from order_system.book.reconciliation import SqlReconciliationBook
from order_system.book.standing import SqlStanding
from order_system.book.tables import accepted, effects
from order_system.domain.book import (
    Attempt,
    EffectState,
    JournalEntry,
    Server,
    SubmissionRecord,
    SubmissionStatus,
)
from order_system.domain.errors import Fenced, NotYetVoided, OpenElsewhere, OrderConflict
from order_system.domain.journal import parcel_is_gone, shipment_is_voided
from order_system.domain.messages import AlreadyFulfilled, GivesWay, OlderSubmissionOpen, Opening, UndoCause
from order_system.domain.order import CommitReceipt, DispatchReceipt, PaymentReceipt, SubmissionRef, Wire
from order_system.domain.steps import Effect
from order_system.infra.database import Database, writes

_UNDER_WAY = ENTRY.where(effects.c.undo_ended_at.is_(None))


class SqlOrderBook(
    AnswerBook, ForgettingBook, SqlBatchBook, SqlReconciliationBook, SqlOrderListing, SqlStanding
):
    """Keeps the promises of `domain.book.OrderBook`, and has all the other pages of the book."""

    def __init__(self, database: Database, server: Callable[[], Awaitable[Server]] | None = None) -> None:
        """`server`: of the workers that write here; without it, the attempt's namespace has to do."""
        super().__init__(database)
        self._server = server

    @writes
    def check_writable(self, tx: Connection) -> None:
        """Raises DatabaseUnreachable, and so do all writes, if the disk is full, for example."""
        tx.execute(text("UPDATE book_identity SET book = book"))

    @writes
    def accept(self, tx: Connection, order_id: str, submission: str, at: datetime) -> None:
        """Note an order whose workflow was started, and whose payment has opened no submission yet: lists
        show it from now on. Nothing else reads the note, and lists ask the server about an order that is not
        noted, or that has opened nothing."""
        tx.execute(delete(accepted).filter_by(order_id=order_id))
        if submission not in reading.submissions_of(tx, order_id):
            tx.execute(insert(accepted).values(order_id=order_id, submission=submission, accepted_at=at))

    # --- claim, record ---------------------------------------------------------------------------

    async def open_and_claim(
        self,
        ref: SubmissionRef,
        effect: Effect,
        attempt: Attempt,
        opening: Opening,
        *,
        earlier: frozenset[str] = frozenset(),
    ) -> JournalEntry | GivesWay | frozenset[str]:
        here = await self._server() if self._server else Server(attempt.namespace)
        try:
            return await self._open_and_claim(ref, effect, attempt, opening, here, earlier)
        except IntegrityError:
            # Another submission of this order was opened between our look and our insert, or ours by the
            # step that runs beside this one: now we see it.
            return await self._open_and_claim(ref, effect, attempt, opening, here, earlier)

    @writes
    def _open_and_claim(  # noqa: PLR0917 - a transaction is called by position
        self,
        tx: Connection,
        ref: SubmissionRef,
        effect: Effect,
        attempt: Attempt,
        opening: Opening,
        here: Server,
        earlier: frozenset[str],
    ) -> JournalEntry | GivesWay | frozenset[str]:
        # One look at them all: one that opens meanwhile is found open, or refused by the unique index.
        others = reading.submissions_of(tx, ref.order_id)
        submission = others.pop(ref.submission, None)
        for other in others.values():
            if other.status in (SubmissionStatus.OPEN, SubmissionStatus.FULFILLED):
                return _give_way(tx, ref, other, here)
        entries, known = Entries(tx, ref), earlier.issuperset(others)
        if submission is not None and (known or effect in reading.journal_of(tx, ref)):
            if opening.captured_on_dispatch:
                entries.await_capture()  # it may be an older worker that has opened it, and knows of none
            return entries.claim(effect, attempt, submission)
        if not known:
            return frozenset(others)
        email = email_hash(self.database, tx, opening.email) if opening.email else None
        entries.insert_submission(
            attempt, SubmissionStatus.OPEN, here=here, opening=opening, email_hash=email
        )
        return entries.write_claim(effect, None, attempt)

    @writes
    def claim(self, tx: Connection, ref: SubmissionRef, effect: Effect, attempt: Attempt) -> JournalEntry:
        submission = reading.locked_submission(tx, ref)
        if submission is None:
            raise Fenced(f"{effect} of {ref.order_id}: this submission was never opened")
        return Entries(tx, ref).claim(effect, attempt, submission)

    async def record(
        self, ref: SubmissionRef, effect: Effect, receipt: Wire, at: datetime, *, late: bool = False
    ) -> None:
        if await self._record(ref, effect, receipt, at, late=late):
            raise Fenced(f"{effect} of {ref.order_id} landed after its undo had begun")

    @writes
    def _record(
        self, tx: Connection, ref: SubmissionRef, effect: Effect, receipt: Wire, at: datetime, *, late: bool
    ) -> bool:
        """True if it was fenced. The receipt is kept all the same, so this is no error yet."""
        reading.lock(tx, ref)
        return Entries(tx, ref).record(effect, receipt, at, late=late)

    @writes
    def answered_no(
        self,
        tx: Connection,
        ref: SubmissionRef,
        effect: Effect,
        *,
        reached: bool = True,
        refused: bool = False,
    ) -> None:
        reading.lock(tx, ref)
        next_round = case((effects.c.unanswered == 1, 1), else_=0) if refused else 0
        answered = ENTRY.where(effects.c.unanswered > 0).values(
            unanswered=effects.c.unanswered - 1,
            round=effects.c.round + next_round,
            claims_in_run=effects.c.claims_in_run - (0 if reached else 1),
            unanswered_until=case((effects.c.unanswered > 1, effects.c.unanswered_until), else_=None),
        )
        Entries(tx, ref).change(effect, answered)

    @writes
    def fulfil(
        self,
        tx: Connection,
        ref: SubmissionRef,
        *,
        dispatch: DispatchReceipt,
        commit: CommitReceipt,
        at: datetime,
        from_undo: bool = False,
    ) -> PaymentReceipt:
        submission = reading.locked_submission(tx, ref)
        journal = reading.journal_of(tx, ref)
        if submission is not None and submission.status is SubmissionStatus.OPEN:
            if journal[Effect.DISPATCH].fenced_at and not from_undo:
                # The undo that owns the key will find the parcel gone, and closes as fulfilled.
                raise Fenced(f"dispatch of {ref.order_id} landed after its undo had begun")
            if shipment_is_voided(journal):
                # Stock and money may be on their way back already.
                raise Fenced(f"the shipment of {ref.order_id} has been settled as voided meanwhile")
            entries = Entries(tx, ref)
            for effect, receipt in ((Effect.DISPATCH, dispatch), (Effect.COMMIT, commit)):
                if effect is Effect.DISPATCH and parcel_is_gone(journal):
                    continue  # an undo, or a person, has written it down
                entries.write(
                    effect,
                    journal.get(effect),
                    state=EffectState.DONE,
                    receipt=receipt.model_dump(mode="json"),
                    done_at=at,
                    undo_ended_at=at if from_undo else None,
                )
            entries.close_submission(SubmissionStatus.FULFILLED, at, notice_is_owed=True)
        return reading.payment_of(journal, ref)

    @writes
    def parcel_found_gone(
        self, tx: Connection, ref: SubmissionRef, parcel: DispatchReceipt, at: datetime
    ) -> None:
        submission = reading.locked_submission(tx, ref)
        journal = reading.journal_of(tx, ref)
        if submission is None or submission.status is not SubmissionStatus.OPEN or parcel_is_gone(journal):
            return
        if shipment_is_voided(journal):
            raise Fenced(f"the shipment of {ref.order_id} has been settled as voided meanwhile")
        receipt = parcel.model_dump(mode="json")
        values = {"state": EffectState.DONE, "receipt": receipt, "done_at": at, "undo_ended_at": at}
        Entries(tx, ref).write(Effect.DISPATCH, journal.get(Effect.DISPATCH), **values)

    # --- undoing ---------------------------------------------------------------------------------

    @writes
    def fence(
        self,
        tx: Connection,
        ref: SubmissionRef,
        effects_to_undo: Sequence[Effect],
        *,
        cause: UndoCause,
        attempt: Attempt,
        only_if_voided: bool,
    ) -> dict[Effect, JournalEntry]:
        submission = reading.locked_submission(tx, ref)
        journal, entries = reading.journal_of(tx, ref), Entries(tx, ref)
        if submission is None:
            # Nothing was ever claimed. Inserted closed, the submission refuses what comes late.
            closed_as = SubmissionStatus(cause.status)
            entries.insert_submission(attempt, closed_as, cause=cause)
        if only_if_voided and not shipment_is_voided(journal):
            raise NotYetVoided(f"{ref.order_id}: shipping's undo has not answered yet")
        if submission is None or submission.status is not SubmissionStatus.FULFILLED:
            for effect in effects_to_undo:
                if effect is not Effect.CAPTURE or effect in journal:
                    entries.fence(effect, journal.get(effect), attempt.now())
        journal = reading.journal_of(tx, ref)
        return {effect: entry for effect, entry in journal.items() if effect in effects_to_undo}

    @writes
    def end_undo(
        self,
        tx: Connection,
        ref: SubmissionRef,
        states: Mapping[Effect, EffectState],
        *,
        cause: UndoCause,
        at: datetime,
    ) -> None:
        reading.lock(tx, ref)
        entries = Entries(tx, ref)
        for effect, state in states.items():
            entries.change(effect, _UNDER_WAY, state=state, undo_ended_at=at)
        entries.close_when_nothing_is_held(cause, at)


def _give_way(tx: Connection, ref: SubmissionRef, other: SubmissionRecord, here: Server) -> GivesWay:
    """What to answer when another submission of this order is fulfilled or open. Opens nothing."""
    if other.status is SubmissionStatus.OPEN:
        if not here.has(other):
            raise OpenElsewhere(
                f"{ref.order_id} is open on another Temporal server (namespace {other.namespace}, UUID "
                f"{other.namespace_id}): settle it there, or adopt it if that server is gone for good"
            )
        return OlderSubmissionOpen(older=other.ref.model_copy(update={"book": ref.book}))
    if other.ref.fingerprint != ref.fingerprint:
        raise OrderConflict(f"{ref.order_id} has been fulfilled with other content")
    return AlreadyFulfilled(outcome=reading.outcome_of(tx, other))
