"""What one order leaves on the server, counted from the histories of its parent and its four children; and
how many of these events Temporal Cloud would bill.

The rule for Actions is that of Temporal's documentation ("Temporal Cloud Actions", which names the history
event of each), for what this system uses:

- start of a workflow by a client or by continue-as-new: 1; of a child: 2, one for the parent's intent and one
  for the attempt at it. The child's own first event is that attempt, and is not counted once more;
- an activity: 1, and 1 for each further attempt;
- a timer, a signal, an update that was accepted, an upsert of search attributes (however many in one), all
  markers of one workflow task: 1 each. Search attributes given at a start are free, and so are the markers
  of `workflow.patched`.

Queries, heartbeats and refused updates are billed as well, and leave no event: they come on top. A look at
`status` costs one query.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from order_system.domain.ids import order_workflow_id, step_workflow_id
from order_system.domain.steps import Step

BILLED_ONCE: Mapping[EventType.ValueType, str] = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activity",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "upsert of search attributes",
}

PATCH = "core_patch"
"""Name of the marker that `workflow.patched` leaves."""


@dataclass(frozen=True)
class Footprint:
    """Of one order, or of one of its workflows."""

    events: int = 0
    workflow_tasks: int = 0
    activity_tasks: int = 0
    bytes: int = 0
    """Of history, as the server reckons its size."""
    state_transitions: int = 0
    """How often the server changed a workflow's state, each time with a write to its database."""
    actions: int = 0

    def __add__(self, other: "Footprint") -> "Footprint":
        return Footprint(
            self.events + other.events,
            self.workflow_tasks + other.workflow_tasks,
            self.activity_tasks + other.activity_tasks,
            self.bytes + other.bytes,
            self.state_transitions + other.state_transitions,
            self.actions + other.actions,
        )


async def footprint_of(temporal: Client, order_id: str) -> Footprint:
    """Of the order's parent and its children, all of them closed."""
    workflows = [order_workflow_id(order_id), *(step_workflow_id(step, order_id) for step in Step)]
    total = Footprint()
    for workflow_id in workflows:
        total += await _of_workflow(temporal, workflow_id)
    return total


async def _of_workflow(temporal: Client, workflow_id: str) -> Footprint:
    handle = temporal.get_workflow_handle(workflow_id)
    events = [event async for event in handle.fetch_history_events()]
    info = (await handle.describe()).raw_description.workflow_execution_info
    kinds = Counter(event.event_type for event in events)
    return Footprint(
        events=len(events),
        workflow_tasks=kinds[EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED],
        activity_tasks=kinds[EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED],
        bytes=info.history_size_bytes,
        state_transitions=info.state_transition_count,
        actions=actions_of(events).total(),
    )


def actions_of(events: Iterable[HistoryEvent]) -> Counter[str]:
    """What Temporal Cloud would bill for one workflow's history: kind of Action -> how many."""
    billed: Counter[str] = Counter()
    tasks_with_markers: set[int] = set()
    for event in events:
        kind = event.event_type
        if kind in BILLED_ONCE:
            billed[BILLED_ONCE[kind]] += 1
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            attributes = event.workflow_execution_started_event_attributes
            billed["start"] += not attributes.HasField("parent_workflow_execution")
        elif kind == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            billed["start of a child"] += 2
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            billed["retry of an activity"] += event.activity_task_started_event_attributes.attempt - 1
        elif kind == EventType.EVENT_TYPE_MARKER_RECORDED:
            marker = event.marker_recorded_event_attributes
            if marker.marker_name != PATCH:
                tasks_with_markers.add(marker.workflow_task_completed_event_id)
    billed["markers"] += len(tasks_with_markers)
    return +billed
