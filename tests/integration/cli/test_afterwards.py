"""What is done with an order that is there: looked up, cancelled, reconciled, answered."""

import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from order_system.book.order_book import SqlOrderBook
from order_system.domain.book import Attempt, Server, SubmissionRecord
from order_system.domain.ids import order_workflow_id, task_queue_of
from order_system.domain.messages import Opening
from order_system.domain.order import Order, SubmissionRef
from order_system.domain.steps import Effect
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


def test_money_of_a_fulfilled_order_is_given_back(shop: Env) -> None:
    submitted(shop, document("BACK-1"))

    part = ("refund", "BACK-1", "--amount", "10.00", "--id", "ticket_1", "--note", "arrived late")
    first, again = (starter(*part, env=shop) for _ in range(2))
    line = starter("refund", "BACK-1", "--line", "MOUSE-321", "--note", "broken", "--json", env=shop)
    other = starter(*part[:3], "12.00", *part[4:], env=shop)
    refused = starter("refund", "BACK-1", "--amount", "5000", "--note", "too much", env=shop)
    unknown = starter("refund", "BACK-99", "--note", "nobody's", env=shop)
    status = starter("status", "BACK-1", env=shop)
    audit = starter("audit", env=shop)

    assert (first.code, again.code, line.code) == (0, 0, 0)
    assert first.out == again.out
    assert "BACK-1: refund ticket_1: refunded 10.00 USD" in first.out
    assert (line.document["state"], line.document["sku"]) == ("refunded", "MOUSE-321")
    assert (refused.code, unknown.code) == (2, 2)
    assert other.code == 2
    assert "used before, for another refund, and nothing more is given back" in other.err
    assert "The first is refund ticket_1: refunded 10.00 USD" in other.err
    assert "is left" in refused.err
    assert "knows of no order" in unknown.err
    assert status.out.count("refunded 10.00 USD") == 1
    assert audit.code == 0


@pytest.fixture
async def database(shop: Env) -> AsyncIterator[Database]:
    """The worker's own."""
    database = Database(f"sqlite:///{shop['ORDER_DATA_DIR']}/orders.db")
    await database.prepare()
    yield database
    await database.dispose()


async def terminated_once(
    shop: Env, database: Database, order: Order, is_so: Callable[[SubmissionRecord], Awaitable[bool]]
) -> str:
    """The ID of the order, whose workflow is terminated when the book has it and this is so of it."""
    temporal = await connect(shop["TEMPORAL_ADDRESS"])
    workflow = await temporal.start_workflow(
        OrderFulfillmentWorkflow.run,
        order,
        id=order_workflow_id(order.order_id),
        task_queue=task_queue_of(database.book),
    )

    async def has_come_so_far() -> bool:
        record = (await SqlOrderBook(database).find([order.order_id])).get(order.order_id)
        return record is not None and await is_so(record)

    await eventually(has_come_so_far, 60, "the order to have come so far")
    await workflow.terminate()
    return order.order_id


@pytest.fixture
async def terminated(shop: Env, database: Database) -> str:
    """The ID of an order whose workflow was terminated while it was being paid."""

    async def opened(_: SubmissionRecord) -> bool:
        return True

    return await terminated_once(shop, database, scenario_order("payment-down", "GONE-1"), opened)


@pytest.fixture
async def terminated_and_stuck(shop: Env, database: Database) -> str:
    """The ID of an order whose workflow was terminated while its refund failed again and again."""

    async def refund_has_begun(record: SubmissionRecord) -> bool:
        charge = (await SqlOrderBook(database).journal(record.ref)).get(Effect.CHARGE)
        return charge is not None and charge.fenced_at is not None

    return await terminated_once(shop, database, scenario_order("refund-never", "GONE-2"), refund_has_begun)


@pytest.fixture
async def left_on_two_servers(database: Database) -> list[str]:
    """UUIDs of servers that are gone. Each has left an order open whose charge was claimed."""
    gone = ["5eed0000-0000-4000-8000-000000000001", "5eed0000-0000-4000-8000-000000000002"]
    for number, server in enumerate(gone):

        async def there(server: str = server) -> Server:
            return Server("default", server)

        ref = SubmissionRef(order_id=f"LEFT-{number}", submission="first", fingerprint="", batch="batch-may")
        opened = datetime(2026, 1, 1, tzinfo=UTC)
        attempt = Attempt(started_at=opened, deadline=opened, namespace="default")
        book = SqlOrderBook(database, there)
        await book.open_and_claim(ref, Effect.CHARGE, attempt, Opening(total=1, currency="USD"))
    return gone


