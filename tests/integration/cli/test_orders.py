"""The command line from outside: what it prints, what it leaves behind, and its exit codes."""

import fcntl
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from order_system.book.order_book import SqlOrderBook
from order_system.domain.ids import TASK_QUEUE, order_workflow_id
from order_system.gateways.simulated.scenarios import scenario_order
from order_system.gateways.simulated.tables import charges
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.intake.form import order_document
from tests.fixtures.processes.command_line import Finished, Running, starter
from tests.fixtures.steering.waiting import eventually, wait_until
from workflows.order import OrderFulfillmentWorkflow

QUIET_WORLD = {"ORDER_FAULTS": "none", "ORDER_LATENCY_MIN": "0", "ORDER_LATENCY_MAX": "0"}
UI = "https://ui.example.com"
CARD_NUMBER = "4242 4242 4242 4242"
CHILDREN = ["payment", "inventory", "shipping", "notification"]

Env = dict[str, str]


@pytest.fixture(scope="module")
async def server_only(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Env]:
    """A server of our own, since here order numbers count from 1; and no worker."""
    folder = tmp_path_factory.mktemp("shop")
    async with EmbeddedServer(folder, port=0, ui_port=0, headless=True) as server:
        yield {
            **QUIET_WORLD,
            "TEMPORAL_ADDRESS": server.address,
            "ORDER_DATA_DIR": str(folder),
            "ORDER_UI_URL": UI,
        }


@pytest.fixture(scope="module")
def shop(server_only: Env) -> Iterator[Env]:
    """Server and worker."""
    worker = Running("worker.py", env=server_only)
    stderr = worker.process.stderr
    assert stderr is not None
    assert any("worker ready" in line for line in stderr)
    yield server_only
    worker.process.terminate()
    assert worker.finished().code == 0


def document(order_id: str, scenario: str = "ok", **changes: Any) -> dict[str, Any]:
    return {**order_document(scenario_order(scenario, order_id)), **changes}


def submitted(shop: Env, *documents: dict[str, Any], arguments: tuple[str, ...] = ("--json",)) -> Finished:
    return starter("submit", "-", *arguments, env=shop, stdin=json.dumps(documents))


# --- sample orders --------------------------------------------------------------------------------


def test_five_sample_orders_are_fulfilled_and_linked_and_the_next_run_takes_the_next_numbers(
    shop: Env,
) -> None:
    first = Running("starter.py", env=shop).finished()

    assert first.code == 0, first.err
    for number in range(1, 6):
        order_id = f"ORDER-00{number}"
        assert f"{order_id} payment completed" in first.out
        assert f"{order_id} fulfilled" in first.out
        workflow = f"{UI}/namespaces/default/workflows/order-{order_id}"
        link = rf"{order_id}  {workflow}/[0-9a-f-]{{36}}/relationships"
        assert re.search(link, first.out)
    assert "1059.97 USD" in first.out
    assert "tracking SPS_" in first.out
    for private in ("Ada", "Main St", "@example"):
        assert private not in first.out + first.err

    # Two at once look at the same numbers, and do not share any.
    both = [Running("starter.py", "--json", "--strict", env=shop) for _ in range(2)]
    taken = [[order["order_id"] for order in each.finished().document] for each in both]
    assert [each.process.returncode for each in both] == [0, 0]
    assert sorted(taken[0] + taken[1]) == [f"ORDER-{number:03d}" for number in range(6, 16)]


def test_a_scenario_is_one_order_and_strict_tells_that_it_was_not_fulfilled(shop: Env) -> None:
    declined = starter("--scenario", "card-declined", "--strict", "--json", env=shop)

    assert declined.code == 4
    (order,) = declined.document
    assert order["status"] == "failed"
    assert order["failed_step"] == "payment"
    assert "declined" in order["reason"]
    assert [child["step"] for child in order["children"]] == CHILDREN
    assert {undo["status"] for undo in order["compensations"]} <= {"done"}


# --- submit ---------------------------------------------------------------------------------------


