"""What waits for a person, as a document and on the screen."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from order_system.attention.concerns import Concern, ConcernKind, concerns_of
from order_system.cli.attention import listing as attention
from order_system.cli.attention.listing import concerns_view
from order_system.domain.book import EffectState
from order_system.domain.ids import order_workflow_id, step_workflow_id
from order_system.domain.messages import OrderStatus
from order_system.domain.progress import Held, OrderProgress, StepProgress, StepState, UndoProgress, UndoState
from order_system.domain.steps import Effect, Step
from order_system.orders.details import Receipt

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FAILED_AT = NOON - timedelta(seconds=95)


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "now", lambda: NOON)


def an_order(
    *stuck: Step, held_until: datetime | None = None, status: OrderStatus = OrderStatus.NEEDS_ATTENTION
) -> OrderProgress:
    shipping = StepProgress(
        step=Step.SHIPPING,
        workflow_id=step_workflow_id(Step.SHIPPING, "ORDER-001"),
        status=StepState.FAILED,
        closed_at=FAILED_AT,
    )
    return OrderProgress(
        order_id="ORDER-001",
        workflow_id=order_workflow_id("ORDER-001"),
        run_id="run",
        status=status,
        failed_step=Step.SHIPPING,
        reason="ShippingRefused: on strike",
        held_until=held_until,
        children=(shipping,),
        undos=tuple(
            UndoProgress(
                step=step,
                status=UndoState.STUCK if step in stuck else UndoState.DONE,
                reason="attempt 9: no answer",
            )
            for step in (Step.SHIPPING, Step.INVENTORY, Step.PAYMENT)
        ),
    )


def shown(concerns: Sequence[Concern], width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(concerns_view(concerns, "Nothing waits."), crop=False)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_what_can_no_longer_happen_is_told_as_on_the_page_of_the_order() -> None:
    """And not by the older word that the database has."""
    dispatch = Receipt(effect=Effect.DISPATCH, state=EffectState.NEVER_HAPPENED, key="ORDER-001:run:dispatch")
    stuck = next(concerns_of(an_order(Step.SHIPPING))).model_copy(update={"receipts": (dispatch,)})
    assert "  dispatch  no ID, never happened" in shown([stuck], 100)


def test_each_stuck_undo_is_a_concern_with_its_answers() -> None:
    shipping, payment = concerns_of(an_order(Step.SHIPPING, Step.PAYMENT), batch="monday")

    assert (shipping.kind, shipping.step, shipping.since) == (
        ConcernKind.STUCK_UNDO,
        Step.SHIPPING,
        FAILED_AT,
    )
    assert (payment.batch, payment.reason) == ("monday", "attempt 9: no answer")
    resolve = "python starter.py resolve ORDER-001"
    assert shipping.commands == (
        f"{resolve} shipping --retry",
        f'{resolve} shipping --handled --voided --note "..."',
        f'{resolve} shipping --handled --dispatched --note "..."',
    )
    assert payment.commands == (
        f"{resolve} payment --retry",
        f'{resolve} payment --handled --note "..."',
    )


def test_of_two_steps_that_are_held_both_failures_are_told() -> None:
    """One answer counts for both, so they are one concern. A hold that has ended is not told."""
    until = NOON + timedelta(hours=1)
    holds = tuple(
        Held(step=step, reason=reason, since=FAILED_AT, until=until, ended_at=ended_at)
        for step, reason, ended_at in (
            (Step.SHIPPING, "ShippingRefused: on strike", None),
            (Step.INVENTORY, "OutOfStock: none left", None),
            (Step.PAYMENT, "PaymentDeclined: no", FAILED_AT),
        )
    )
    [held] = concerns_of(an_order(held_until=until).model_copy(update={"holds": holds}))

    assert held.words == "held at shipping"
    assert held.reason == "ShippingRefused: on strike; held, too, at inventory: OutOfStock: none left"


def test_an_order_that_waits_for_nobody_is_no_concern() -> None:
    assert list(concerns_of(an_order(status=OrderStatus.RUNNING))) == []


@pytest.mark.parametrize("width", [80, 120])
def test_a_command_is_one_line_to_copy_however_narrow_the_screen(width: int) -> None:
    held, stuck = an_order(held_until=NOON + timedelta(minutes=119)), an_order(Step.SHIPPING)
    concerns = [*concerns_of(held), *concerns_of(stuck)]

    lines = shown(concerns, width)

    assert "ORDER-001  held at shipping  for 1 m 35 s" in lines
    assert "ORDER-001  undo of shipping is stuck  for 1 m 35 s" in lines
    assert "  until  2026-01-01 13:59 UTC, for another 1 h 59 m; then it is undone" in lines
    for concern in concerns:
        for command in concern.commands:
            assert f"  {command}" in lines
    assert lines[-1] == "2 things wait for a person"


def test_when_nothing_waits_it_says_so_and_of_very_many_it_shows_some() -> None:
    assert shown([], 80) == ["Nothing waits."]

    lines = shown([*concerns_of(an_order(Step.PAYMENT))] * 1234, 80)

    assert "... and 1,134 more; --json lists them all" in lines
    assert lines[-1] == "1,234 things wait for a person"
