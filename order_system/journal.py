"""What the order book keeps: submissions, and a journal of their effects."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from order_system.ids import Effect
from order_system.models import SubmissionRef


class EffectState(StrEnum):
    CLAIMED = "claimed"
    """An attempt may be at the gateway, or was answered with a definite no."""
    DONE = "done"
    """It happened, and its receipt is here."""
    UNDONE = "undone"
    """It happened and was reversed."""
    FENCED = "fenced"
    """It never happened and no longer can."""
    IN_DOUBT = "in doubt"
    """Fenced while an attempt was unanswered: what that attempt did is not known yet, or not for sure."""
    HANDLED = "handled"
    """A person settled it by hand: it is undone, or, for a dispatch with a receipt, it has happened."""


class SubmissionStatus(StrEnum):
    OPEN = "open"
    FULFILLED = "fulfilled"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"


@dataclass(frozen=True)
class Attempt:
    """One attempt of an activity, on the Temporal server's clock: workers need not agree on theirs."""

    started_at: datetime
    deadline: datetime
    """When the server gives the attempt up; until then its effect may still land."""
    namespace: str
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """The server's clock, carried on from the moment the attempt began."""
        return self.started_at + timedelta(seconds=time.monotonic() - self._began)


@dataclass(frozen=True)
class Opening:
    """What charging writes into the book when it opens a submission."""

    total: int
    """Minor units."""
    currency: str


@dataclass(frozen=True)
class JournalEntry:
    effect: Effect
    state: EffectState
    attempts: int
    unanswered: int
    """Attempts that neither returned nor failed with a definite answer."""
    unanswered_until: datetime | None
    receipt: dict[str, Any] | None
    claimed_at: datetime | None
    done_at: datetime | None
    fenced_at: datetime | None
    """When an undo began: from then on no attempt may claim the key."""
    settled_at: datetime | None
    """When that undo ended."""
    handled_by: str | None = None
    handled_note: str | None = None
    """Only of a HANDLED effect: who settled it by hand, and why. When is `settled_at`."""

    @property
    def held(self) -> bool:
        """Whether the effect stands in the way of closing the submission as undone."""
        return self.state in (EffectState.CLAIMED, EffectState.DONE) or (
            self.state is EffectState.IN_DOUBT and self.settled_at is None
        )


def parcel_is_gone(journal: Mapping[Effect, JournalEntry]) -> bool:
    """The carrier says so, or a person who has made sure of it."""
    dispatch = journal.get(Effect.DISPATCH)
    if dispatch is None:
        return False
    by_hand = dispatch.state is EffectState.HANDLED and dispatch.receipt is not None
    return dispatch.state is EffectState.DONE or by_hand


def shipment_is_voided(journal: Mapping[Effect, JournalEntry]) -> bool:
    """Shipping's undo has answered, or a person for it: no parcel has gone, and none can."""
    dispatch = journal.get(Effect.DISPATCH)
    return dispatch is not None and dispatch.settled_at is not None and not parcel_is_gone(journal)


@dataclass(frozen=True)
class BatchRun:
    """One start of a batch, through all its continuing as new."""

    batch: str
    """The batch's workflow ID."""
    run: str
    """Its `first_execution_run_id`."""
    started_at: datetime
    """When it was opened in the book: before it started its first order."""


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
