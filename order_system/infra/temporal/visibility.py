"""Conditions for Temporal's visibility queries. Whatever comes from people goes through `quoted`.

Visibility is eventually consistent: a workflow that has just started or closed may not show it yet.
"""

from collections.abc import Iterable
from datetime import datetime

RUNNING = "ExecutionStatus = 'Running'"
NEWEST_RUNS = "ExecutionStatus != 'ContinuedAsNew'"
"""Runs that ended by continuing as new are not the end of anything."""


def quoted(text: str) -> str:
    """As a string that a query cannot be made to run out of; a backslash escapes there, too."""
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
