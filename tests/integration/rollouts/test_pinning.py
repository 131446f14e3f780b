"""Which version goes on with what: by workers of several versions within one process."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError

from order_system.domain.answers import StepRetry
from order_system.domain.errors import InvalidUsage, OutOfStock
from order_system.domain.ids import order_workflow_id, step_queue
from order_system.domain.steps import Step
from order_system.infra import policy
from order_system.infra.database import Database
from order_system.infra.temporal import deployment
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.executions import describe
from order_system.infra.temporal.workers import Workers
from order_system.rollouts.gate import Gate, replay_all
from order_system.rollouts.moving import Mover
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders
from tests.fixtures.shops.sealed import a_key, connected_by
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.waiting import eventually
from workflows.order import OrderFulfillmentWorkflow

SECONDS = 180


def worker_of(build: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    with monkeypatch.context() as here:
        here.setenv("TEMPORAL_DEPLOYMENT_NAME", f"of-{shop.task_queue}")
        here.setenv("TEMPORAL_WORKER_BUILD_ID", build)
        return {"deployment_config": deployment.deployment_config()}


async def make_current(build: str, shop: Shop) -> None:
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace="default", deployment_name=f"of-{shop.task_queue}", build_id=build
    )

    async def is_known() -> bool:
        try:
            await shop.temporal.workflow_service.set_worker_deployment_current_version(request)
        except RPCError:
            return False
        return True

    await eventually(is_known, SECONDS, "the server to know the build's workers")


def build_of(described: WorkflowExecutionDescription | None) -> str:
    assert described
    return described.raw_description.workflow_execution_info.versioning_info.deployment_version.build_id


@pytest.mark.usefixtures("calls_may_be_held")
async def test_a_batch_moves_on_when_it_continues_as_new_and_an_order_stays(
    client: Client, sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = BatchShop(sqlite_database, client, tmp_path)
    name = f"moves-on-{shop.task_queue}"
    ids = [f"{name}-{number}" for number in range(10)]
    file = write_orders(tmp_path / "orders.csv", [row(order_id) for order_id in ids])
    request = await shop.request(name, file, window=2, continue_after_events=40)
    both = shop.stage.hold("before charge"), shop.stage.hold("before reserve")
    async with (
        shop.open(**worker_of("v1", shop, monkeypatch)),
        shop.open(**worker_of("v2", shop, monkeypatch)),
    ):
        await make_current("v1", shop)
        await shop.batches.start(request)
        for hold in both:  # two orders are under way, and no other begins
            await hold.reached()
        await make_current("v2", shop)
        for hold in both:
            hold.let_go()
        await shop.followed(name)
    newest, *earlier = await shop.runs(name)
    assert (build_of(newest), build_of(earlier[-1])) == ("v2", "v1")
    first, last = [await describe(client, order_workflow_id(order_id)) for order_id in (ids[0], ids[-1])]
    assert (build_of(first), build_of(last)) == ("v1", "v2")


async def test_what_has_begun_without_versions_goes_on_with_the_current_one(
    client: Client, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And as long as nothing is versioned, `attention` asks the server nothing about versions."""
    shop, order = Shop(sqlite_database, client), an_order(hold_on_failure=timedelta(hours=1))
    shop.stage.fail("before reserve", lambda: OutOfStock("no"), times=1)

    async def is_listed() -> bool:
        return [each.order_id async for each in shop.attention.attention()] == [order.order_id]

    async with shop.open():
        handle = await shop.start(order)
        with patch.object(client.workflow_service, "describe_worker_deployment", side_effect=AssertionError):
            await eventually(is_listed, SECONDS, "the order to be held")
    async with shop.open(**worker_of("v1", shop, monkeypatch)):
        await make_current("v1", shop)
        await handle.execute_update(OrderFulfillmentWorkflow.retry_step, StepRetry(who="ada@desk-1"))
        await shop.ended(handle)
    assert build_of(await handle.describe()) == "v1"


async def test_sealed_histories_are_opened_and_one_that_cannot_be_is_named(
    dev_server: EmbeddedServer,
    sqlite_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sealing = await connected_by(monkeypatch, a_key("a"), dev_server.address)
    keyless = await connected_by(monkeypatch, "", dev_server.address)
    shop, order = Shop(sqlite_database, sealing), an_order()
    async with shop.open():
        await shop.ended(await shop.start(order))

    async def all_closed() -> bool:
        runs = await Gate(sealing, shop.task_queue, "").to_replay()
        return len(runs) == 5 and all(run.close_time for run in runs)  # the list lags behind

    await eventually(all_closed, SECONDS, "the order and its steps to be listed")
    runs = await Gate(sealing, shop.task_queue, "").to_replay()
    assert set((await replay_all(sealing, runs)).values()) == {""}
    causes = set((await replay_all(keyless, runs)).values())
    assert len(causes) >= 1
    assert all("sealed by key a, and ORDER_KEYS is not set here" in cause for cause in causes), causes

    # Without the key for good, they are left out: all of them are closed.
    later = await connected_by(monkeypatch, a_key("b"), dev_server.address)
    gate, replayed = Gate(later, shop.task_queue, ""), await replay_all(later, runs)
    verdict = await gate.verdict(await shop.audit(), runs, replayed)
    assert (verdict.replayed, verdict.not_opened, verdict.does_not_replay) == (0, 5, {}), replayed
    assert not [line for line in caplog.records if line.name.startswith("temporalio.worker._workflow")]


async def test_nothing_is_moved_to_a_build_that_leaves_a_queue_of_steps_to_others(
    client: Client, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(sqlite_database, client)
    queue, version = step_queue(shop.task_queue, Step.PAYMENT), f"of-{shop.task_queue}"
    old, new = (worker_of(build, shop, monkeypatch) for build in ("v1", "v2"))
    async with shop.open(**new), shop.open(**old, task_queue=queue, workflows=[]):
        mover = Mover(client, shop.attention, WorkerDeploymentVersion(version, "v2"))

        async def is_seen() -> bool:
            return await Workers(client, queue).at_work() > 0

        await eventually(is_seen, SECONDS, "the worker of the step")
        with monkeypatch.context() as hasty:
            hasty.setattr(policy, "WORKER_HEARD", timedelta(milliseconds=200))
            with pytest.raises(InvalidUsage, match=f"takes work from {queue}: .*ORDER_QUEUES_BY_STEP"):
                await mover.move(None)
        async with shop.open(**new, task_queue=queue, workflows=[]):

            async def nothing_is_left_to_others() -> bool:
                with suppress(InvalidUsage):  # until the server shows the new worker
                    return await mover.move(None) == {}
                return False

            await eventually(nothing_is_left_to_others, SECONDS, "the new worker to be seen")
