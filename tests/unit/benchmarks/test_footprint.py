"""What Temporal Cloud would bill for a history, by the rule in
benchmarks/measurements/orders/footprint.py."""

from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import (
    ActivityTaskStartedEventAttributes,
    HistoryEvent,
    MarkerRecordedEventAttributes,
    WorkflowExecutionStartedEventAttributes,
)

from benchmarks.measurements.orders.footprint import Footprint, actions_of


def an_event(kind: str, **attributes: Any) -> HistoryEvent:
    return HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_{kind}"), **attributes)


def a_start(parent: WorkflowExecution | None = None) -> HistoryEvent:
    attributes = WorkflowExecutionStartedEventAttributes(parent_workflow_execution=parent)
    return an_event("WORKFLOW_EXECUTION_STARTED", workflow_execution_started_event_attributes=attributes)


def a_marker(name: str, task: int) -> HistoryEvent:
    attributes = MarkerRecordedEventAttributes(marker_name=name, workflow_task_completed_event_id=task)
    return an_event("MARKER_RECORDED", marker_recorded_event_attributes=attributes)


def test_a_child_is_billed_twice_to_its_parent_and_not_once_more_for_its_own_first_event() -> None:
    parent = [a_start(), an_event("START_CHILD_WORKFLOW_EXECUTION_INITIATED")]
    assert actions_of(parent) == {"start": 1, "start of a child": 2}
    assert actions_of([a_start(WorkflowExecution(workflow_id="order-1"))]) == {}


@pytest.mark.parametrize(
    ("kind", "billed"),
    [
        ("ACTIVITY_TASK_SCHEDULED", "activity"),
        ("TIMER_STARTED", "timer"),
        ("WORKFLOW_EXECUTION_SIGNALED", "signal"),
        ("WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "update"),
        ("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", "upsert of search attributes"),
    ],
)
def test_what_is_billed_once_each(kind: str, billed: str) -> None:
    assert actions_of([an_event(kind), an_event(kind)]) == {billed: 2}


@pytest.mark.parametrize(
    "kind",
    [
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_COMPLETED",
        "CHILD_WORKFLOW_EXECUTION_STARTED",
        "CHILD_WORKFLOW_EXECUTION_COMPLETED",
        "ACTIVITY_TASK_COMPLETED",
        "WORKFLOW_EXECUTION_COMPLETED",
    ],
)
def test_what_only_tells_how_it_went_is_free(kind: str) -> None:
    assert actions_of([an_event(kind)]) == {}


def test_each_attempt_after_the_first_is_billed() -> None:
    started = an_event(
        "ACTIVITY_TASK_STARTED",
        activity_task_started_event_attributes=ActivityTaskStartedEventAttributes(attempt=4),
    )
    assert actions_of([an_event("ACTIVITY_TASK_SCHEDULED"), started]).total() == 4


def test_markers_are_billed_by_the_workflow_task_and_those_of_a_patch_not_at_all() -> None:
    markers = [a_marker("core_local_activity", 4), a_marker("core_local_activity", 4)]
    assert actions_of([*markers, a_marker("core_local_activity", 9)]) == {"markers": 2}
    assert actions_of([a_marker("core_patch", 4)]) == {}


def test_an_order_is_the_sum_of_its_workflows() -> None:
    assert Footprint(1, 2, 3, 4, 5, 6) + Footprint(10, 20, 30, 40, 50, 60) == Footprint(
        11, 22, 33, 44, 55, 66
    )
