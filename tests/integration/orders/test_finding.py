"""What belongs to an order is found, by program and by command."""

import asyncio
import json
from pathlib import Path

import pytest
from temporalio.client import Client

from order_system.cli.app import run_command
from order_system.domain.errors import InvalidUsage, UnknownWorkflow
from order_system.domain.ids import order_workflow_id, step_workflow_id
from order_system.domain.steps import Step
from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.executions import WorkflowState
from order_system.orders.client import OrderClient
from order_system.orders.relatives import Parent, StartedBy
from tests.fixtures.shops.batch_shop import BatchShop
from tests.fixtures.shops.children import DECLINED, SECONDS, children, eventually_has
from tests.fixtures.shops.shop import an_order


@pytest.fixture
def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> BatchShop:
    return BatchShop(sqlite_database, client, tmp_path)


async def test_the_children_of_an_order_are_those_of_its_newest_start(
    shop: BatchShop, forgetful: Client
) -> None:
    declined = an_order(payment_method=DECLINED)
    order = declined.model_copy(update={"payment_method": "pm_card_ok"})
    parent_id = order_workflow_id(order.order_id)
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.ended(await shop.start(declined))
        await eventually_has(shop, parent_id, 1, "failed")
        await shop.ended(await shop.start(order))
        await eventually_has(shop, parent_id, len(Step), "completed")

        now = await children(shop, parent_id)
        assert {step_workflow_id(step, order.order_id) for step in Step} == {c.workflow_id for c in now}
        assert {(c.state, c.started_by) for c in now} == {(WorkflowState.COMPLETED, StartedBy.THIS_START)}
        assert "PaymentWorkflow" in {c.type for c in now}
        assert all(c.run_id and c.started_at and c.closed_at for c in now)
        assert await children(shop, parent_id, "failed") == []
        with pytest.raises(UnknownWorkflow, match=f"'payment-{order.order_id}' is no order's workflow"):
            await children(shop, f"payment-{order.order_id}")

        described = await shop.handle(order).describe()
        by = Parent(parent_id, described.run_id)
        assert by == await shop.client.parent(f"payment-{order.order_id}")
        assert await shop.client.parent(order.order_id) is None
        assert await shop.client.parent(parent_id) is None

    later = OrderClient(forgetful, shop.book, task_queue=shop.task_queue)
    remembered = await children(later, parent_id, "completed")
    assert [child.workflow_id for child in remembered] == [child.workflow_id for child in now]
    assert [child.type for child in remembered] == [child.type for child in now]
    assert all(child.run_id is None for child in remembered)
    asked_again = await later.parent(f"payment-{order.order_id}")
    assert asked_again is not None
    assert asked_again.workflow_id == parent_id
    assert await later.parent(order.order_id) is None


async def test_what_nobody_knows_is_told_and_nothing_runs_out_of_its_quotes(shop: BatchShop) -> None:
    for name in (
        "order-NOBODY",
        "ORDER-NOBODY",
        "batch-nobody",
        "",
        "x' OR WorkflowType != '",
        "x\\",
        "x" * 3000,
    ):
        with pytest.raises(UnknownWorkflow, match="there is no workflow"):
            await children(shop, name)
        with pytest.raises(UnknownWorkflow, match="there is no workflow"):
            await shop.client.parent(name)
    with pytest.raises(InvalidUsage, match=r"Choose from.*running.*fulfilled"):
        await run_command(["children", "order-NOBODY", "--status", "lost"])


async def test_the_command_lists_children_for_people_and_for_programs(
    shop: BatchShop,
    dev_server: EmbeddedServer,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", dev_server.address)
    monkeypatch.setenv("ORDER_DATABASE_URL", sqlite_url)
    order = an_order(payment_method=DECLINED)
    parent_id = order_workflow_id(order.order_id)
    async with shop.open(), asyncio.timeout(SECONDS):
        await shop.ended(await shop.start(order))
        await eventually_has(shop, parent_id, 1, "failed")

    assert await run_command(["children", parent_id, "--status", "failed", "--json"]) == 0
    [child] = json.loads(capsys.readouterr().out)
    assert (child["workflow_id"], child["type"]) == (f"payment-{order.order_id}", "PaymentWorkflow")
    assert (child["state"], child["started_by"]) == ("failed", "this start")
    assert child["closed_at"] > child["started_at"]

    assert await run_command(["children", parent_id]) == 0
    shown = capsys.readouterr().out
    assert f"payment-{order.order_id}" in shown
    assert child["run_id"] in shown

    assert await run_command(["children", parent_id, "--status", "running", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert await run_command(["children", parent_id, "--status", "timed_out"]) == 0
    assert f"{parent_id} has no timed_out children" in capsys.readouterr().out
    with pytest.raises(UnknownWorkflow):
        await run_command(["children", "order-NOBODY", "--json"])
    assert capsys.readouterr().out == "", "not half a document"
