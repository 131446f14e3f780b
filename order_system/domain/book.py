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
from order_system.domain.steps import Effect, Step


class EffectState(StrEnum):
    CLAIMED = "claimed"
    """An attempt may be at the gateway, or was answered with a definite no."""
    DONE = "done"
    """The effect happened, and the book has its receipt."""
    UNDONE = "undone"
    """The effect happened and was reversed."""
    NEVER_HAPPENED = "fenced"
    """The effect can no longer happen, either: its key is fenced. The word in the database is older."""
    IN_DOUBT = "in doubt"
    """Fenced while an attempt was unanswered: what that attempt did is not known yet, or not for sure."""
    HANDLED = "handled"
    """A person handled it: it is undone; but a commit, or a dispatch with a receipt, has happened."""

    @property
    def words(self) -> str:
        return self.name.lower().replace("_", " ")


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
    """The notice was refused or given up; or a person has told the customer."""


@dataclass
class Attempt:
    """One attempt of an activity, by the Temporal server's clock: the clocks of workers may differ."""

    started_at: datetime
    deadline: datetime
    """When the server gives the attempt up; until then its effect may still land."""
    namespace: str
    run: str = ""
    """The run of the activity's workflow: a step that runs again starts with its whole patience."""
    reached: int = 0
    """Attempts of this run that reached the gateway, including this one; 0 as long as this one has not."""
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """Return the server's time, carried on by our own clock from the start of the attempt."""
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
    """The workflow run that was last to claim the key, and how often it has."""
    round: int = 0  # the round of the key, as in `ids.Key`
    receipt: dict[str, Any] | None = None
    claimed_at: datetime | None = None
    done_at: datetime | None = None
    fenced_at: datetime | None = None
    """When an undo began: from then on no attempt may claim the key."""
    undo_ended_at: datetime | None = None
    handled_by: str | None = None
    handled_note: str | None = None
    """Only for a HANDLED effect: who handled it, and why. `undo_ended_at` says when."""

    @property
    def held(self) -> bool:
        """Whether the effect keeps the submission from being closed as undone."""
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
    """Minor units; None if no step ever opened the submission."""
    currency: str | None
    opened_at: datetime
    closed_at: datetime | None
    namespace_id: str | None = None
    notice: str | None = None
    """One of `Notice`."""


@dataclass(frozen=True)
class Server:
    """A namespace of a Temporal server. Two servers may both have a namespace `default`."""

    namespace: str
    namespace_id: str | None = None
    """The namespace's UUID, which no other server has; None if the server does not tell."""
    retention: timedelta | None = None
    """How long the server keeps closed workflows; None if it does not tell."""

    @property
    def names(self) -> tuple[str, ...]:
        """What its submissions may be noted under: the UUID; in entries from before that, the name."""
        return (self.namespace_id, self.namespace) if self.namespace_id else (self.namespace,)

    def has(self, record: SubmissionRecord) -> bool:
        return (record.namespace_id or record.namespace) in self.names


@dataclass(frozen=True)
class Stranded:
    """The submissions that are open on another server than ours: nobody here settles them until adopted."""

    server: str
    """The UUID of its namespace; the namespace's name if they are older than the noting of UUIDs."""
    namespace: str
    """Blank if it has accepted them and nothing else."""
    submissions: int
    since: datetime
    """When the oldest of them was opened, or accepted."""
    batches: tuple[str, ...]
    """The names of the batches that started them: of the orders not started yet, no server knows."""

    @property
    def batches_to_run(self) -> str:
        """A further sentence for who adopts them, with a blank before it; nothing without batches."""
        names = ", ".join(self.batches)
        return f" Then run its batches again, from their files: {names}" if names else ""


