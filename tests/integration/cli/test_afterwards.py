"""What is done with an order that is there: looked up, cancelled, reconciled, answered."""

import json
import re
from typing import Any

import pytest

from order_system.book.order_book import SqlOrderBook
from order_system.domain.ids import order_workflow_id, task_queue_of
from order_system.gateways.simulated.scenarios import scenario_order
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from tests.fixtures.processes.command_line import Running, starter
from tests.fixtures.processes.shop_commands import Env, document, submitted
from tests.fixtures.steering.waiting import eventually, wait_until
from workflows.order import OrderFulfillmentWorkflow


def test_an_order_that_nobody_knows_is_told(shop: Env) -> None:
    unknown = starter("status", "LOOK-99", "--json", env=shop)

    assert unknown.code == 2
    assert unknown.out == ""
    assert "there is no order LOOK-99" in unknown.err


def test_a_cancel_waits_for_its_answer(shop: Env) -> None:
    following = Running("starter.py", "submit", "-", env=shop)
    assert following.process.stdin is not None
    following.process.stdin.write(json.dumps(document("STOP-1", "payment-down")))
    following.process.stdin.close()
    following.process.stdin = None
    following.says("STOP-1 payment running")

    cancelled = starter("cancel", "STOP-1", "--json", env=shop)
    followed = following.finished()
    too_late = starter("cancel", "STOP-1", env=shop)

    assert cancelled.code == 0
    assert cancelled.document["verdict"] == "undone"
    assert cancelled.document["order"]["status"] == "cancelled"
    assert followed.code == 0
    assert "STOP-1 cancelled" in followed.out
    assert too_late.code == 0
    assert "STOP-1: already closed" in too_late.out


@pytest.fixture
async def terminated(shop: Env) -> str:
    """The ID of an order whose workflow was terminated while it was being paid."""
    temporal = await connect(shop["TEMPORAL_ADDRESS"])
    order = scenario_order("payment-down", "GONE-1")
    database = Database(f"sqlite:///{shop['ORDER_DATA_DIR']}/orders.db")
    await database.prepare()
    workflow = await temporal.start_workflow(
        OrderFulfillmentWorkflow.run,
        order,
        id=order_workflow_id("GONE-1"),
        task_queue=task_queue_of(database.book),
    )

    async def opened() -> bool:
        return "GONE-1" in await SqlOrderBook(database).find(["GONE-1"])

    await eventually(opened, 30, "the order to be in the book")
    await workflow.terminate()
    await database.dispose()
    return "GONE-1"


def test_reconcile_settles_a_terminated_order_and_says_so(shop: Env, terminated: str) -> None:
    audited = starter("audit", env=shop)
    finished = starter("reconcile", "--json", env=shop)

    assert "starter.py reconcile settles what no workflow is at work on" in audited.out
    assert finished.code == 0
    assert finished.document["settled"]["count"] == 1
    assert [found["order_id"] for found in finished.document["settled"]["orders"]] == [terminated]


def test_a_held_order_is_listed_and_answered_by_the_commands_that_are_shown(shop: Env) -> None:
    waiting = submitted(shop, document("HELD-1", "dispatch-refused-and-held"), arguments=())
    status = starter("status", "HELD-1", env=shop)
    listed = listed_at_last(shop, "HELD-1")
    retried = starter(*listed["commands"][0].split()[2:], "--note", "they take it now", env=shop)

    assert (waiting.code, status.code) == (1, 1)
    assert "starter.py attention" in waiting.out
    assert (listed["kind"], listed["step"]) == ("held", "shipping")
    for command in listed["commands"]:
        assert f"  {command}\n" in status.out
    assert retried.code == 0, retried.err
    assert "HELD-1: shipping runs again now" in retried.out
    assert "HELD-1  fulfilled" in retried.out
    assert re.search(r"answered: retry step shipping, by \S+@\S+: they take it now", retried.out)


def listed_at_last(shop: Env, order_id: str) -> dict[str, Any]:
    """Visibility may be a moment behind."""
    found: list[dict[str, Any]] = []

    def is_listed() -> bool:
        attention = starter("attention", "--json", env=shop)
        found[:] = [each for each in attention.document if each["order_id"] == order_id]
        assert attention.code == (1 if attention.document else 0)
        return bool(found)

    wait_until(is_listed, 20, f"{order_id} to be listed")
    return found[0]
