"""What the order book keeps: submissions, and a journal of their effects."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from order_system.domain.answers import AnswerRecord
from order_system.domain.messages import GivesWay, Opening, OrderOutcome, UndoCause
from order_system.domain.order import CommitReceipt, DispatchReceipt, PaymentReceipt, SubmissionRef, Wire
from order_system.domain.refunds import Refund
from order_system.domain.steps import Effect


class EffectState(StrEnum):
    CLAIMED = "claimed"
    """An attempt may be at the gateway, or was answered with a definite no."""
    DONE = "done"
    """It happened, and its receipt is here."""
    UNDONE = "undone"
    """It happened and was reversed."""
    NEVER_HAPPENED = "fenced"
    """It no longer can, either: its key is fenced. The word in the database is older."""
    IN_DOUBT = "in doubt"
    """Fenced while an attempt was unanswered: what that attempt did is not known yet, or not for sure."""
    HANDLED = "handled"
    """A person handled it: it is undone or, for a commit and for a dispatch with a receipt, has happened."""


class SubmissionStatus(StrEnum):
    OPEN = "open"
    FULFILLED = "fulfilled"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"


class Notice(StrEnum):
    """Whether the customer was told how a closed submission ended; absent if there is nothing to tell."""

    OWED = "owed"
    SENT = "sent"
    NOT_SENT = "not sent"
    """Refused or given up; or a person has told the customer."""


@dataclass
class Attempt:
    """One attempt of an activity, on the Temporal server's clock: workers need not agree on theirs."""

    started_at: datetime
    deadline: datetime
    """When the server gives the attempt up; until then its effect may still land."""
    namespace: str
    run: str = ""
    """Of the workflow that the activity belongs to: a step that runs again has patience anew."""
    reached: int = 0
    """Attempts of this run that reached the gateway, with this one; 0 as long as this one has not."""
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """The server's clock, carried on from the moment the attempt began."""
        return self.started_at + timedelta(seconds=time.monotonic() - self._began)


@dataclass(frozen=True)
class JournalEntry:
    effect: Effect
    state: EffectState
    attempts: int = 0
    unanswered: int = 0
    """Attempts that neither returned nor failed with a definite answer."""
    unanswered_until: datetime | None = None
    claimed_by: str | None = None
    claims_in_run: int = 0
    """The workflow run that claimed last, and how often it has."""
    round: int = 0  # of the key, as `ids.Key.round`
    receipt: dict[str, Any] | None = None
    claimed_at: datetime | None = None
    done_at: datetime | None = None
    fenced_at: datetime | None = None
    """When an undo began: from then on no attempt may claim the key."""
    undo_ended_at: datetime | None = None
    handled_by: str | None = None
    handled_note: str | None = None
    """Only of a HANDLED effect: who handled it, and why. When is `undo_ended_at`."""

    @property
    def held(self) -> bool:
        """Whether the effect stands in the way of closing the submission as undone."""
        return self.state in (EffectState.CLAIMED, EffectState.DONE) or (
            self.state is EffectState.IN_DOUBT and self.undo_ended_at is None
        )


@dataclass(frozen=True)
class SubmissionRecord:
    ref: SubmissionRef
    namespace: str
    status: SubmissionStatus
    failed_step: str | None
    reason: str | None
    total: int | None
    """Minor units; None if payment never opened the submission."""
    currency: str | None
    opened_at: datetime
    closed_at: datetime | None
    namespace_id: str | None = None


@dataclass(frozen=True)
class Server:
    """Two of them may both have a namespace `default`."""

    namespace: str
    namespace_id: str | None = None
    """The namespace's UUID, which no other server has; None if the server does not tell."""
    retention: timedelta | None = None
    """How long it keeps what has closed; None likewise."""

    @property
    def names(self) -> tuple[str, ...]:
        """What its submissions may be noted under: those from before the UUID was noted, by the name."""
        return (self.namespace_id, self.namespace) if self.namespace_id else (self.namespace,)

    def has(self, record: SubmissionRecord) -> bool:
        return (record.namespace_id or record.namespace) in self.names


@dataclass(frozen=True)
class Stranded:
    """What is open on another server than ours: nobody here settles it, until it is adopted."""

    server: str
    """The UUID of its namespace; the namespace's name if it was written before that was noted."""
    namespace: str
    submissions: int
    since: datetime
    """When the oldest was opened."""


