"""An order's timeline: its steps and undos as bars in time, made from the order document and the journal of
the order book. The pages draw it, and the API returns it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from order_system.domain.journal import Journal
from order_system.domain.order import Wire
from order_system.domain.progress import (
    AttemptMade,
    OrderProgress,
    StepProgress,
    StepState,
    UndoState,
)
from order_system.domain.steps import STEPS, UNDOS, Effect, Step
from order_system.domain.wording import Timestamp, milliseconds_between


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
    """None if it has not begun, or if its start is not known."""
    ended_at: Timestamp | None = None
    """None while it goes on."""
    attempts: int | None = None
    tried_ms: int | None = None
    """The time that attempts took, for a step that has ended."""
    paused_ms: int | None = None
    """The time of the pauses between the attempts."""
    waited_ms: int | None = None
    """The rest of the step's time: it waited for a worker, or for the server."""
    reason: str | None = None
    """Why a step failed; what an undo did, or what keeps it."""
    marks: tuple[Mark, ...] = ()


class Timeline(Wire):
    began_at: Timestamp | None = None
    """When the order was accepted."""
    ended_at: Timestamp | None = None
    """None while anything goes on."""
    bars: tuple[Bar, ...] = ()
    """The steps as they run, then the undos as they run."""


def timeline_of(order: OrderProgress, journal: Journal, attempts: Sequence[AttemptMade] = ()) -> Timeline:
    """Return the timeline. `journal` and `attempts` are of its submission; the journal dates the undos."""
    bars = (
        *(_step(step, journal, attempts) for step in order.children),
        *(
            Bar(
                kind=BarKind.UNDO,
                step=undo.step,
                state=undo.status,
                started_at=entry.fenced_at if entry else None,
                ended_at=entry.undo_ended_at if entry else None,
                reason=undo.reason,
            )
            for undo in order.undos
            for entry in [journal.get(UNDOS[undo.step].effect)]
        ),
    )
    began = [bar.started_at for bar in bars if bar.started_at]
    ended = [bar.ended_at for bar in bars if bar.ended_at]
    goes_on = not order.closed or any(bar.state is StepState.RUNNING for bar in bars)
    return Timeline(
        began_at=order.started_at or min(began, default=None),
        ended_at=None if goes_on else order.closed_at or max(began + ended, default=None),
        bars=bars,
    )


def _step(step: StepProgress, journal: Journal, attempts: Sequence[AttemptMade]) -> Bar:
    done = [(effect, journal[effect].done_at) for effect in STEPS[step.step].effects if effect in journal]
    return Bar(
        kind=BarKind.STEP,
        step=step.step,
        state=step.status,
        started_at=step.started_at,
        ended_at=_ended(step, journal, attempts),
        attempts=step.attempts,
        **_time_spent(step, journal, attempts),
        reason=step.reason,
        marks=tuple(Mark(effect=effect, at=at) for effect, at in done if at is not None),
    )


def _ended(step: StepProgress, journal: Journal, attempts: Sequence[AttemptMade]) -> datetime | None:
    """Return when the step ended; if nobody has noted that, when it was last heard of."""
    if step.closed_at or step.started_at is None or step.status is StepState.RUNNING:
        return step.closed_at
    effects = STEPS[step.step].effects
    heard = [journal[effect].claimed_at for effect in effects if effect in journal]
    heard += [each.ended_at for each in attempts if each.activity in map(_activity, effects)]
    return max(filter(None, heard), default=None)


def _activity(effect: Effect) -> str:
    return "buy_label" if effect is Effect.LABEL else effect


def _time_spent(step: StepProgress, journal: Journal, attempts: Sequence[AttemptMade]) -> dict[str, int]:
    """Return what the time of a step was spent on; empty until the step has ended."""
    if step.started_at is None or (whole := step.duration_ms) is None:
        return {}
    tried = paused = 0
    for effect in STEPS[step.step].effects:
        ours = [each for each in attempts if each.activity == _activity(effect)]
        made = [each for each in ours if each.began_at >= step.started_at]
        tried += sum(milliseconds_between(each.began_at, each.ended_at) for each in made)
        for before, after in pairwise(made):
            between = milliseconds_between(before.ended_at, after.due_at)
            if after.number == before.last_number + 1:
                paused += between
            else:  # in between, an attempt was lost with its worker
                tried += between
        entry = journal.get(effect)
        if not made and entry and entry.claimed_at and entry.done_at:  # the first attempt succeeded
            # A step that runs again may have claimed the effect before it began.
            tried += milliseconds_between(max(entry.claimed_at, step.started_at), entry.done_at)
    return {"tried_ms": tried, "paused_ms": paused, "waited_ms": max(0, whole - tried - paused)}
