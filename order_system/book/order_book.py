"""The order book makes an effect happen once, and an undo final. One of the two intricate modules.

**Claim, call, record.** An activity claims the effect's key, calls the gateway with that key, and records
the receipt. If it is killed in between, it is retried: the claim is counted again, and the gateway gives the
same key the same answer. A recorded effect is never asked for again.

**Fence, reverse, end.** An undo first fences the key: from then on no attempt, however late, can claim it.
Then it reverses at the gateway what has happened, and records what it found. The hard case is an attempt
that claimed before the fence and has not answered: it may still land. Such a key is *in doubt*, and "nothing
found" is final only once the deadline of that attempt has passed.

**Closing.** The submission closes in the transaction after which nothing is held any more: as fulfilled
together with the dispatch, as failed or cancelled with the last undo. A closed status never changes, and a
closed submission refuses every claim except the notice's.

Each method below is one transaction that locks the submission's row first, so two never interleave on one
submission. Behind the checks made here stand unique indexes (`tables.py`)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, bindparam, case, delete, insert, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from order_system.book import reading
from order_system.book.answers import AnswerBook
from order_system.book.batches import SqlBatchBook
from order_system.book.entries import ENTRY, Entries, handled, latest
from order_system.book.forgetting import ForgettingBook
from order_system.book.listing import SqlOrderListing
from order_system.book.reading import email_hash
from order_system.book.reconciliation import SqlReconciliationBook
from order_system.book.standing import SqlStanding
from order_system.book.tables import accepted, effects
from order_system.domain.answers import AnswerRecord
from order_system.domain.book import (
    Attempt,
    EffectState,
    JournalEntry,
    Server,
    SubmissionRecord,
    SubmissionStatus,
)
from order_system.domain.errors import Fenced, NotYetVoided, OpenElsewhere, OrderConflict
from order_system.domain.journal import Journal, parcel_is_gone, shipment_is_voided
from order_system.domain.messages import AlreadyFulfilled, GivesWay, OlderSubmissionOpen, Opening, UndoCause
from order_system.domain.order import CommitReceipt, DispatchReceipt, PaymentReceipt, SubmissionRef, Wire
from order_system.domain.steps import GIVEN_BACK, UNDOS, Effect, Step
from order_system.infra.database import Database, Prepared, writes

_UNDER_WAY = Prepared(ENTRY.where(effects.c.undo_ended_at.is_(None)))
_ANSWERED_NO = Prepared(
    ENTRY.where(effects.c.unanswered > 0).values(
        unanswered=effects.c.unanswered - 1,
        round=effects.c.round + case((effects.c.unanswered == 1, bindparam("noes", type_=Integer)), else_=0),
        claims_in_run=effects.c.claims_in_run - bindparam("not_reached", type_=Integer),
        unanswered_until=case((effects.c.unanswered > 1, effects.c.unanswered_until), else_=None),
    )
)


class SqlOrderBook(
    AnswerBook, ForgettingBook, SqlBatchBook, SqlReconciliationBook, SqlOrderListing, SqlStanding
):
    """Implements `domain.book.OrderBook`, together with all other parts of the book."""

    def __init__(self, database: Database, server: Callable[[], Awaitable[Server]] | None = None) -> None:
        """`server` tells the server of the workers that write here; else the attempt's namespace serves."""
        super().__init__(database)
        self._server = server

    @writes
    def check_writable(self, tx: Connection) -> None:
        """Write something. Like all writes, raises DatabaseUnreachable if the disk is full, for example."""
        tx.execute(text("UPDATE book_identity SET book = book"))

    async def accept(self, order_id: str, submission: str, at: datetime) -> None:
        """Note an order whose workflow was started, and whose payment has opened no submission yet. From now
        on lists show it. About an order that is not noted, or has opened nothing, lists ask the server.
        Raises the SDK's RPCError if the server does not tell which one it is."""
        here = await self._server() if self._server else None
        row = {"order_id": order_id, "submission": submission, "accepted_at": at}
        await self._accept(row | {"namespace_id": here and here.namespace_id})

    @writes
    def _accept(self, tx: Connection, row: Mapping[str, Any]) -> None:
        tx.execute(delete(accepted).filter_by(order_id=row["order_id"]))
        if row["submission"] not in reading.submissions_of(tx, row["order_id"]):
            tx.execute(insert(accepted).values(**row))

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
            # Between our look and our insert, another submission of this order was opened, or the step beside
            # this one opened ours. Now we see it.
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
        # All submissions are read at once: one that opens meanwhile is found open, or refused by the index.
        others = reading.submissions_of(tx, ref.order_id)
        submission = others.pop(ref.submission, None)
        for other in others.values():
            if other.status in (SubmissionStatus.OPEN, SubmissionStatus.FULFILLED):
                return _give_way(tx, ref, other, here)
        entries, known = Entries(tx, ref), earlier.issuperset(others)
        if submission is not None and (known or effect in reading.journal_of(tx, ref)):
            if opening.captured_on_dispatch:
                entries.await_capture()  # an older worker, which knows no captures, may have opened it
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
        """Return True if the key was fenced. The receipt is kept all the same, so nothing is raised here."""
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
        Entries(tx, ref).change(effect, _ANSWERED_NO, noes=int(refused), not_reached=int(not reached))

    @writes
    def fulfil(
        self,
        tx: Connection,
        ref: SubmissionRef,
        *,
        dispatch: DispatchReceipt,
        commit: CommitReceipt | AnswerRecord,
        at: datetime,
        from_undo: bool = False,
    ) -> PaymentReceipt:
        submission = reading.locked_submission(tx, ref)
        journal = reading.journal_of(tx, ref)
        if submission is not None and submission.status is SubmissionStatus.OPEN:
            if journal[Effect.DISPATCH].fenced_at and not from_undo:
                # The undo that owns the key will find the parcel gone, and close the submission as fulfilled.
                raise Fenced(f"dispatch of {ref.order_id} landed after its undo had begun")
            _refuse_if_voided(ref, journal)
            entries = Entries(tx, ref)
            ended: dict[str, Any] = {"done_at": at, "undo_ended_at": at if from_undo else None}
            if not parcel_is_gone(journal):  # else an undo or a person has recorded it
                entries.write(Effect.DISPATCH, journal.get(Effect.DISPATCH), **ended, **_done(dispatch))
            entries.write(Effect.COMMIT, journal.get(Effect.COMMIT), **ended, **_done(commit))
            entries.close_submission(SubmissionStatus.FULFILLED, at, notice_is_owed=True)
        return reading.payment_of(journal, ref)

    @writes
    def note_parcel_gone(
        self,
        tx: Connection,
        ref: SubmissionRef,
        parcel: DispatchReceipt,
        at: datetime,
        *,
        answer: AnswerRecord | None = None,
    ) -> bool:
        submission = reading.locked_submission(tx, ref)
        journal, entries = reading.journal_of(tx, ref), Entries(tx, ref)
        is_open = submission is not None and submission.status is SubmissionStatus.OPEN
        if is_open and answer is None:
            _refuse_if_voided(ref, journal)
        if not is_open or shipment_is_voided(journal):
            return answer is not None and entries.has_answer(answer)
        if not parcel_is_gone(journal):
            gone = _done(answer or parcel) | {"receipt": parcel.model_dump(mode="json")}
            dispatch = journal.get(Effect.DISPATCH)
            entries.write(Effect.DISPATCH, dispatch, **gone, done_at=at, undo_ended_at=at)
            if answer and journal[Effect.LABEL].state is EffectState.IN_DOUBT:
                entries.handle(journal[Effect.LABEL], answer, at)
        if answer:
            entries.note_answer(answer)
        return True

    # --- undoing ---------------------------------------------------------------------------------

    @writes
    def fence(
        self, tx: Connection, ref: SubmissionRef, step: Step, *, cause: UndoCause, attempt: Attempt
    ) -> dict[Effect, JournalEntry]:
        to_undo = UNDOS[step].effects
        submission = reading.locked_submission(tx, ref)
        journal, entries = reading.journal_of(tx, ref), Entries(tx, ref)
        if submission is None:
            # Nothing was ever claimed. The submission is inserted as closed, so it refuses late claims.
            closed_as = SubmissionStatus(cause.status)
            entries.insert_submission(attempt, closed_as, cause=cause)
        if step in GIVEN_BACK and not shipment_is_voided(journal):
            raise NotYetVoided(f"{ref.order_id}: shipping's undo has not answered yet")
        at = latest(attempt.now(), (shipping := journal.get(Effect.DISPATCH)) and shipping.undo_ended_at)
        if submission is None or submission.status is not SubmissionStatus.FULFILLED:
            for effect in to_undo:
                if effect is not Effect.CAPTURE or effect in journal:
                    entries.fence(effect, journal.get(effect), at)
        journal = reading.journal_of(tx, ref)
        return {effect: entry for effect, entry in journal.items() if effect in to_undo}

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


def _refuse_if_voided(ref: SubmissionRef, journal: Journal) -> None:
    """Raise Fenced if the shipment was voided: stock and money may be on their way back already."""
    if shipment_is_voided(journal):
        raise Fenced(f"the shipment of {ref.order_id} has been settled as voided meanwhile")


def _done(by: Wire) -> dict[str, Any]:
    """Values of an entry whose effect has happened, by its receipt or as a person has answered."""
    if isinstance(by, AnswerRecord):
        return handled(by)
    return {"state": EffectState.DONE, "receipt": by.model_dump(mode="json")}


def _give_way(tx: Connection, ref: SubmissionRef, other: SubmissionRecord, here: Server) -> GivesWay:
    """The answer if another submission is open or fulfilled. Raises OpenElsewhere or OrderConflict."""
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
