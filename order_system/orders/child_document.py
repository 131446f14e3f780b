"""The child document: what `children` lists, and the words for its state; and whose child something is."""

from dataclasses import dataclass
from enum import StrEnum

from temporalio.client import WorkflowExecution

from order_system.domain.errors import InvalidUsage
from order_system.domain.order import Wire
from order_system.domain.progress import Timestamp


class WorkflowState(StrEnum):
    """Each has the name that Temporal has for it. An order that is completed is fulfilled."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "cancelled"
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"

    @property
    def in_queries(self) -> str:
        return self.name.title().replace("_", "")


def state_of(execution: WorkflowExecution) -> WorkflowState:
    """Continued as new, it runs on."""
    name = execution.status.name if execution.status else ""
    return WorkflowState.__members__.get(name, WorkflowState.RUNNING)


_OTHER_WORDS = {"fulfilled": WorkflowState.COMPLETED, "canceled": WorkflowState.CANCELED}


def state_called(word: str) -> WorkflowState:
    """Raises InvalidUsage."""
    name = word.strip().lower().replace("-", "_").replace(" ", "_")
    if name in _OTHER_WORDS:
        return _OTHER_WORDS[name]
    try:
        return WorkflowState(name)
    except ValueError:
        words = ", ".join([*WorkflowState, "fulfilled"])
        raise InvalidUsage(f"{word[:40]!r} is no state of a workflow; there are: {words}") from None


class StartedBy(StrEnum):
    """Which start a child goes back to."""

    THIS_START = "this start"
    """The parent's newest one."""
    EARLIER_START = "earlier start"
    """An older start of the same parent."""
    ELSEWHERE = "elsewhere"
    """By hand or by another batch; this batch has found it and left it alone."""


class Child(Wire):
    workflow_id: str
    run_id: str | None
    """Of an order that only the book remembers, the first run of its submission."""
    type: str
    state: WorkflowState
    started_at: Timestamp | None
    closed_at: Timestamp | None
    started_by: StartedBy
    forgotten: bool = False
    """Temporal has it no more; this is what the book knows."""


@dataclass(frozen=True)
class Parent:
    workflow_id: str
    run_id: str | None
    """None if only the book remembers the batch that started an order."""