def test_json_is_an_array_of_order_documents_and_status_shows_the_same_to_people(shop: Env) -> None:
    finished = submitted(shop, document("JSON-1"), document("JSON-2", "address-refused"))

    assert finished.code == 0
    fulfilled, failed = finished.document
    assert (fulfilled["order_id"], fulfilled["workflow_id"]) == ("JSON-1", "order-JSON-1")
    assert (fulfilled["status"], fulfilled["failed_step"], fulfilled["reason"]) == ("fulfilled", None, None)
    assert [child["step"] for child in fulfilled["children"]] == CHILDREN
    payment = fulfilled["children"][0]
    assert (payment["workflow_id"], payment["status"]) == ("payment-JSON-1", "completed")
    assert payment["run_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", payment["started_at"])
    assert payment["duration_ms"] >= 0
    assert fulfilled["compensations"] == []
    assert (failed["status"], failed["failed_step"]) == ("failed", "shipping")
    assert {(undo["step"], undo["status"]) for undo in failed["compensations"]} == {
        ("shipping", "done"),
        ("inventory", "done"),
        ("payment", "done"),
    }

    shown = starter("status", "JSON-1", env=shop)
    assert shown.code == 0
    assert "JSON-1  fulfilled" in shown.out
    for step in CHILDREN:
        assert re.search(rf"{step} +✓ completed +\d", shown.out)
    assert "charged 1059.97 USD" in shown.out
    assert f"{UI}/namespaces/default/workflows/order-JSON-1/{fulfilled['run_id']}/relationships" in shown.out


def test_of_bad_input_nothing_is_submitted_and_a_card_number_is_not_repeated(shop: Env) -> None:
    bad = document("BAD-2", payment_method=CARD_NUMBER)
    bad["lines"][0]["quantity"] = 0

    refused = submitted(shop, document("BAD-1"), bad)

    assert refused.code == 2
    assert refused.out == ""
    assert "order 2 (BAD-2), lines[0].quantity: must be between 1 and 10,000" in refused.err
    assert "order 2 (BAD-2), payment_method: holds a card number" in refused.err
    assert CARD_NUMBER not in refused.err
    assert CARD_NUMBER.replace(" ", "") not in refused.err
    assert book_knows(shop, "BAD-1") is False


def test_a_conflict_stops_the_whole_file_and_the_same_content_is_not_charged_again(shop: Env) -> None:
    assert submitted(shop, document("CONF-1")).code == 0

    conflict = submitted(shop, document("CONF-2"), document("CONF-1", "mail-bounces"))
    again = submitted(shop, document("CONF-1"), arguments=())

    assert conflict.code == 2
    assert conflict.out == ""
    assert "nothing was submitted" in conflict.err
    assert "CONF-1 has been fulfilled with other content" in conflict.err
    assert book_knows(shop, "CONF-2") is False
    assert again.code == 0
    assert "CONF-1 is already fulfilled; it is not started again" in again.out
    assert "tracking SPS_" in again.out


def book_knows(shop: Env, order_id: str) -> bool:
    return starter("status", order_id, env={**shop, "TEMPORAL_ADDRESS": "127.0.0.1:1"}).code == 0


# --- status and cancel ----------------------------------------------------------------------------


def test_an_order_that_nobody_knows_is_told(shop: Env) -> None:
    unknown = starter("status", "LOOK-99", "--json", env=shop)

    assert unknown.code == 2
    assert unknown.out == ""
    assert "there is no order LOOK-99" in unknown.err


def test_a_cancel_waits_for_its_verdict(shop: Env) -> None:
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


# --- the reconciler -------------------------------------------------------------------------------


@pytest.fixture
async def terminated(shop: Env) -> str:
    """The ID of an order whose workflow was terminated while it was being paid."""
    temporal = await connect(shop["TEMPORAL_ADDRESS"])
    order = scenario_order("payment-down", "GONE-1")
    workflow = await temporal.start_workflow(
        OrderFulfillmentWorkflow.run, order, id=order_workflow_id("GONE-1"), task_queue=TASK_QUEUE
    )
    database = Database(f"sqlite:///{shop['ORDER_DATA_DIR']}/orders.db")

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


