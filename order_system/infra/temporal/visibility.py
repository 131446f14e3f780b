"""Conditions for Temporal's visibility queries. Any text that comes from people must go through `quoted`.

Visibility is eventually consistent: a workflow that has just started or closed may not show it yet."""

from collections.abc import Iterable
from datetime import datetime

RUNNING = "ExecutionStatus = 'Running'"
WAITING = f"{RUNNING} AND OrderStatus = 'needs_attention'"
"""Of the workflows of orders, those that wait for a person."""
NEWEST_RUNS = "ExecutionStatus != 'ContinuedAsNew'"
"""Leaves out runs that continued as new, since their workflow goes on in a newer run."""


def quoted(text: str) -> str:
    """Quote a text as a query's string that the text itself cannot end; a backslash escapes there, too."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def of_type(workflow: type) -> str:
    return f"WorkflowType = {quoted(workflow.__name__)}"


def on_queue(task_queue: str) -> str:
    return f"TaskQueue = {quoted(task_queue)}"


def with_ids(workflow_ids: Iterable[str]) -> str:
    return f"WorkflowId IN ({', '.join(map(quoted, workflow_ids))})"


def started_since(moment: datetime) -> str:
    return f"StartTime >= {quoted(moment.isoformat())}"


def started_before(moment: datetime) -> str:
    return f"StartTime < {quoted(moment.isoformat())}"


def all_of(*conditions: str | None) -> str:
    return " AND ".join(condition for condition in conditions if condition)
