"""Log lines name the order that they are about, and never its customer."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from temporalio.exceptions import ApplicationError

from activities.inventory import InventoryActivities
from activities.payment import PaymentActivities
from activities.shipping import ShippingActivities
from order_system.domain.errors import PaymentDeclined, RefundByHand
from order_system.domain.order import Customer
from order_system.infra import logs
from order_system.infra.logs import configure_logging, log_file
from order_system.infra.redaction import REDACTED, clean_text
from order_system.infra.settings import load_settings

Lines = Callable[[], list[dict[str, Any]]]


pytestmark = pytest.mark.usefixtures("logging_as_it_was")


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    configure_logging(load_settings())
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_away_from_a_terminal_each_line_is_json(lines: Lines) -> None:
    structlog.get_logger("order_system.worker").info("worker started", task_queue="orders")
    logging.getLogger("temporalio.worker").warning("poll failed %s", "once")

    ours, theirs = lines()

    assert ours["event"] == "worker started"
    assert ours["task_queue"] == "orders"
    assert ours["level"] == "info"
    assert theirs["event"] == "poll failed once"
    assert theirs["logger"] == "temporalio.worker"
    assert ours["timestamp"].endswith("Z")


def test_each_line_of_one_process_of_several_has_its_number_whoever_writes_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(load_settings(), process=3)

    structlog.get_logger("worker").info("ours")
    thread = threading.Thread(target=logging.getLogger("theirs").warning, args=("of a library's thread",))
    thread.start()
    thread.join()

    written = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["process"], line["event"]) for line in written] == [
        (3, "ours"),
        (3, "of a library's thread"),
    ]


def test_configuring_twice_does_not_repeat_lines(lines: Lines) -> None:
    configure_logging(load_settings())

    logging.getLogger("anything").info("once")

    assert len(lines()) == 1


def test_several_processes_that_share_a_log_file_lose_no_line_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_FILE_BYTES", 150)
    path, written = tmp_path / "worker.log", [f"line {number:03}" for number in range(30)]
    first, second = log_file(path), log_file(path, is_first=False)
    for line in written:
        handler = first if line.endswith("0") else second
        handler.emit(logging.LogRecord("any", logging.INFO, "", 0, line, None, None))

    assert [*tmp_path.glob("worker.log.*")] == [older := tmp_path / "worker.log.1"]
    assert (older.read_text() + path.read_text()).splitlines() == written


@pytest.mark.parametrize(
    ("workflow_id", "order_id", "step"),
    [
        ("order-ORDER-001", "ORDER-001", "order"),
        ("payment-ORDER-001", "ORDER-001", "payment"),
        ("shipping-a.b_c-d", "a.b_c-d", "shipping"),
    ],
)
def test_a_line_of_a_workflow_names_order_and_step(
    lines: Lines, workflow_id: str, order_id: str, step: str
) -> None:
    details = {"workflow_id": workflow_id, "run_id": "run-1", "attempt": 1, "namespace": "default"}
    extra = {"temporal_workflow": details, "submission": "sub-1"}
    logging.getLogger("temporalio.workflow").info("charging", extra=extra)

    (line,) = lines()

    expected = {
        "order_id": order_id,
        "step": step,
        "workflow_id": workflow_id,
        "run_id": "run-1",
        "attempt": 1,
        "submission": "sub-1",
    }
    assert expected == {key: line[key] for key in expected}
    assert "temporal_workflow" not in line


def test_another_workflow_is_not_mistaken_for_an_order(lines: Lines) -> None:
    details = {"workflow_id": "batch-2026", "run_id": "run-1", "attempt": 1}
    logging.getLogger("temporalio.workflow").info("next window", extra={"temporal_workflow": details})

    (line,) = lines()

    assert line["workflow_id"] == "batch-2026"
    assert "order_id" not in line


@pytest.mark.parametrize("workflow_id", ["order-ORDER-001", "reconciliation-now-1"])
@pytest.mark.parametrize(
    ("undo", "step"),
    [
        (ShippingActivities.void_shipment, "shipping"),
        (InventoryActivities.release, "inventory"),
        (PaymentActivities.refund, "payment"),
    ],
)
def test_an_undo_runs_in_the_order_but_belongs_to_its_step(
    lines: Lines, undo: Callable[..., object], step: str, workflow_id: str
) -> None:
    details = {"workflow_id": workflow_id, "activity_type": undo.__name__, "attempt": 3}
    logging.getLogger("temporalio.activity").info("retrying", extra={"temporal_activity": details})

    (line,) = lines()

    assert line["step"] == step
    assert line["attempt"] == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "ada@example.com"},
        {"customer": {"name": "Ada Lovelace"}},
        {"detail": {"shipping_address": "1 Main St", "parts": [{"street": "1 Main St"}]}},
        {"who": Customer(name="Ada Lovelace", email="ada@example.com")},
        {"reason": "no mailbox ada@example.com here"},
        {"reason": "Customer(name='Ada Lovelace', email='ada@example.com') refused"},
        {"reason": '{"name": "Ada Lovelace", "street": "1 Main St"}'},
        {"reason": "1 validation error [type=x, input_value='Ada Lovelace', input_type=str]"},
        {"reason": "[SQL: INSERT INTO t VALUES (?)]\n[parameters: ('Ada Lovelace',)]"},
        {"reason": "token pm_card_ok refused"},
        {"reason": "cannot reach postgresql://ada:pm_secret@db/orders"},
        {"reason": "card 4111111111111111 refused"},
        {"reason": "card 4111 1111-1111 1111 refused"},
        {"number": 4111111111111111},
    ],
)
def test_nobody_is_named(lines: Lines, fields: dict[str, object]) -> None:
    structlog.get_logger().info("refused", **fields)

    (line,) = lines()

    told = json.dumps(line | {"timestamp": ""})  # a microsecond may have these digits
    assert REDACTED in told
    for secret in ("Ada", "example.com", "Main St", "pm_", "4111"):
        assert secret not in told


def test_what_operators_need_stays_readable(lines: Lines) -> None:
    fields = {
        "run_id": "41111111-1111-1111-4111-111111111111",
        "workflow_id": "order-ORDER-001",
        "tracking_number": "SIM1234567890",
        "amount": 105997,
        "server": "localhost:7233",
        "took_ms": 12.5,
        "done": True,
        "at": "2026-01-01T00:00:00.000Z",
        "nanoseconds": 1767225600000000000,
    }
    structlog.get_logger().info("parcel handed over", **fields)

    (line,) = lines()

    assert fields == {key: line[key] for key in fields}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PaymentDeclined("card of ada@example.com"), f"PaymentDeclined: card of {REDACTED}"),
        (
            ApplicationError("card of ada@example.com", type="PaymentDeclined"),
            f"PaymentDeclined: card of {REDACTED}",
        ),
        # A local activity whose time is up.
        (asyncio.CancelledError("Activity cancelled"), "CancelledError: Activity cancelled"),
    ],
)
def test_an_expected_error_is_one_line(lines: Lines, error: BaseException, told: str) -> None:
    logging.getLogger("temporalio.activity").warning("activity failed", exc_info=error)

    (line,) = lines()

    assert line["error"] == told
    assert "exception" not in line


def test_a_bug_keeps_its_traceback_but_not_what_it_quotes(lines: Lines) -> None:
    refused = {"name": [" ".join(("Ada", "Lovelace"))], "email": "ada@example.com"}
    try:
        Customer.model_validate(refused)
    except ValueError:
        logging.getLogger("anything").exception("bug")

    (line,) = lines()

    assert "test_a_bug_keeps_its_traceback" in line["exception"]
    assert "Ada Lovelace" not in line["exception"]


def test_for_people_lines_are_plain_text_without_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(load_settings(log_format="console"))
    name = "Ada Lovelace"
    try:
        raise LookupError(len(name))
    except LookupError:
        structlog.get_logger().exception("bug", order_id="ORDER-001")

    told = capsys.readouterr().err
    assert "order_id=ORDER-001" in told
    assert "LookupError: 12" in told
    assert "'Ada Lovelace'" not in told


def test_no_line_for_people_has_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    """A path that a stranger asks for is logged, for instance."""
    configure_logging(load_settings(log_format="console"))

    structlog.get_logger().warning("a wrong key", path="/\x1b]0;ours\x07\u202eyap", of=["\x1b[2J"])
    logging.getLogger("a.library").warning("\x9b2J is\nunknown")

    told = capsys.readouterr().err
    assert [char for char in told if not (char.isprintable() or char == "\n")] == []
    assert r"/\x1b]0;ours\x07\u202eyap" in told
    assert "\\x9b2J is\nunknown" in told


@pytest.mark.parametrize("text", ["a", "1", "a.", "a@", "a_", "token=", "name='"])
def test_a_text_without_end_takes_no_time_to_be_searched(text: str) -> None:
    """Anybody may ask for a long path, and the server waits for its log: it once took a minute."""
    endless, began = text * (60_000 // len(text)), time.process_time()
    clean_text(endless)
    assert time.process_time() - began < 1


def test_below_the_level_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(load_settings(log_level="ERROR"))

    structlog.get_logger().info("hidden")
    logging.getLogger("temporalio.activity").warning("hidden too")

    assert capsys.readouterr().err == ""


def test_whose_money_is_to_be_given_back_by_hand_is_for_the_desk_and_not_for_the_log(lines: Lines) -> None:
    told = 'give back 59.98 USD by hand, paid as ch_1; customer: "Ada Lovelace", e-mail: "ada@example.com"'
    try:
        raise RefundByHand(told)
    except RefundByHand:
        logging.getLogger("temporalio.activity").warning("Completing activity as failed", exc_info=True)

    [line] = lines()

    assert "59.98 USD by hand, paid as ch_1" in str(line)
    assert "Lovelace" not in str(line)
    assert "ada@" not in str(line)