def test_reconcile_settles_a_terminated_order_and_says_so(shop: Env, terminated: str) -> None:
    audited = starter("audit", env=shop)
    finished = starter("reconcile", "--json", env=shop)

    assert "starter.py reconcile settles what no workflow is at work on" in audited.out
    assert finished.code == 0
    assert finished.document["settled"]["count"] == 1
    assert [found["order_id"] for found in finished.document["settled"]["orders"]] == [terminated]


def test_a_terminated_orders_stuck_refund_is_handled_and_then_it_waits_for_nobody(
    shop: Env, terminated_and_stuck: str
) -> None:
    note = "refunded by hand, ticket 123"
    handled = starter(
        "resolve", terminated_and_stuck, "payment", "--handled", "--note", note, "--json", env=shop
    )

    assert handled.code == 0, handled.out + handled.err
    assert handled.document["receipt"]["result"] == "handled"
    assert handled.document["order"]["status"] == "terminated"
    assert note in handled.out
    assert starter("audit", env=shop).code == 0
    again = starter("resolve", terminated_and_stuck, "payment", "--handled", "--note", note, env=shop)
    assert again.code == 2
    assert f"{terminated_and_stuck} has ended as terminated, and waits for nobody" in again.err


def test_an_adoption_says_how_many_submissions_and_what_settles_them_and_what_to_run_again(
    shop: Env, left_on_two_servers: list[str]
) -> None:
    first, second = left_on_two_servers
    adopted = starter("adopt", first, "--yes", "--note", "temporal.db was deleted", env=shop)
    as_json = starter("adopt", second, "--yes", "--json", env=shop)
    reconciled = starter("reconcile", env=shop)
    left = [starter("status", order_id, "--json", env=shop).document for order_id in ("LEFT-0", "LEFT-1")]

    assert (adopted.code, as_json.code) == (0, 0)
    assert " ".join(adopted.out.split()) == (
        "1 submission was adopted. The reconciler settles what is open with its next run; "
        "`python starter.py reconcile` does it now. Then run its batches again, from their files: may"
    )
    assert as_json.document == {"server": second, "adopted": 1}
    assert reconciled.code == 0
    assert [order["status"] for order in left] == ["terminated", "terminated"]
    again = starter("adopt", first, "--yes", env=shop)
    assert again.code == 2
    assert f"nothing of a server {first}, or all of it is adopted already; others with open" in again.err


def test_a_held_order_is_listed_and_answered_by_the_commands_that_are_shown(shop: Env) -> None:
    waiting = submitted(shop, document("HELD-1", "dispatch-refused-and-held"), arguments=())
    status = starter("status", "HELD-1", env=shop)
    listed = listed_at_last(shop, "HELD-1")
    ours, theirs = os.openpty()
    watching = Running("starter.py", "attention", "--watch", env=shop, terminal=theirs)
    taken = starter("take", "HELD-1", "NOBODY-1", "--who", "ada", env=shop)
    shown = starter("attention", env=shop).out
    drawn = b""
    while b"on it" not in drawn:  # it is drawn anew
        drawn += os.read(ours, 4096)
    watched = watching.interrupted()
    retried = starter(*listed["commands"][0].split()[2:], "--note", "they take it now", env=shop)

    assert (waiting.code, status.code) == (1, 1)
    assert (watched.code, watched.err) == (1, "")
    assert max(map(len, shown.splitlines())) < 120, "piped, no line is padded"
    assert "starter.py attention" in waiting.out
    assert (listed["kind"], listed["step"]) == ("held", "shipping")
    for command in listed["commands"]:
        assert f"  {command}\n" in status.out
    assert taken.code == 2
    assert "HELD-1: accepted: ada is on it: held at shipping" in taken.out
    assert "NOBODY-1: refused: NOBODY-1 waits for nothing of that kind" in taken.out
    assert re.search(r"on it +ada for ", shown)
    assert re.search(r"charge +ch_\w+, done", shown)
    assert "1 held: " in shown
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

    wait_until(is_listed, 60, f"{order_id} to be listed")
    return found[0]
