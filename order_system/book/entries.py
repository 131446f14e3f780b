"""The rules of the book, one journal entry at a time, inside the caller's transaction."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.engine import Connection

from order_system.book.reading import answers_of, journal_of, key_of
from order_system.book.tables import accepted, answers, effects, submissions
from order_system.domain.answers import AnswerRecord
from order_system.domain.book import (
    Attempt,
    EffectState,
    JournalEntry,
    Notice,
    Server,
    SubmissionRecord,
    SubmissionStatus,
)
from order_system.domain.errors import Fenced
from order_system.domain.journal import state_in, waits_for_capture
from order_system.domain.messages import Opening, UndoCause
from order_system.domain.order import PaymentReceipt, SubmissionRef, Wire
from order_system.domain.search import LONGEST
from order_system.domain.steps import GIVEN_BACK, Effect
from order_system.infra.database import Prepared
from order_system.infra.redaction import clean_text

_NEW_ENTRY = Prepared(insert(effects))
ENTRY = update(effects).where(
    effects.c.order_id == bindparam("of_order"),
    effects.c.submission == bindparam("of_submission"),
    effects.c.effect == bindparam("of_effect"),
)
_THIS_ENTRY = Prepared(ENTRY)
_CLAIMED = Prepared(ENTRY.where(effects.c.state == EffectState.CLAIMED, effects.c.fenced_at.is_(None)))
_WITHOUT_RECEIPT = Prepared(ENTRY.where(effects.c.receipt.is_(None)))
_NEW_SUBMISSION = Prepared(insert(submissions))
_ITS_ROW = update(submissions).where(
    submissions.c.order_id == bindparam("of_order"), submissions.c.submission == bindparam("of_submission")
)
_SUBMISSION = Prepared(_ITS_ROW)
_OPEN_SUBMISSION = Prepared(_ITS_ROW.where(submissions.c.status == SubmissionStatus.OPEN))
MAY_STAY_IN_DOUBT = [undo.effect for undo in GIVEN_BACK.values()]
"""Effects that may stay in doubt, and are so again if they land after they were written off. A label never
does: the carrier's void binds whatever comes later."""
_FOUND_BY = ("charge_id", "tracking_number")
"""Fields of receipts by which people find an order. The columns that are searched have the same names."""
_NO_MORE_ACCEPTED = Prepared(
    delete(accepted).where(
        accepted.c.order_id == bindparam("order_id"), accepted.c.submission == bindparam("submission")
    )
)


