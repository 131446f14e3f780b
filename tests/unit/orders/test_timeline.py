"""An order's timeline: bars for steps and undos, with their times from document and journal."""

from datetime import UTC, datetime, timedelta
from typing import Any

from order_system.domain.book import EffectState, JournalEntry
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import (
    AttemptMade,
    OrderProgress,
    StepProgress,
    StepState,
    UndoProgress,
    UndoState,
)
from order_system.domain.steps import Effect, Step
from order_system.orders.timeline import BarKind, timeline_of

BEGAN = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def step(
    name: Step, state: StepState, began: float | None = None, ended: float | None = None, **more: Any
) -> StepProgress:
    return StepProgress(
        step=name,
        workflow_id=f"{name}-A",
        status=state,
        started_at=None if began is None else at(began),
        closed_at=None if ended is None else at(ended),
        **more,
    )


def order(status: OrderStatus, *steps: StepProgress, undos: tuple[UndoProgress, ...] = ()) -> OrderProgress:
    return OrderProgress(
        order_id="A", workflow_id="order-A", run_id="r", status=status, children=steps, undos=undos
    )


def entry(
    effect: Effect, *, done: float | None = None, fenced: float | None = None, settled: float | None = None
) -> JournalEntry:
    def moment(seconds: float | None) -> datetime | None:
        return None if seconds is None else at(seconds)

    return JournalEntry(
        effect=effect,
        state=EffectState.DONE,
        attempts=1,
        unanswered=0,
        unanswered_until=None,
        receipt=None,
        claimed_at=BEGAN,
        done_at=moment(done),
        fenced_at=moment(fenced),
        undo_ended_at=moment(settled),
    )


def test_a_step_whose_end_nobody_noted_ends_when_it_was_last_heard_of() -> None:
    failed = step(Step.SHIPPING, StepState.FAILED, 2)
    made = AttemptMade(
        activity="buy_label", number=1, last_number=1, due_at=at(2), began_at=at(2), ended_at=at(5), said="no"
    )
    undo = made.model_copy(update={"activity": "void_abandoned", "ended_at": at(60)})
    journal = {Effect.LABEL: entry(Effect.LABEL, fenced=30)}
    abandoned = order(OrderStatus.TERMINATED, failed, step(Step.PAYMENT, StepState.RUNNING, 1))

    shipping, payment = timeline_of(abandoned, journal, [made, undo]).bars

    assert (shipping.ended_at, payment.ended_at) == (at(5), None)


def test_an_order_that_has_not_begun_has_no_times() -> None:
    timeline = timeline_of(order(OrderStatus.RUNNING, step(Step.PAYMENT, StepState.PENDING)), {})

    assert (timeline.began_at, timeline.ended_at) == (None, None)
    assert [bar.started_at for bar in timeline.bars] == [None]


def test_a_step_has_marks_for_what_happened_for_good() -> None:
    shipping = step(Step.SHIPPING, StepState.RUNNING, 2, attempts=3)
    journal = {
        Effect.LABEL: entry(Effect.LABEL, done=3),
        Effect.DISPATCH: entry(Effect.DISPATCH),
        Effect.CHARGE: entry(Effect.CHARGE, done=1),
    }

    timeline = timeline_of(order(OrderStatus.RUNNING, shipping), journal)

    (bar,) = timeline.bars
    assert [(mark.effect, mark.at) for mark in bar.marks] == [(Effect.LABEL, at(3))]
    assert (bar.attempts, bar.ended_at, timeline.ended_at) == (3, None, None)


def test_undos_follow_the_steps_and_take_their_times_from_the_journal() -> None:
    steps = (step(Step.PAYMENT, StepState.COMPLETED, 0, 1), step(Step.INVENTORY, StepState.FAILED, 1, 2))
    undos = (
        UndoProgress(step=Step.INVENTORY, status=UndoState.DONE, reason="nothing to undo"),
        UndoProgress(step=Step.PAYMENT, status=UndoState.DONE, reason="refunded 1.00 USD"),
    )
    journal = {Effect.CHARGE: entry(Effect.CHARGE, done=1, fenced=2.5, settled=4)}

    timeline = timeline_of(order(OrderStatus.FAILED, *steps, undos=undos), journal)

    assert [(bar.kind, bar.step) for bar in timeline.bars] == [
        (BarKind.STEP, Step.PAYMENT),
        (BarKind.STEP, Step.INVENTORY),
        (BarKind.UNDO, Step.INVENTORY),
        (BarKind.UNDO, Step.PAYMENT),
    ]
    unknown, refund = timeline.bars[2:]
    assert (unknown.started_at, unknown.ended_at) == (None, None)
    assert (refund.started_at, refund.ended_at, refund.reason) == (at(2.5), at(4), "refunded 1.00 USD")
    assert (timeline.began_at, timeline.ended_at) == (at(0), at(4))


def test_it_goes_on_while_an_undo_is_stuck() -> None:
    undos = (UndoProgress(step=Step.PAYMENT, status=UndoState.STUCK, reason="attempt 7"),)
    journal = {Effect.CHARGE: entry(Effect.CHARGE, done=1, fenced=2)}
    stuck = order(OrderStatus.NEEDS_ATTENTION, step(Step.PAYMENT, StepState.COMPLETED, 0, 1), undos=undos)

    timeline = timeline_of(stuck, journal)

    assert timeline.ended_at is None
    assert timeline.bars[-1].state is UndoState.STUCK


def made(number: int, began: float, ended: float, said: str | None = "no", *, due: float) -> AttemptMade:
    moments = {"due_at": at(due), "began_at": at(began), "ended_at": at(ended)}
    return AttemptMade(activity="reserve", number=number, last_number=number, said=said, **moments)


def test_a_steps_time_is_told_in_its_parts() -> None:
    """Two attempts with a pause between them, one whose worker died, and the last."""
    inventory = step(Step.INVENTORY, StepState.COMPLETED, 0, 20)
    attempts = [made(1, 1, 2, due=0.5), made(2, 5, 6, due=4), made(4, 18, 19, None, due=17)]
    journal = {Effect.RESERVE: entry(Effect.RESERVE, done=19)}

    [bar] = timeline_of(order(OrderStatus.FULFILLED, inventory), journal, attempts).bars

    assert (bar.tried_ms, bar.paused_ms, bar.waited_ms) == (1_000 * (1 + 1 + 11 + 1), 2_000, 4_000)


def test_of_a_step_that_ran_again_only_the_last_run_is_told() -> None:
    inventory = step(Step.INVENTORY, StepState.COMPLETED, 100, 103)
    journal = {Effect.RESERVE: entry(Effect.RESERVE, done=102)}

    [bar] = timeline_of(order(OrderStatus.FULFILLED, inventory), journal, [made(1, 1, 2, due=0.5)]).bars

    assert (bar.tried_ms, bar.paused_ms, bar.waited_ms) == (2_000, 0, 1_000)
