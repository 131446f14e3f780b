"""The table of steps: what derives from it relies on this."""

from typing import Any
from unittest.mock import MagicMock

from temporalio import activity

from activities import order_activities, reversals
from order_system.domain.steps import GIVEN_BACK, PIVOT, STEP_OF, STEPS, UNDOS, Effect, Step
from workflows.registry import CHILDREN

NOBODY: Any = MagicMock()


def test_every_effect_belongs_to_one_step() -> None:
    listed = [effect for row in STEPS.values() for effect in row.effects]
    assert sorted(listed) == sorted(Effect)
    assert set(STEP_OF) == set(Effect)


def test_every_step_has_a_row_and_a_child() -> None:
    assert list(STEPS) == list(CHILDREN) == list(Step)


def test_an_undo_fences_first_an_effect_of_its_own_step_and_is_an_activity() -> None:
    registered = {
        definition.name
        for each in order_activities(NOBODY, NOBODY, NOBODY)
        if (definition := activity._Definition.from_callable(each))
    }
    assert {undo.activity for undo in UNDOS.values()} <= registered
    for step, undo in UNDOS.items():
        assert undo.effect in STEPS[step].effects
    fenced = [effect for undo in UNDOS.values() for effect in undo.effects]
    assert len(fenced) == len(set(fenced))


def test_the_newest_step_is_undone_first_and_all_others_wait_for_the_pivot() -> None:
    assert list(UNDOS) == sorted(UNDOS, key=list(Step).index, reverse=True)
    assert {PIVOT, *GIVEN_BACK} == set(UNDOS)
    assert PIVOT not in GIVEN_BACK


def test_the_reconciler_can_give_back_what_turns_up_late() -> None:
    anything: Any = MagicMock()
    assert set(reversals(anything, anything)) == {undo.effect for undo in GIVEN_BACK.values()}


def test_names_fit_into_workflow_ids_and_columns() -> None:
    for name in (*Step, *Effect):
        assert "-" not in name
        assert len(name) <= 16