class Entries:
    """All writing about one submission. The caller has locked its row, so nobody else writes."""

    def __init__(self, tx: Connection, ref: SubmissionRef) -> None:
        self._tx = tx
        self._ref = ref
        self._key = key_of(ref)
        self._of = {"of_order": ref.order_id, "of_submission": ref.submission}

    # --- claim, record ---------------------------------------------------------------------------

    def claim(self, effect: Effect, attempt: Attempt, submission: SubmissionRecord) -> JournalEntry:
        journal = journal_of(self._tx, self._ref)
        entry = journal.get(effect)
        if entry is not None and entry.state is EffectState.DONE and entry.fenced_at is None:
            return entry
        if entry is not None and entry.fenced_at is not None:
            raise Fenced(f"{effect} of {self._ref.order_id} is being undone")
        if submission.status is not SubmissionStatus.OPEN and effect is not Effect.NOTIFY:
            closed_as = f"the submission is closed as {submission.status}"
            raise Fenced(f"{effect} of {self._ref.order_id}: {closed_as}")
        if effect is Effect.CAPTURE and entry is None:
            raise Fenced(f"{effect} of {self._ref.order_id}: its money was captured at once")
        if effect is Effect.DISPATCH and waits_for_capture(journal):
            raise Fenced(f"{effect} of {self._ref.order_id}: its money was not captured yet")
        return self.write_claim(effect, entry, attempt, after=journal.get(Effect.CAPTURE))

    def write_claim(
        self, effect: Effect, entry: JournalEntry | None, attempt: Attempt, after: JournalEntry | None = None
    ) -> JournalEntry:
        """Count another attempt. It is unanswered from now on."""
        before = entry or JournalEntry(effect, EffectState.CLAIMED)
        values: dict[str, Any] = {
            "state": EffectState.CLAIMED,
            "attempts": before.attempts + 1,
            "unanswered": before.unanswered + 1,
            "unanswered_until": max(attempt.deadline, before.unanswered_until or attempt.deadline),
            "claimed_by": attempt.run,
            "claims_in_run": 1 + (before.claims_in_run if before.claimed_by == attempt.run else 0),
            "claimed_at": before.claimed_at or latest(attempt.started_at, after and after.done_at),
        }
        self.write(effect, entry, **values)
        return replace(before, **values)

    def record(self, effect: Effect, receipt: Wire, at: datetime, *, late: bool) -> bool:
        """Set a claimed entry to DONE. Returns True if an undo has fenced it meanwhile."""
        content = receipt.model_dump(mode="json")
        if self.change(effect, _CLAIMED, state=EffectState.DONE, receipt=content, done_at=at):
            if effect is Effect.NOTIFY:
                self.note_notice(Notice.SENT, closed_at=None if late else at)
            return False
        entry = journal_of(self._tx, self._ref)[effect]
        if entry.state is EffectState.DONE and entry.fenced_at is None:
            return False  # another attempt recorded the same answer first
        if not (isinstance(receipt, PaymentReceipt) and receipt.captured_elsewhere):
            # A payment that was only looked up has not landed: by now it may pay for another submission.
            late_of_all = entry.state is EffectState.NEVER_HAPPENED and effect in MAY_STAY_IN_DOUBT
            doubt = {"state": EffectState.IN_DOUBT} if late_of_all else {}
            self.change(effect, _WITHOUT_RECEIPT, receipt=content, **doubt)
        return True

    # --- undo, and what people say ---------------------------------------------------------------

    def fence(self, effect: Effect, entry: JournalEntry | None, at: datetime) -> None:
        if entry is not None and entry.fenced_at is not None:
            return
        state = entry.state if entry else EffectState.NEVER_HAPPENED
        if entry and state is EffectState.CLAIMED:
            state = EffectState.IN_DOUBT if entry.unanswered else EffectState.NEVER_HAPPENED
        self.write(effect, entry, state=state, fenced_at=at)

    def handle(self, entry: JournalEntry, answer: AnswerRecord, at: datetime) -> None:
        """Note that a person handled the effect, and that nothing is left of it."""
        self.write(entry.effect, entry, undo_ended_at=at, **handled(answer))

    def note_answer(self, answer: AnswerRecord) -> None:
        """Store the answer. Idempotent by its ID."""
        if not self.has_answer(answer):
            self._tx.execute(insert(answers).values(**self._key, **answer.model_dump()))

    def has_answer(self, answer: AnswerRecord) -> bool:
        return any(known.answer_id == answer.answer_id for known in answers_of(self._tx, self._ref))

    # --- the submission itself -------------------------------------------------------------------

    def insert_submission(
        self,
        attempt: Attempt,
        status: SubmissionStatus,
        *,
        here: Server | None = None,
        opening: Opening | None = None,
        cause: UndoCause | None = None,
        email_hash: str | None = None,
    ) -> None:
        row = {
            **self._ref.model_dump(exclude={"book", "accepted_at"}),
            "namespace": attempt.namespace,
            "namespace_id": here and here.namespace_id,
            "status": status,
            **_why(cause),
            **(opening.model_dump(include={"total", "currency"}) if opening else {}),
            "email_hash": email_hash,
            "opened_at": self._ref.accepted_at or attempt.started_at,
            "closed_at": None if status is SubmissionStatus.OPEN else attempt.started_at,
        }
        _NEW_SUBMISSION.changes(self._tx, row)
        if opening and opening.captured_on_dispatch:
            self.await_capture()
        _NO_MORE_ACCEPTED.changes(self._tx, self._key)

    def await_capture(self) -> None:
        if not journal_of(self._tx, self._ref).keys() & {Effect.CHARGE, Effect.CAPTURE}:
            self.write(Effect.CAPTURE, None, state=EffectState.CLAIMED)

    def close_submission(
        self, status: SubmissionStatus, at: datetime, cause: UndoCause | None = None, *, notice_is_owed: bool
    ) -> None:
        notice = Notice.OWED if notice_is_owed else None
        closed = {"status": status, "closed_at": at, "notice": notice, **_why(cause)}
        _OPEN_SUBMISSION.changes(self._tx, self._of | closed)

    def close_when_nothing_is_held(self, cause: UndoCause, at: datetime) -> None:
        journal = journal_of(self._tx, self._ref)
        if not any(entry.held for entry in journal.values() if entry.effect is not Effect.NOTIFY):
            given_back = state_in(journal, Effect.CHARGE) in (EffectState.UNDONE, EffectState.HANDLED)
            self.close_submission(SubmissionStatus(cause.status), at, cause, notice_is_owed=given_back)

    def note_notice(self, how: Notice, *, closed_at: datetime | None = None) -> None:
        """Note whether the customer was told. Give `closed_at` if the order ends with that."""
        closed = {"closed_at": closed_at} if closed_at else {}
        _SUBMISSION.changes(self._tx, self._of | closed | {"notice": how})

    # --- how an entry is written -----------------------------------------------------------------

    def write(self, effect: Effect, entry: JournalEntry | None, **values: Any) -> None:
        """Insert or update the entry. The submission's row is locked, so nobody else writes it meanwhile."""
        if entry is None:
            _NEW_ENTRY.changes(self._tx, {**self._key, "effect": effect, **values})
            self._find_by(values.get("receipt"))
        else:
            self.change(effect, **values)

    def change(self, effect: Effect, entry: Prepared = _THIS_ENTRY, **values: Any) -> bool:
        """Return whether the entry exists. `entry` is ENTRY, or ENTRY with more conditions and values."""
        changed = entry.changes(self._tx, {**self._of, "of_effect": effect, **values})
        if changed:
            self._find_by(values.get("receipt"))
        return changed > 0

    def _find_by(self, receipt: Mapping[str, Any] | None) -> None:
        """Note the gateway's IDs of the charge and the parcel: a search for them finds the order."""
        told = {name: (receipt or {}).get(name) for name in _FOUND_BY}
        if found := {name: text[:LONGEST] for name, text in told.items() if text and text.isprintable()}:
            _SUBMISSION.changes(self._tx, self._of | found)


def handled(answer: AnswerRecord) -> dict[str, Any]:
    return {"state": EffectState.HANDLED, "handled_by": answer.who, "handled_note": answer.note}


def latest(by_clock: datetime, at_least: datetime | None) -> datetime:
    """Return the time by the server's clock, never before `at_least`: it may have been set back."""
    return max(by_clock, at_least or by_clock)


def _why(cause: UndoCause | None) -> dict[str, str | None]:
    return {"failed_step": cause.failed_step, "reason": clean_text(cause.reason)} if cause else {}
