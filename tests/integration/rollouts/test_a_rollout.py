"""Versions of real worker processes, rolled out and back, as docs/rollouts.md says it: nothing breaks."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from order_system.attention.concerns import ConcernKind
from order_system.book.order_book import SqlOrderBook
from order_system.domain.ids import order_workflow_id
from order_system.gateways.simulated.scenarios import scenario_order
from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.executions import describe
from order_system.orders.client import OrderClient
from tests.fixtures.processes.another_build import AS_PROGRAM, running_another_build
from tests.fixtures.processes.command_line import Finished, starter_here
from tests.fixtures.processes.forking import ForkedProcess
from tests.fixtures.processes.worker_process import WORKER, worker_process
from tests.fixtures.steering.waiting import eventually

SECONDS = 180


class Rollout:
    """Of a deployment of its own."""

    def __init__(self, temporal: Client, environment: dict[str, str], folder: Path) -> None:
        self.temporal = temporal
        self.name = f"orders-of-{folder.name}"
        self._environment = environment
        self._folder = folder

    def build(self, build: str) -> dict[str, str]:
        versioned = {"TEMPORAL_DEPLOYMENT_NAME": self.name, "TEMPORAL_WORKER_BUILD_ID": build}
        return self._environment | versioned

    def worker(self, build: str, program: Any = WORKER) -> AbstractAsyncContextManager[ForkedProcess]:
        return worker_process(self._folder / f"{build}.log", program=program, **self.build(build))

    async def make_current(self, build: str) -> None:
        """As `temporal worker deployment set-current-version` does."""
        request = SetWorkerDeploymentCurrentVersionRequest(
            namespace="default", deployment_name=self.name, build_id=build
        )

        async def is_known() -> bool:
            try:
                await self.temporal.workflow_service.set_worker_deployment_current_version(request)
            except RPCError:
                return False
            return True

        await eventually(is_known, SECONDS, "the server to know the build's workers")

    async def command(self, *arguments: str, build: str) -> Finished:
        return await starter_here(*arguments, "--json", env=self.build(build))

    async def order(self, order_id: str) -> WorkflowExecutionDescription:
        described = await describe(self.temporal, order_workflow_id(order_id))
        assert described
        return described

    async def version_of(self, order_id: str) -> str:
        info = (await self.order(order_id)).raw_description.workflow_execution_info.versioning_info
        return info.deployment_version.build_id


@pytest.mark.long
async def test_three_builds_one_of_which_does_not_replay_break_nothing(
    dev_server: EmbeddedServer, client: Client, sqlite_url: str, sqlite_database: Database, tmp_path: Path
) -> None:
    environment = {
        "TEMPORAL_ADDRESS": dev_server.address,
        "ORDER_DATABASE_URL": sqlite_url,
        "ORDER_TASK_QUEUE": f"queue-of-{tmp_path.name}",
        "ORDER_FAULTS": "none",
        "ORDER_LATENCY_MIN": "0",
        "ORDER_LATENCY_MAX": "0",
        "ORDER_RECONCILE_EVERY": "0",
    }
    rollout = Rollout(client, environment, tmp_path)
    orders = OrderClient(client, SqlOrderBook(sqlite_database), task_queue=environment["ORDER_TASK_QUEUE"])

    async def submit(order_id: str, scenario: str = "ok") -> None:
        await orders.submit(scenario_order(scenario, order_id))

    async def is_held() -> bool:
        return (await orders.status("HELD")).held_until is not None

    async def refund_is_tried(build: str) -> bool:
        tried = (await rollout.order("STUCK")).raw_description.pending_activities
        return any(each.last_deployment_version.build_id == build for each in tried)

    async def fulfilled(order_id: str) -> None:
        handle = client.get_workflow_handle(order_workflow_id(order_id))
        await asyncio.wait_for(handle.result(), SECONDS)

    async def attention(
        is_so: Callable[[list[dict[str, Any]]], bool], *kinds: ConcernKind
    ) -> list[dict[str, Any]]:
        """Once the server's lists show it."""
        found: list[dict[str, Any]] = []

        async def is_told() -> bool:
            listed = (await rollout.command("attention", build="v2")).document
            found[:] = [each for each in listed if not kinds or each["kind"] in kinds]
            return is_so(found)

        await eventually(is_told, SECONDS, "attention to tell it")
        return found

    async def second_is_listed() -> bool:
        listed = await client.count_workflows(
            f"WorkflowId = 'order-SECOND' AND TaskQueue = '{environment['ORDER_TASK_QUEUE']}'"
        )
        return listed.count == 1

    async with rollout.worker("v1") as old, rollout.worker("v2"):
        await rollout.make_current("v1")
        await submit("HELD", "dispatch-refused-and-held")
        await submit("STUCK", "refund-never")
        await eventually(is_held, SECONDS, "an order that is held")
        await eventually(partial(refund_is_tried, "v1"), SECONDS, "an undo that does not work")

        may_go_on = await rollout.command("rollout", "check", build="v2")
        assert (may_go_on.code, may_go_on.document["passed"]) == (0, True), may_go_on
        assert may_go_on.document["replayed"] > 5
        assert may_go_on.document["canary"] == "too few to tell"
        await rollout.make_current("v2")
        await submit("SECOND")
        await fulfilled("SECOND")
        await eventually(second_is_listed, SECONDS, "the server to list what is to be replayed")

        with running_another_build:
            refused = await rollout.command("rollout", "check", build="v3")
            assert (refused.code, refused.document["passed"]) == (1, False)
            assert {"order-HELD", "order-STUCK", "order-SECOND"} == {
                each.partition("/")[0] for each in refused.document["does_not_replay"]
            }
            assert all("Nondeterminism" in why for why in refused.document["does_not_replay"].values())
        async with rollout.worker("v3", AS_PROGRAM):  # somebody rolls it out all the same
            await rollout.make_current("v3")
            await submit("THIRD")
            await fulfilled("THIRD")
            with running_another_build:
                left = await rollout.command("rollout", "move", "--from", "v1", build="v3")
            assert left.code == 1
            assert (left.document["moved"], set(left.document["not_moved"])) == (
                [],
                {"order-HELD", "order-STUCK"},
            )
            await rollout.make_current("v2")

        old.terminate()
        assert await asyncio.wait_for(old.wait(), SECONDS) == 0
        [alone] = await attention(lambda found: len(found) == 1, ConcernKind.NO_WORKER_OF_VERSION)
        assert f"2 workflows are open on {rollout.name}:v1" in alone["reason"]
        assert alone["cure"]

        waits = await rollout.command("rollout", "move", build="v2")
        rest = await rollout.command("rollout", "move", "--from", "v1", build="v2")
        assert "order-HELD" in waits.document["moved"]
        assert {*waits.document["moved"], *rest.document["moved"]} == {"order-HELD", "order-STUCK"}
        assert (waits.code, rest.code) == (0, 0)
        await eventually(partial(refund_is_tried, "v2"), SECONDS, "the undo to be tried by the new build")
        retried = await rollout.command("retry", "HELD", build="v2")
        assert retried.code == 0, retried
        await fulfilled("HELD")
        await attention(lambda found: all(each["order_id"] == "STUCK" for each in found))
        audit = await rollout.command("audit", build="v2")

    builds = {each: await rollout.version_of(each) for each in ("HELD", "SECOND", "THIRD")}
    assert builds == {"HELD": "v2", "SECOND": "v2", "THIRD": "v3"}
    assert audit.code == 0
    for build in ("v1", "v2", "v3"):
        assert "Nondeterminism" not in (tmp_path / f"{build}.log").read_text()