class OrderBook(Protocol):
    """The order book, as activities and the audit need it. Each method is one transaction.
    `order_system/book/order_book.py` explains how it works, and has what other programs may ask."""

    async def claim(self, ref: SubmissionRef, effect: Effect, attempt: Attempt) -> JournalEntry:
        """Take the key before calling the gateway. If an earlier attempt has recorded a receipt, the entry is
        DONE and has it: then do not call. Raises Fenced, also for a dispatch before its capture."""
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
        """Open the submission, if no step beside this one has, and claim its first effect. If another
        submission is open or fulfilled, return that. Unless all closed ones are known to be `earlier`, return
        their IDs and claim nothing: one may be later than this. Raises Fenced; OpenElsewhere if the open one
        is another server's; OrderConflict if the fulfilled one has other content."""
        ...

    async def record(
        self, ref: SubmissionRef, effect: Effect, receipt: Wire, at: datetime, *, late: bool = False
    ) -> None:
        """Record that the effect happened. Raises Fenced if an undo has fenced the key meanwhile. The receipt
        is kept all the same, so that the book knows what landed behind the fence. An order ends with its
        notice, unless the notice is `late`: then its workflow has ended before."""
        ...

    async def answered_no(
        self, ref: SubmissionRef, effect: Effect, *, reached: bool = True, refused: bool = False
    ) -> None:
        """Record that one attempt was definitely not carried out, and can no longer land. If it has not
        `reached` the gateway, it uses up no patience, either. If it was `refused` and no other attempt is
        unanswered, the key's next round begins."""
        ...

    async def fulfil(
        self,
        ref: SubmissionRef,
        *,
        dispatch: DispatchReceipt,
        commit: CommitReceipt | AnswerRecord,
        at: datetime,
        from_undo: bool = False,
    ) -> PaymentReceipt:
        """Record that the parcel is gone and the stock committed, and close the submission as fulfilled. A
        person's answer as `commit` means that this person commits the stock. Idempotent. Raises Fenced if an
        undo owns the key, unless called `from_undo`, and always if the shipment was voided. Returns the
        receipt of the payment. What a person handled stays HANDLED."""
        ...

    async def note_parcel_gone(
        self, ref: SubmissionRef, parcel: DispatchReceipt, at: datetime, *, answer: AnswerRecord | None = None
    ) -> bool:
        """Record that the parcel is gone, as an undo has learned from the carrier, or as a person says by
        `answer`. From now on nobody voids it, or can answer that it was voided, and `fulfil` must follow.
        Changes nothing and returns False if the submission is closed, or if the shipment was voided; for the
        latter raises Fenced unless it is a person's answer. Idempotent, also by the answer's ID."""
        ...

    async def fence(
        self, ref: SubmissionRef, step: Step, *, cause: UndoCause, attempt: Attempt
    ) -> dict[Effect, JournalEntry]:
        """Begin the undo of a step: from now on nobody can claim the keys of its effects (a capture's only if
        there is to be one). A missing submission is inserted as closed. Idempotent. Raises NotYetVoided for
        the other steps until shipping's undo has answered."""
        ...

    async def end_undo(
        self, ref: SubmissionRef, states: Mapping[Effect, EffectState], *, cause: UndoCause, at: datetime
    ) -> None:
        """End an undo: UNDONE for an effect that was found and reversed, NEVER_HAPPENED for one that never
        did, IN_DOUBT for one that was not found although an attempt was never answered. Closes the
        submission with `cause` when nothing is held any more. Idempotent; a closed status stays."""
        ...

    async def end_undo_by_hand(
        self, ref: SubmissionRef, answer: AnswerRecord, *, cause: UndoCause, at: datetime
    ) -> bool:
        """End an undo whose effects are fenced, as a person answers: HANDLED, unless the effect never
        happened. Notes the answer, and closes the submission as `end_undo` does. Changes nothing and returns
        False if the undo had ended before. Idempotent by the answer's ID. Raises ParcelIsGone if the parcel
        of an open submission is gone: then the answer must be `dispatched`."""
        ...

    async def notice_not_sent(self, ref: SubmissionRef, answer: AnswerRecord | None = None) -> None:
        """Note that the notice is owed no more: the mailer has refused it, its attempts are used up, or a
        person has told the customer. Notes the person's answer. Idempotent."""
        ...

    async def note_answer(self, ref: SubmissionRef, answer: AnswerRecord) -> None:
        """Note who answered what, when and why. Idempotent by the answer's ID."""
        ...

    async def journal(self, ref: SubmissionRef) -> dict[Effect, JournalEntry]: ...

    async def outcome(self, order_id: str) -> OrderOutcome | None:
        """Return the recorded outcome of a fulfilled order; None if it is not fulfilled."""
        ...

    async def ask_refund(self, ref: SubmissionRef, asked: Refund) -> Refund:
        """Note a refund, so that no other can take that money. Returns it as the book has it, which may have
        ended by now. It is REFUSED, and not kept, if the order is not fulfilled, if less money is left, or if
        its line is given back already. Idempotent by its ID."""
        ...

    async def end_refund(self, ref: SubmissionRef, ended: Refund) -> Refund:
        """Note how a refund ended. The first end stays, and is returned."""
        ...

    async def ledger(self) -> "Ledger":
        """Return everything, for the audit, as of one moment."""
        ...


@dataclass(frozen=True)
class Ledger:
    """The book's side of the audit: every submission with its journal."""

    entries: tuple[tuple[SubmissionRecord, dict[Effect, JournalEntry]], ...]
    refunds: Mapping[str, Sequence[Refund]] = field(default_factory=dict[str, Sequence[Refund]])  # by order
