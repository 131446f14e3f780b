"""What a batch left in the server's histories: its runs, one after another through continue-as-new."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client


@dataclass
class Run:
    """One run of a batch's workflow."""

    events: int = 0
    starts: list[float] = field(default_factory=list[float])
    """When it started orders (`time.time()`)."""


async def runs_of(temporal: Client, workflow_id: str, first_run_id: str) -> AsyncGenerator[Run]:
    run_id = first_run_id
    while run_id:
        run, next_run_id = Run(), ""
        async for event in temporal.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events():
            run.events = event.event_id
            if event.event_type == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
                run.starts.append(event.event_time.ToNanoseconds() / 1e9)
            next_run_id = event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        yield run
        run_id = next_run_id
