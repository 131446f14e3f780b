"""An order's timeline: its steps and undos as bars between two moments, put together from the order document
and the order book's journal. What is drawn, and what the API tells."""

from collections.abc import Mapping
from enum import StrEnum

from order_system.domain.book import JournalEntry
from order_system.domain.order import Wire
from order_system.domain.progress import (
    OrderProgress,
    StepProgress,
    StepState,
    Timestamp,
    UndoProgress,
    UndoState,
)
from order_system.domain.steps import STEPS, UNDOS, Effect, Step


class BarKind(StrEnum):
    STEP = "step"
    UNDO = "undo"


class Mark(Wire):
    """A moment at which something happened in the outside world for good."""

    effect: Effect
    at: Timestamp


class Bar(Wire):
    kind: BarKind
    step: Step
    state: StepState | UndoState
    started_at: Timestamp | None = None
    """None if it has not begun, or nobody knows when."""
    ended_at: Timestamp | None = None
    """None while it goes on."""
    attempts: int | None = None
    reason: str | None = None
    """Why a step failed; what an undo did, or what keeps it."""
    marks: tuple[Mark, ...] = ()


class Timeline(Wire):
    began_at: Timestamp | None = None
    """Of the first bar; None if nothing has begun."""
    ended_at: Timestamp | None = None
    """Of the last bar; None while anything goes on."""
    bars: tuple[Bar, ...] = ()
    """The steps as they run, then the undos as they run."""


def timeline_of(order: OrderProgress, journal: Mapping[Effect, JournalEntry]) -> Timeline:
    """`journal` is of the order's submission; without it, undos have no times."""
    bars = (
        *(_step(step, journal) for step in order.children),
        *(_undo(undo, journal.get(UNDOS[undo.step].effect)) for undo in order.undos),
    )
    began = [bar.started_at for bar in bars if bar.started_at]
    ended = [bar.ended_at for bar in bars if bar.ended_at]
    goes_on = not order.closed or any(bar.state is StepState.RUNNING for bar in bars)
    return Timeline(
        began_at=min(began, default=None),
        ended_at=None if goes_on else max(began + ended, default=None),
        bars=bars,
    )


def _step(step: StepProgress, journal: Mapping[Effect, JournalEntry]) -> Bar:
    done = [(effect, journal[effect].done_at) for effect in STEPS[step.step].effects if effect in journal]
    return Bar(
        kind=BarKind.STEP,
        step=step.step,
        state=step.status,
        started_at=step.started_at,
        ended_at=step.closed_at,
        attempts=step.attempts,
        reason=step.reason,
        marks=tuple(Mark(effect=effect, at=at) for effect, at in done if at is not None),
    )


def _undo(undo: UndoProgress, entry: JournalEntry | None) -> Bar:
    return Bar(
        kind=BarKind.UNDO,
        step=undo.step,
        state=undo.status,
        started_at=entry.fenced_at if entry else None,
        ended_at=entry.undo_ended_at if entry else None,
        reason=undo.reason,
    )
