"""A cancel that is told in one task with a child's start and its end: of a recorded order, with that moment
put in. Nothing but a worker that is away for just that long makes it happen.
"""

import copy
import json
from collections.abc import Iterable
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.replay.record import HISTORIES
from workflows.registry import WORKFLOWS

Event = dict[str, Any]


def recorded() -> tuple[str, list[Event], Event, Event, Event, list[Event]]:
    """Its workflow ID; what comes before the start of its second child; that start; the cancel; what asks the
    child for its cancel; and the undoing, from the task on in which it begins."""
    histories = json.loads((HISTORIES / "0.1.0" / "cancelled.json").read_text())
    name = next(name for name in histories if name.startswith("order-"))
    events: list[Event] = histories[name]["events"]

    def place(kind: str, number: int = 1) -> int:
        places = [at for at, event in enumerate(events) if event["eventType"] == f"EVENT_TYPE_{kind}"]
        return places[number - 1]

    start = place("CHILD_WORKFLOW_EXECUTION_STARTED", 2)
    undoing = place("ACTIVITY_TASK_SCHEDULED")
    scheduled, *task = events[undoing - 3 : undoing]
    return (
        name.rpartition("/")[0],
        [*events[:start], scheduled],
        events[start],
        events[place("WORKFLOW_EXECUTION_CANCEL_REQUESTED")],
        events[place("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED")],
        [*task, *events[undoing:]],
    )


def end_of(started: Event, how: str) -> Event:
    """Of the child whose start this event tells."""
    child = started["childWorkflowExecutionStartedEventAttributes"]
    attributes = {name: value for name, value in child.items() if name != "header"}
    attributes["startedEventId"] = started["eventId"]
    if how == "FAILED":
        attributes["failure"] = {"message": "no", "applicationFailureInfo": {}}
    return {
        "eventId": "end",
        "eventTime": started["eventTime"],
        "eventType": f"EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_{how}",
        f"childWorkflowExecution{how.title().replace('_', '')}EventAttributes": attributes,
    }


def numbered(events: Iterable[Event]) -> list[Event]:
    """Anew, and so what they say of each other."""
    ordered = [copy.deepcopy(event) for event in events]
    numbers = {event["eventId"]: str(number) for number, event in enumerate(ordered, start=1)}
    for number, event in enumerate(ordered, start=1):
        event["eventId"] = str(number)
        for attributes in event.values():
            if isinstance(attributes, dict):
                references = {
                    key: numbers[value]
                    for key, value in attributes.items()
                    if key.endswith("EventId") and value in numbers
                }
                attributes.update(references)
    return ordered


async def replay(workflow_id: str, events: Iterable[Event]) -> None:
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter)
    await replayer.replay_workflow(WorkflowHistory.from_json(workflow_id, {"events": numbered(events)}))


@pytest.mark.parametrize("how", ["TERMINATED", "FAILED", "TIMED_OUT"])
@pytest.mark.parametrize("order", ["start end cancel", "start cancel end", "cancel start end"])
async def test_a_child_that_started_and_ended_meanwhile_is_not_cancelled(how: str, order: str) -> None:
    """As of an end alone (docs/adr/0011): the SDK's core would fail this task for ever."""
    workflow_id, before, start, cancel, _, undone = recorded()
    told = {"start": start, "end": end_of(start, how), "cancel": cancel}
    await replay(workflow_id, [*before, *(told[each] for each in order.split()), *undone])


@pytest.mark.parametrize("order", ["start cancel", "cancel start"])
async def test_a_child_that_started_meanwhile_is_cancelled(order: str) -> None:
    workflow_id, before, start, cancel, asked, undone = recorded()
    told = {"start": start, "cancel": cancel}
    looked, undone = undone[:2], undone[2:]
    await replay(workflow_id, [*before, *(told[each] for each in order.split()), *looked, asked, *undone])


@pytest.mark.parametrize("order", ["refusal cancel", "cancel refusal"])
async def test_a_cancel_is_heard_though_a_child_was_refused_its_start_meanwhile(order: str) -> None:
    """After a reset an earlier one may be running still; nobody waits for that any more."""
    workflow_id, before, start, cancel, _, undone = recorded()
    child = start["childWorkflowExecutionStartedEventAttributes"]
    refusal: Event = {
        "eventId": "refusal",
        "eventTime": start["eventTime"],
        "eventType": "EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED",
        "startChildWorkflowExecutionFailedEventAttributes": {
            "initiatedEventId": child["initiatedEventId"],
            "workflowId": child["workflowExecution"]["workflowId"],
            "workflowType": child["workflowType"],
            "namespace": child["namespace"],
            "cause": "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS",
        },
    }
    told = {"refusal": refusal, "cancel": cancel}
    await replay(workflow_id, [*before, *(told[each] for each in order.split()), *undone])
