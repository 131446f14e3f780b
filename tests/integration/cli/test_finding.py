"""Lists on the command line, and commands that go on showing how things stand."""

import json
from pathlib import Path

from tests.fixtures.processes.command_line import starter
from tests.fixtures.processes.shop_commands import Env
from tests.integration.cli.test_batches import row, write


def test_orders_and_batches_are_listed_found_and_written_to_a_file(shop: Env, folder: Path) -> None:
    orders = [row("FIND-1"), row("FIND-2", token="pm_card_declined")]
    run = starter("batch", "run", write(folder / "find.csv", *orders), "--wait", env=shop)
    file = folder / "found.jsonl"

    found = starter("orders", "find-", "--batch", "find", "--since", "1h", "--json", env=shop)
    by_email = starter("orders", "ADA@example.com", "--batch", "find", "--status", "failed", env=shop)
    written = starter("orders", "--batch", "find", "--sort", "oldest", "-o", str(file), env=shop)
    batches = starter("batches", "FIN", "--status", "finished", env=shop)
    as_json = starter("batches", "FIN", "--json", env=shop)
    none_runs = starter("batches", "FIN", "--status", "running", "--json", env=shop)
    watched = starter("status", "FIND-2", "--watch", "--strict", "--json", env=shop)
    of_batch = starter("batch", "status", "find", "--watch", "--json", env=shop)
    wrong = starter("orders", "--since", "yesterday", env=shop)

    assert run.code == 0, run.err
    assert {each["order_id"] for each in found.document} == {"FIND-1", "FIND-2"}
    assert "FIND-2" in by_email.out
    assert "FIND-1" not in by_email.out
    assert written.code == 0, written.err
    assert len([json.loads(line) for line in file.read_text().splitlines()]) == 2
    assert "find" in batches.out
    assert "2 of 2" in batches.out
    [listed] = as_json.document
    assert (listed["progress"]["status"], listed["progress"]["counts"]["failed"]) == ("finished", 1)
    assert none_runs.document == []
    assert (watched.code, watched.document["status"]) == (4, "failed")
    assert (of_batch.code, of_batch.document["status"]) == (0, "finished")
    assert (wrong.code, "is no time" in wrong.err) == (2, True)
