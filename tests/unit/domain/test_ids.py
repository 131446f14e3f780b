"""IDs and keys: what is put together comes apart again, and nothing else passes for one."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_system.domain.ids import (
    idempotency_key,
    is_order_id,
    order_of_workflow,
    order_workflow_id,
    refund_workflow_id,
    split_key,
    step_workflow_id,
)
from order_system.domain.steps import Effect, Step

FIRST = string.ascii_letters + string.digits
order_ids = st.builds(str.__add__, st.sampled_from(FIRST), st.text(alphabet=FIRST + "._-", max_size=63))
submissions = st.uuids().map(str)
effects = st.sampled_from(Effect)


@given(order_ids)
def test_what_is_promised_to_be_an_order_id_is_one(text: str) -> None:
    assert is_order_id(text)


@given(st.text())
def test_any_other_text_is_none(text: str) -> None:
    promised = 1 <= len(text) <= 64 and text[0] in FIRST and set(text) <= set(FIRST + "._-")
    assert is_order_id(text) == promised


@pytest.mark.parametrize(
    "text",
    ["", "-1", ".1", "_1", "A" * 65, "ORDER 1", "ORDER-1\n", "ORDER:1", "ÖRDER", "\u0661", "A/B", "A\x00"],
)
def test_what_would_break_a_key_or_a_workflow_id_is_refused(text: str) -> None:
    assert not is_order_id(text)


@given(order_ids, submissions, effects)
def test_a_key_comes_apart_into_what_it_was_made_of(order_id: str, submission: str, effect: Effect) -> None:
    assert split_key(idempotency_key(order_id, submission, effect)) == (order_id, submission, effect)


@given(st.text())
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        order_id, submission, effect = split_key(text)
    except ValueError:
        return
    assert idempotency_key(order_id, submission, effect) == text


@given(*[st.tuples(order_ids, submissions, effects)] * 2)
def test_different_things_have_different_keys(
    one: tuple[str, str, Effect], other: tuple[str, str, Effect]
) -> None:
    assert (idempotency_key(*one) == idempotency_key(*other)) == (one == other)


@given(order_ids)
def test_no_two_workflows_of_an_order_share_an_id(order_id: str) -> None:
    ids = {order_workflow_id(order_id), *(step_workflow_id(step, order_id) for step in Step)}
    assert len(ids) == 1 + len(Step)


@given(order_ids, st.from_regex(r"[A-Za-z0-9._]{1,20}", fullmatch=True))
def test_each_workflow_of_an_order_tells_whose_it_is(order_id: str, refund_id: str) -> None:
    theirs = [order_workflow_id(order_id), *(step_workflow_id(step, order_id) for step in Step)]
    for workflow_id in (*theirs, refund_workflow_id(order_id, refund_id)):
        assert order_of_workflow(workflow_id) == order_id


@pytest.mark.parametrize("text", ["ORDER-001", "order-", "payment", "refund-A", "batch-orders", "order--1"])
def test_what_is_no_workflow_of_an_order_tells_of_none(text: str) -> None:
    assert order_of_workflow(text) is None
