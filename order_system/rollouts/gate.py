"""The gate before each ramp: does the code that runs here replay the open workflows, do the books agree, and
do more orders fail on this build than on others?"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from math import exp, lgamma

from pydantic import computed_field
from temporalio.client import Client, WorkflowExecution, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from order_system.attention.stuck import one_line
from order_system.audit.report import AuditReport
from order_system.domain.order import Wire
from order_system.infra import policy
from order_system.infra.sealing.ring import NO_SUCH_KEY
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import if_there, sdk_runtime
from order_system.infra.temporal.conversion import OutermostFailures
from order_system.infra.temporal.deployment import describe_deployment, in_full, is_not_on, is_on
from workflows.order import OrderFulfillmentWorkflow
from workflows.registry import WORKFLOWS

_SAMPLE = 20
"""How many closed runs of each kind of workflow are replayed."""
_ENOUGH = 50
"""How many orders must have ended on each side before we say that nothing tells the builds apart."""
_BY_CHANCE = 0.01
"""Below this probability we do not believe that more of a build's orders fail by chance."""
WORSE, FEW, ALIKE = "this build fails more", "too few to tell", "nothing tells them apart"


class Ended(Wire):
    """Orders that have ended, without the cancelled ones."""

    failed: int
    of: int


class Verdict(Wire):
    version: str
    """`deployment:build`; empty if workers are not versioned."""
    replayed: int
    not_opened: int
    """Further closed runs, whose key was retired: nobody can tell whether they replay."""
    does_not_replay: dict[str, str]
    """`workflow ID/run ID` -> the first cause in one line."""
    audit_violations: tuple[str, ...]
    stuck_on_a_bug: int
    """How many workflows of this build are stuck on a bug."""
    ours: Ended
    others: Ended
    """Orders on all other builds, since workers of this build first came."""

    @computed_field
    @property
    def canary(self) -> str:
        """Fisher's exact test: how likely is it that so many of ours fail, or more, if no build is worse?"""
        ours, failed = self.ours.of, self.ours.failed + self.others.failed
        well = ours + self.others.of - failed
        likely = (
            exp(_ways(failed, bad) + _ways(well, ours - bad) - _ways(failed + well, ours))
            for bad in range(self.ours.failed, min(failed, ours) + 1)
        )
        if sum(likely) < _BY_CHANCE:
            return WORSE
        return FEW if min(ours, self.others.of) < _ENOUGH else ALIKE

    @computed_field
    @property
    def passed(self) -> bool:
        """True if the ramp may go on. Too few orders to tell do not stop it: at first there are none."""
        wrong = self.does_not_replay or self.audit_violations or self.stuck_on_a_bug
        return not wrong and self.canary != WORSE


def _ways(all_of: int, chosen: int) -> float:
    """Return the number of ways to choose so many, as a logarithm: itself it is too large for a float."""
    return lgamma(all_of + 1) - lgamma(chosen + 1) - lgamma(all_of - chosen + 1)


async def replay_all(
    temporal: Client, runs: Iterable[WorkflowExecution], tell: Callable[[int], None] = lambda _: None
) -> dict[str, str]:
    """Return, for each run that is still there, `workflow ID/run ID` -> why it does not replay; empty if it
    does. The client's keys open sealed runs. `tell` gets the count after each. Raises the SDK's RPCError."""

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for run in runs:
            handle = temporal.get_workflow_handle(run.id, run_id=run.run_id)
            if history := await if_there(handle.fetch_history(rpc_timeout=policy.RPC)):
                yield history

    replayer = Replayer(
        workflows=WORKFLOWS,
        workflow_runner=UnsandboxedWorkflowRunner(),
        # The reason why a run does not replay is shown here in clear.
        data_converter=replace(temporal.data_converter, failure_converter_class=OutermostFailures),
        runtime=sdk_runtime(),
        build_id="replayed",  # else the SDK hashes every module to make one up
    )
    done: dict[str, str] = {}
    sdk = logging.getLogger("temporalio.worker")
    sdk.setLevel(logging.CRITICAL)  # each run that cannot be opened is an error to it; we tell of each
    try:
        async with replayer.workflow_replay_iterator(histories()) as results:
            async for result in results:
                which = f"{result.history.workflow_id}/{result.history.run_id}"
                why = str(result.replay_failure or "")  # the first `message` in Rust's text is the cause
                done[which] = one_line(why.partition('message: "')[2].partition('", source:')[0] or why)
                tell(len(done))
    finally:
        sdk.setLevel(logging.NOTSET)
    return done


@dataclass(frozen=True)
class Gate:
    """Judges this build before a ramp. Raises the SDK's RPCError when the server fails."""

    temporal: Client
    task_queue: str
    version: str

    async def to_replay(self) -> list[WorkflowExecution]:
        """Return all open runs, and of each kind of workflow the newest closed ones."""
        is_open = self._where(visibility.RUNNING)
        found = [run async for run in self.temporal.list_workflows(is_open, rpc_timeout=policy.RPC)]
        for kind in WORKFLOWS:
            closed = self._where(visibility.of_type(kind), "ExecutionStatus != 'Running'")
            listed = self.temporal.list_workflows(closed, limit=_SAMPLE, rpc_timeout=policy.RPC)
            found += [run async for run in listed]
        return found

    async def verdict(
        self, audit: AuditReport, runs: Sequence[WorkflowExecution], replayed: dict[str, str]
    ) -> Verdict:
        """Return the verdict. `replayed` is what `replay_all` has returned for `runs`."""
        closed = {f"{run.id}/{run.run_id}" for run in runs if run.close_time}
        retired = {each for each, why in replayed.items() if each in closed and NO_SUCH_KEY in why}
        there = await describe_deployment(self.temporal, self.version.partition(":")[0])
        came = [each for each in there.version_summaries if in_full(each.deployment_version) == self.version]
        since = visibility.started_since(came[0].create_time.ToDatetime(UTC)) if came else None
        bugs = self._where(visibility.RUNNING, is_on(self.version), "TemporalReportedProblems IS NOT NULL")
        return Verdict(
            version=self.version,
            replayed=len(replayed) - len(retired),
            not_opened=len(retired),
            does_not_replay={each: why for each, why in replayed.items() if why and each not in retired},
            audit_violations=tuple(line for check in audit.checks for line in check.violations),
            stuck_on_a_bug=(await self.temporal.count_workflows(bugs, rpc_timeout=policy.RPC)).count,
            ours=await self._ended(is_on(self.version), since),
            others=await self._ended(is_not_on(self.version), since),
        )

    async def _ended(self, *which: str | None) -> Ended:
        orders = self._where(visibility.of_type(OrderFulfillmentWorkflow), *which)
        query = f"{orders} GROUP BY ExecutionStatus"
        counts = await self.temporal.count_workflows(query, rpc_timeout=policy.RPC)
        by_status = {str(each.group_values[0]): each.count for each in counts.groups}
        failed = sum(by_status.get(how, 0) for how in ("Failed", "Terminated", "TimedOut"))
        return Ended(failed=failed, of=failed + by_status.get("Completed", 0))

    def _where(self, *conditions: str | None) -> str:
        return visibility.all_of(visibility.on_queue(self.task_queue), *conditions)
