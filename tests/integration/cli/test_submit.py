"""`starter.py submit` from outside: what it prints, what it leaves behind, and its exit codes."""

import re

from tests.fixtures.processes.command_line import starter
from tests.fixtures.processes.shop_commands import CHILDREN, UI, Env, document, submitted

CARD_NUMBER = "4242 4242 4242 4242"


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
    away = shop | {"TEMPORAL_ADDRESS": "127.0.0.1:1"}
    for workflow, where in (("payment-JSON-1", shop), ("order-JSON-1", shop), ("shipping-JSON-1", away)):
        assert "JSON-1  fulfilled" in starter("status", workflow, env=where).out
    assert shown.code == 0
    assert "JSON-1  fulfilled" in shown.out
    for step in CHILDREN:
        assert re.search(rf"{step} +✓ completed +\d", shown.out)
    assert "charged 1,059.97 USD" in shown.out
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


def test_an_order_that_is_called_like_a_workflow_is_meant_before_that_workflows(shop: Env) -> None:
    assert submitted(shop, document("NAME-1"), document("order-NAME-1", "address-refused")).code == 0

    assert starter("status", "order-NAME-1", "--json", env=shop).document["status"] == "failed"
    assert "order-NAME-1: already closed" in starter("cancel", "order-NAME-1", env=shop).out
    assert "NAME-1: already closed" in starter("cancel", "payment-NAME-1", env=shop).out


def book_knows(shop: Env, order_id: str) -> bool:
    return starter("status", order_id, env={**shop, "TEMPORAL_ADDRESS": "127.0.0.1:1"}).code == 0