class OrderBook(Protocol):
    """What activities and the audit need of it: each method is one transaction. How it works is explained in
    `order_system/book/order_book.py`; what else programs may ask stands there, too."""

    async def claim(self, ref: SubmissionRef, effect: Effect, attempt: Attempt) -> JournalEntry:
        """Take the key before calling the gateway. The entry is DONE, with its receipt, if an earlier
        attempt has recorded it: then do not call. Raises Fenced; so for a dispatch before its capture."""
        ...

    async def open_and_claim(
        self,
        ref: SubmissionRef,
        effect: Effect,
        attempt: Attempt,
        opening: Opening,
        *,
        earlier: frozenset[str] = frozenset(),
    ) -> JournalEntry | GivesWay | frozenset[str]:
        """Open the submission, if no step beside this one has, and claim its first effect; unless another
        submission is open or fulfilled. Others may have come and gone, after this one too: unless all of them
        are known to be `earlier`, they are returned, and nothing is claimed. Raises Fenced; OpenElsewhere if
        the open one is another server's."""
        ...

    async def record(
        self, ref: SubmissionRef, effect: Effect, receipt: Wire, at: datetime, *, late: bool = False
    ) -> None:
        """The effect happened. Raises Fenced if an undo has fenced the key meanwhile; the receipt is
        kept all the same, so that what landed behind the fence is known. An order ends with its notice,
        unless that comes `late`: its workflow has ended before."""
        ...

    async def answered_no(
        self, ref: SubmissionRef, effect: Effect, *, reached: bool = True, refused: bool = False
    ) -> None:
        """One attempt was definitely not carried out, and may no longer land. If it has not `reached` the
        gateway, it is not held against the patience either. If it was `refused` and no other attempt is
        unanswered, the key's next round begins."""
        ...

    async def fulfil(
        self,
        ref: SubmissionRef,
        *,
        dispatch: DispatchReceipt,
        commit: CommitReceipt,
        at: datetime,
        from_undo: bool = False,
    ) -> PaymentReceipt:
        """The parcel is gone and the stock committed: record both and close the submission as fulfilled.
        Idempotent. Raises Fenced if an undo owns the key, unless called `from_undo`, and always if the
        shipment has been voided. Returns what was captured. What a person has handled stays HANDLED."""
        ...

    async def parcel_found_gone(self, ref: SubmissionRef, parcel: DispatchReceipt, at: datetime) -> None:
        """An undo has learned it from the carrier: from now on nobody can answer that it was voided, and
        `fulfil` is to follow. Idempotent. Raises Fenced if it has been voided."""
        ...

    async def fence(
        self,
        ref: SubmissionRef,
        effects_to_undo: Sequence[Effect],
        *,
        cause: UndoCause,
        attempt: Attempt,
        only_if_voided: bool,
    ) -> dict[Effect, JournalEntry]:
        """Begin an undo: from now on nobody can claim these keys (a capture's only where there is to be one).
        Inserts a submission that is missing, closed. Idempotent. Raises NotYetVoided if `only_if_voided`."""
        ...

    async def end_undo(
        self, ref: SubmissionRef, states: Mapping[Effect, EffectState], *, cause: UndoCause, at: datetime
    ) -> None:
        """End an undo: UNDONE for an effect that was found and reversed, FENCED for one that never
        happened, IN_DOUBT for one that was not found although an attempt was never answered. Closes the
        submission with `cause` when nothing is held any more. Idempotent; a closed status stays."""
        ...

    async def end_undo_by_hand(
        self,
        ref: SubmissionRef,
        effects_to_undo: Sequence[Effect],
        answer: AnswerRecord,
        *,
        cause: UndoCause,
        at: datetime,
    ) -> bool:
        """A person ends an undo whose effects are fenced: HANDLED, unless the effect never happened.
        Notes the answer, and closes the submission as `end_undo` does. False, and nothing changed, if the
        undo had ended before. Idempotent by the answer's ID. Raises ParcelIsGone where an open submission's
        parcel is: only `dispatched` answers that."""
        ...

    async def dispatched_by_hand(
        self, ref: SubmissionRef, answer: AnswerRecord, parcel: DispatchReceipt, at: datetime
    ) -> bool:
        """A person says that the parcel is gone: from now on no undo voids it, and `fulfil` is to follow, or
        `committed_by_hand`. Its fence is there already. False, and nothing changed, if the shipment was
        voided or the submission is closed. Idempotent by the answer's ID."""
        ...

    async def committed_by_hand(self, ref: SubmissionRef, answer: AnswerRecord, at: datetime) -> None:
        """As `fulfil`, of a parcel that is gone and whose stock a person commits. Idempotent."""
        ...

    async def notice_not_sent(self, ref: SubmissionRef, answer: AnswerRecord | None = None) -> None:
        """The mailer has refused the notice, its attempts are used, or a person has told the customer, whose
        answer is noted: it is owed no more. Idempotent."""
        ...

    async def note_answer(self, ref: SubmissionRef, answer: AnswerRecord) -> None:
        """Who answered what, when and why. Idempotent by the answer's ID."""
        ...

    async def journal(self, ref: SubmissionRef) -> dict[Effect, JournalEntry]: ...

    async def outcome(self, order_id: str) -> OrderOutcome | None:
        """The recorded outcome of a fulfilled order."""
        ...

    async def ask_refund(self, ref: SubmissionRef, asked: Refund) -> Refund:
        """Note a refund, so that no other can take that money; returns what is kept of it, by now perhaps
        ended. Refused, and not kept, if the order is not fulfilled, if less is left than that, or if its line
        is given back already. Idempotent by its ID."""
        ...

    async def end_refund(self, ref: SubmissionRef, ended: Refund) -> Refund:
        """What came of it. The first end stays, and is returned."""
        ...

    async def ledger(self) -> "Ledger":
        """Everything, for the audit; taken in one transaction."""
        ...


@dataclass(frozen=True)
class Ledger:
    """The book's side of the audit: every submission with its journal."""

    entries: tuple[tuple[SubmissionRecord, dict[Effect, JournalEntry]], ...]
    refunds: Mapping[str, Sequence[Refund]] = field(default_factory=dict[str, Sequence[Refund]])  # by order
