"""The order document: what `progress` answers, `status` prints and the Web UI shows."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, computed_field

from order_system.domain.answers import AnswerRecord
from order_system.domain.durations import milliseconds_between
from order_system.domain.messages import OneLine, OrderStatus
from order_system.domain.order import Wire
from order_system.domain.refunds import RefundDocument
from order_system.domain.steps import Step


def iso(moment: datetime) -> str:
    """In UTC, to the millisecond: in documents, and in `<time datetime>` of pages."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(iso, when_used="json")]


class AttemptMade(Wire):
    """One that failed, or that succeeded after others. Of one whose worker died the number is missing."""

    activity: str
    """What was tried: `charge`, `refund`, `void_shipment` and so on."""
    number: int
    last_number: int
    """Greater than `number` of attempts that are told together, as policy.ATTEMPTS_TOLD_APART says."""
    due_at: Timestamp
    """From when on it waited for a worker."""
    began_at: Timestamp
    ended_at: Timestamp
    said: OneLine | None = None
    """What it failed of, without what is personal. None: it succeeded."""


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
    """Longer than policy.ATTENTION_AFTER under way; it goes on being retried."""
    HANDLED = "handled"
    """By a person, who says so in `reason`."""


class Lasting(Wire):
    """Something of which the server tells when it began and ended: a workflow."""

    started_at: Timestamp | None = None
    closed_at: Timestamp | None = None

    @computed_field
    @property
    def duration_ms(self) -> int | None:
        return self.lasted()

    def lasted(self, until: datetime | None = None) -> int | None:
        """Milliseconds, so far if it goes on. The one place where it is worked out how long anything took."""
        ended = self.closed_at or until
        return milliseconds_between(self.started_at, ended) if self.started_at and ended else None


class StepProgress(Lasting):
    step: Step
    workflow_id: str
    run_id: str | None = None
    status: StepState = StepState.PENDING
    attempts: int | None = None
    """The most that any effect of this step took, from the book; None if nothing was claimed."""
    reason: str | None = None
    """Why it failed; of a payment, too, by what the order was paid already."""
    next_attempt_at: Timestamp | None = None
    """Between two attempts that have met trouble."""


class UndoProgress(Wire):
    step: Step
    status: UndoState = UndoState.PENDING
    reason: str | None = None
    """What the undo did, or what keeps it."""
    next_attempt_at: Timestamp | None = None
    tried_again: bool = False
    """It was stuck, and is tried again since a person said so. It may still be said to be handled."""

    @property
    def may_be_handled(self) -> bool:
        return self.status is UndoState.STUCK or (self.status is UndoState.PENDING and self.tried_again)

    @property
    def words(self) -> str:
        """For people."""
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
    """A while for which the order has waited for a person, since a step had failed for good."""

    step: Step
    reason: str
    since: Timestamp
    until: Timestamp
    """When it is over without an answer."""
    ended_at: Timestamp | None = None
    answer: AnswerRecord | None = None
    """What has ended it, and who. None if it has run out, or if the order was cancelled."""


class OrderProgress(Lasting):
    """`started_at` is when it was accepted."""

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
    """Oldest first, those that are over as well."""
    refunds: tuple[RefundDocument, ...] = ()
    """Of a fulfilled order: what it gave back after the fact, as the book has it."""

    @property
    def closed(self) -> bool:
        return self.status not in (OrderStatus.RUNNING, OrderStatus.NEEDS_ATTENTION)

    def taken(self, now: datetime) -> int | None:
        """Milliseconds, so far."""
        return self.lasted(None if self.closed else now)

    @property
    def status_words(self) -> str:
        """For people."""
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
