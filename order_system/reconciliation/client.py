"""Running the reconciler now; `schedule.py` runs it every minute."""

import uuid

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from order_system.domain import policy, search_attributes
from order_system.domain.errors import ReconciliationFailed
from order_system.domain.ids import RECONCILIATION
from order_system.domain.messages import AnswerToNote
from order_system.domain.reconciliation import ReconciliationReport, ReconciliationRequest
from order_system.infra import policy as infra_policy
from order_system.infra.temporal.connection import reaching_server
from workflows.failures import root_cause
from workflows.reconciliation import ReconciliationWorkflow

ReconciliationHandle = WorkflowHandle[ReconciliationWorkflow, ReconciliationReport]


class ReconciliationClient:
    """Over a Temporal client. Raises ServerUnreachable if the server cannot be reached."""

    def __init__(self, temporal: Client, *, book_id: str, task_queue: str) -> None:
        self._temporal = temporal
        self._book_id = book_id
        self._task_queue = task_queue

    async def start(self, only: AnswerToNote | None = None) -> ReconciliationHandle:
        """A run of its own, that leaves out no submission for its age; or one for a person's answer alone.

        It does not trigger the schedule, which may be off, paused, or busy with a run that has passed by
        what this one is started for; and which does not tell what a run that it starts came to. Two runs
        at once are safe.
        """
        async with reaching_server():
            return await self._temporal.start_workflow(
                ReconciliationWorkflow.run,
                ReconciliationRequest(book=self._book_id, only=only),
                id=f"{RECONCILIATION}-now-{uuid.uuid4()}",
                task_queue=self._task_queue,
                run_timeout=policy.RECONCILE_RUN,
                static_summary="asked for by hand",
                search_attributes=search_attributes.of_child(only.submission.order_id) if only else None,
                rpc_timeout=infra_policy.RPC,
            )

    async def report(self, started: ReconciliationHandle) -> ReconciliationReport:
        """Wait for its end. Raises ReconciliationFailed."""
        async with reaching_server():
            try:
                return await started.result()
            except WorkflowFailureError as failure:
                why = f"the reconciliation {started.id} failed: {root_cause(failure)}"
                raise ReconciliationFailed(why) from failure
