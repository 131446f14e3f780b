"""What the book alone says of an order, in people's words."""

from datetime import UTC, datetime

import pytest

from order_system.domain.book import EffectState, JournalEntry
from order_system.domain.progress import UndoState
from order_system.domain.steps import UNDOS, Effect, Step
from order_system.orders.in_book import undos_in_book

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "ended", "status", "reason"),
    [
        (EffectState.UNDONE, True, UndoState.DONE, "refunded"),
        (EffectState.NEVER_HAPPENED, True, UndoState.DONE, "nothing was charged"),
        (EffectState.NEVER_HAPPENED, False, UndoState.PENDING, None),
        (EffectState.DONE, False, UndoState.PENDING, None),
        (
            EffectState.IN_DOUBT,
            True,
            UndoState.DONE,
            "in doubt: an attempt was never answered, and may still take effect",
        ),
        (EffectState.HANDLED, True, UndoState.HANDLED, "by ada: refunded by hand"),
    ],
)
def test_an_undo_is_told_as_the_workflow_would_tell_it(
    state: EffectState, ended: bool, status: UndoState, reason: str | None
) -> None:
    effect = UNDOS[Step.PAYMENT].effect
    handled = state is EffectState.HANDLED
    entry = JournalEntry(
        effect,
        state,
        attempts=1,
        claimed_at=NOON,
        fenced_at=NOON,
        undo_ended_at=NOON if ended else None,
        handled_by="ada" if handled else None,
        handled_note="refunded by hand" if handled else None,
    )

    [undo] = undos_in_book({effect: entry})

    assert (undo.step, undo.status, undo.reason) == (Step.PAYMENT, status, reason)


def test_what_was_not_fenced_and_the_label_of_a_parcel_that_is_gone_are_no_undos() -> None:
    effect = UNDOS[Step.PAYMENT].effect
    assert undos_in_book({}) == ()
    assert undos_in_book({effect: JournalEntry(effect, EffectState.CLAIMED, claimed_at=NOON)}) == ()
    label, dispatch = (
        JournalEntry(each, EffectState.DONE, claimed_at=NOON, done_at=NOON, fenced_at=NOON)
        for each in (Effect.LABEL, Effect.DISPATCH)
    )
    assert undos_in_book({Effect.LABEL: label, Effect.DISPATCH: dispatch}) == ()