# --- the desk -------------------------------------------------------------------------------------


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


# --- without a server -----------------------------------------------------------------------------


def test_a_server_that_is_down_or_silent_is_told_in_one_line_with_the_time_that_was_waited(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in (silent, closed)]
        closed.close()
        told = ["within 5 seconds", "(connection refused)"]
        for address, why in zip(addresses, told, strict=True):
            finished = starter("--json", env={"TEMPORAL_ADDRESS": address, "ORDER_DATA_DIR": str(tmp_path)})

            assert finished.code == 3
            assert finished.out == ""
            [line] = finished.err.splitlines()
            assert f"No Temporal server answers at {address} {why}" in line


def test_the_audit_needs_no_server_and_finds_what_was_planted(sqlite_url: str) -> None:
    env = {"ORDER_DATABASE_URL": sqlite_url, "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    clean = starter("audit", env=env)
    stray = charges.insert().values(
        key="ORDER-1:nobody:charge", charge_id="ch", amount=1, currency="USD", payment_method="pm"
    )
    with create_engine(sqlite_url).begin() as world:
        world.execute(stray)
    broken = starter("audit", "--json", env=env)

    assert clean.code == 0
    assert "clean: book and world agree" in clean.out
    assert broken.code == 1
    assert broken.document["clean"] is False
    assert "ORDER-1:nobody:charge" in broken.out


# --- embedded -------------------------------------------------------------------------------------


def test_embedded_needs_nothing_else_ends_cleanly_and_is_remembered_by_the_book(tmp_path: Path) -> None:
    env = {**QUIET_WORLD, "ORDER_DATA_DIR": str(tmp_path)}
    kept = Running("starter.py", "--embedded", "--keep", "--scenario", "ok", env=env)
    kept.says("Temporal's Web UI is up at http://localhost:")

    finished = kept.interrupted()

    assert finished.code == 0
    assert finished.err == ""
    assert server_has_ended(tmp_path)
    assert (tmp_path / "worker.log").exists()
    remembered = starter("status", "ORDER-001", env={**env, "TEMPORAL_ADDRESS": "127.0.0.1:1"})
    assert remembered.code == 0
    assert "ORDER-001  fulfilled" in remembered.out
    assert "the server does not answer; this is what the book knows" in remembered.out


def test_ctrl_c_stops_the_embedded_server_and_says_that_the_order_goes_on(tmp_path: Path) -> None:
    env = {**QUIET_WORLD, "ORDER_DATA_DIR": str(tmp_path)}
    following = Running("starter.py", "--embedded", "--scenario", "payment-down", env=env)
    following.says("ORDER-001 payment running")

    finished = following.interrupted()

    assert finished.code == 130
    assert "1 order goes on when --embedded is used again: starter.py status ORDER-001" in finished.out
    assert finished.err == "starter.py: stopped\n"
    assert server_has_ended(tmp_path)


def server_has_ended(folder: Path) -> bool:
    """Its lock is free: it holds one as long as it lives."""
    lock = os.open(folder / "temporal.lock", os.O_RDWR)
    try:
        wait_until(lambda: try_lock(lock), 5, "the embedded server to end")
    finally:
        os.close(lock)
    return True


def try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def test_compare_counts_what_each_way_leaves_behind() -> None:
    """With this seed the second order's address is refused, the third's goods are out of stock, and
    nothing else happens."""
    compared = starter("compare", "--orders", "3", "--seed", "1208", "--json", env={})

    assert compared.code == 0
    monolith, workflows = compared.document["monolith"], compared.document["workflows"]
    assert (monolith["fulfilled"], monolith["failed_cleanly"]) == (1, 0)
    assert monolith["charged_without_parcel"] == 2
    assert monolith["orders_holding_stock"] == 1
    assert (workflows["fulfilled"], workflows["failed_cleanly"]) == (1, 2)
    assert workflows["charged_without_parcel"] == workflows["orders_holding_stock"] == 0
    assert workflows["audit_clean"] is True
