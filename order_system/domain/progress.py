"""The order document: what `progress` answers, `status` prints and the Web UI shows."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field, computed_field

from order_system.domain.answers import AnswerRecord
from order_system.domain.messages import OneLine, OrderStatus
from order_system.domain.order import Wire
from order_system.domain.refunds import RefundDocument
from order_system.domain.steps import Step
from order_system.domain.wording import Timestamp, milliseconds_between


class AttemptMade(Wire):
    """An attempt that failed, or that succeeded after others. If its worker died, its number is missing."""

    activity: str
    """What was tried: `charge`, `refund`, `void_shipment` and so on."""
    number: int
    last_number: int
    """Greater than `number` if several attempts are shown as one, as policy.ATTEMPTS_TOLD_APART says."""
    due_at: Timestamp
    """When it began to wait for a worker."""
    began_at: Timestamp
    ended_at: Timestamp
    said: OneLine | None = None
    """The words of its failure, without personal data. None: it succeeded."""


class StepState(StrEnum):
    PENDING = "pending"
    SKIPPED = "skipped"
    """The order ended before this step."""
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"


class UndoState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    STUCK = "stuck"
    """Under way for longer than policy.ATTENTION_AFTER; it goes on being retried."""
    HANDLED = "handled"
    """A person has handled it, and says so in `reason`."""


class Lasting(Wire):
    """Something with a beginning and an end that the server tells: a workflow."""

    started_at: Timestamp | None = None
    closed_at: Timestamp | None = None

    @computed_field
    @property
    def duration_ms(self) -> int | None:
        return self.lasted()

    def lasted(self, until: datetime | None = None) -> int | None:
        """Return the milliseconds that it lasted; if it goes on, so far. Every duration is computed here."""
        ended = self.closed_at or until
        return milliseconds_between(self.started_at, ended) if self.started_at and ended else None


class StepProgress(Lasting):
    step: Step
    workflow_id: str
    run_id: str | None = None
    status: StepState = StepState.PENDING
    attempts: int | None = None
    """The most attempts that any effect of this step took, from the book; None if nothing was claimed."""
    reason: str | None = None
    """Why the step failed; for payment, also the payment by which the order was paid already."""
    next_attempt_at: Timestamp | None = None
    """Set between two attempts, after the first has met trouble."""


class UndoProgress(Wire):
    step: Step
    status: UndoState = UndoState.PENDING
    reason: str | None = None
    """What the undo did, or what keeps it from ending."""
    next_attempt_at: Timestamp | None = None
    tried_again: bool = False
    """True if it was stuck and is tried again, as a person asked. It may still be handled by hand."""

    @property
    def may_be_handled(self) -> bool:
        return self.status is UndoState.STUCK or (self.status is UndoState.PENDING and self.tried_again)

    @property
    def words(self) -> str:
        """The state of the undo, for people."""
        match self.status:
            case UndoState.DONE:
                return self.reason or "undone"
            case UndoState.HANDLED:
                return f"handled {self.reason or 'by hand'}"
            case UndoState.STUCK:
                return f"undo is stuck: {self.reason or 'no reason known'}"
            case UndoState.PENDING:
                return f"being undone{f': {self.reason}' if self.reason else ''}"


class Held(Wire):
    """A time in which the order waited for a person, since a step had failed for good."""

    step: Step
    reason: str
    since: Timestamp
    until: Timestamp
    """When the hold ends if nobody answers."""
    ended_at: Timestamp | None = None
    answer: AnswerRecord | None = None
    """The answer that ended the hold. None if it has run out, or if the order was cancelled."""


class OrderProgress(Lasting):
    """The order document. `started_at` is when the order was accepted."""

    order_id: str
    workflow_id: str
    run_id: str | None
    submission: str | None = None
    status: OrderStatus
    failed_step: Step | None = None
    reason: str | None = None
    held_until: Timestamp | None = None
    """Set while a step has failed for good and the order waits for a person before it is undone."""
    note: str | None = None
    children: tuple[StepProgress, ...]
    undos: tuple[UndoProgress, ...] = Field(
        default=(), validation_alias="compensations", serialization_alias="compensations"
    )
    answers: tuple[str, ...] = ()
    """What people have answered when the order needed attention, one line each."""
    holds: tuple[Held, ...] = ()
    """Oldest first, including those that are over."""
    refunds: tuple[RefundDocument, ...] = ()
    """What a fulfilled order has given back, as the book has it."""

    @property
    def closed(self) -> bool:
        return self.status not in (OrderStatus.RUNNING, OrderStatus.NEEDS_ATTENTION)

    def taken(self, now: datetime) -> int | None:
        """Return the milliseconds that the order took; if it goes on, so far."""
        return self.lasted(None if self.closed else now)

    @property
    def status_words(self) -> str:
        """The status of the order, for people."""
        undoing = self.status is OrderStatus.RUNNING and self.undos
        return "being undone" if undoing else self.status.replace("_", " ")


class StepStatus(Wire):
    """What the `status` query of one child workflow answers, while it runs and after it has closed."""

    step: Step
    state: StepState
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    milestones: tuple[str, ...] = ()
    """What has been reached so far, e.g. `label bought`, `dispatched`."""
    receipt: dict[str, Any] | None = None
    failure: str | None = None
