"""`starter.py batch` from outside: what it prints, what it writes, and its exit codes."""

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

from tests.fixtures.documents.shop_export import export_of, order
from tests.fixtures.processes.command_line import PATIENCE_SECONDS, ROOT, starter
from tests.fixtures.processes.shop_commands import Env
from tests.fixtures.steering.waiting import wait_until
from tests.integration.cli.test_afterwards import listed_at_last

HEADER = (
    "order_id,currency,customer_name,customer_email,payment_method,street,city,region,postal_code,country,"
    "sku,quantity,unit_price"
)
EXAMPLE = ROOT / "examples" / "orders.csv"


def row(order_id: str, *, token: str = "pm_card_ok", quantity: int = 1, name: str = "Ada") -> str:
    street = "1 Main St,Portland,OR,97201,US"
    return f"{order_id},USD,{name},ada@example.com,{token},{street},MOUSE-321,{quantity},29.99"


def write(path: Path, *rows: str, header: str = HEADER) -> str:
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return str(path)


# --- without a server -----------------------------------------------------------------------------


def test_a_plan_tells_what_a_run_would_do_and_what_is_wrong(no_server: Env) -> None:
    plan = starter("batch", "plan", str(EXAMPLE), "--json", env=no_server)

    assert plan.code == 0, plan.err
    document = plan.document
    assert document["by_status"] == {"new": 3}
    assert (document["rows"], document["invalid"], document["duplicates"]) == (7, 2, 0)
    assert document["sums"] == [
        {"currency": "JPY", "paid_already": False, "orders": 1, "total": "2400"},
        {"currency": "USD", "paid_already": False, "orders": 2, "total": "1089.96"},
    ]
    apart, invalid = document["problems"]
    assert (invalid["first_line"], invalid["column"], invalid["order_id"]) == (7, "quantity", "CSV-005")
    assert (apart["first_line"], apart["order_id"]) == (4, "CSV-002")

    shown = starter("batch", "plan", str(EXAMPLE), "--strict", env=no_server)
    assert shown.code == 2
    assert "a run charges 1 order, 2,400 JPY and 2 orders, 1,089.96 USD" in shown.out
    assert "CSV-001: Ada, ada@example.com, pays by pm_card_ok" in shown.out
    assert "total 1,059.97 USD" in shown.out
    assert "CSV-005: line 7, quantity: must be between 1 and 10,000" in shown.out
    assert "the rows of this order stand apart, on lines 4 and 8" in " ".join(shown.out.split())


def test_the_example_of_a_shopify_export_is_planned_as_it_comes(no_server: Env) -> None:
    export = str(EXAMPLE.with_name("shopify_orders_export.csv"))
    plan = starter("batch", "plan", export, "--format", "shopify", "--json", env=no_server)

    assert plan.code == 0, plan.err
    document = plan.document
    assert (document["file"]["format"], document["by_status"]) == ("shopify", {"new": 3})
    (cancelled,) = document["left_out_orders"]
    assert (cancelled["order_id"], cancelled["first_line"], cancelled["column"]) == (
        "1004",
        7,
        "Cancelled at",
    )


def test_a_plan_tells_left_out_orders_apart_and_is_content_with_them(no_server: Env, folder: Path) -> None:
    file = folder / "left-out.csv"
    text = export_of(*(order(f"#{number}", cancelled=number > 1) for number in range(1, 60)))
    file.write_text(text, encoding="utf-8", newline="")
    of_file = ("batch", "plan", str(file), "--format", "shopify", "--strict")

    plan = starter(*of_file, "--json", env=no_server)
    assert plan.code == 0, plan.err
    document = plan.document
    assert (document["by_status"], document["left_out"], document["rows"]) == ({"new": 1}, 58, 59)
    assert (document["invalid"], document["problems"]) == (0, [])
    assert [left_out["order_id"] for left_out in document["left_out_orders"]] == [
        str(n) for n in range(2, 52)
    ]

    shown = starter(*of_file, env=no_server)
    assert shown.code == 0
    assert "leave them out: not to be shipped, says the shop" in shown.out
    assert "line 3, 2: not to be shipped: cancelled in the shop on 2026-03-01" in shown.out
    assert "... and 38 more" in shown.out


def test_a_first_profile_shows_an_order_as_it_would_be_read_and_then_reads_the_file(
    no_server: Env, folder: Path
) -> None:
    file, mine = folder / "strange.csv", folder / "mine.toml"
    header = HEADER.replace("order_id", "Bestellnummer").replace("quantity", "Menge").replace(",", ";")
    line = row("B-1", name="Zoë").replace("29.99", "29,99x").replace(",", ";").replace("29;99x", "29,99")
    file.write_bytes(f"{header};Status\n{line};shipped\n{line.replace('B-1', 'B-2')};open\n".encode("cp1252"))

    shown = starter("batch", "profile", str(file), env=no_server)
    assert shown.code == 0, shown.err
    assert 'encoding = "cp1252"  # or ' in shown.out
    assert "# not to be shipped" in shown.out
    written = starter("batch", "profile", str(file), "--out", str(mine), "--json", env=no_server).document
    assert mine.read_text("utf-8") == written["profile"]
    assert tomllib.loads(shown.out)["columns"]["quantity"] == "Menge"

    mine.write_text(written["profile"].replace("run = []", 'run = ["open"]'), "utf-8")
    again = starter("batch", "profile", str(file), "--out", str(mine), env=no_server)
    assert (again.code, "File exists" in again.err) == (2, True), "a profile is worked on by hand"
    plan = starter("batch", "plan", str(file), "--profile", str(mine), "--json", env=no_server).document
    assert (plan["by_status"], plan["left_out"], plan["invalid"]) == ({"new": 1}, 1, 0)


def test_every_mistake_is_one_line(no_server: Env, folder: Path) -> None:
    good = write(folder / "good.csv", row("GOOD-1"))
    header_only = write(folder / "header.csv")
    mistakes = {
        ("plan", "/etc/hostname"): (2, "ORDER_FILE_ROOTS"),
        ("plan", str(folder / "missing.csv")): (2, "no such file"),
        ("run", header_only): (2, "no orders below it"),
        ("run", str(EXAMPLE), "--strict"): (2, "2 invalid orders"),
        ("run", good): (3, "127.0.0.1:1"),
        ("plan", good, "--map", "order=ID"): (2, "mapping: order is no field"),
        ("outcome", "nobody"): (2, "no batch nobody"),
        ("window", "nobody", "0"): (2, ">= 1"),
    }
    for arguments, (code, words) in mistakes.items():
        finished = starter("batch", *arguments, env=no_server)
        assert (finished.code, len(finished.err.splitlines())) == (code, 1), finished.err
        assert words in finished.err


# --- with one -------------------------------------------------------------------------------------


def test_a_file_is_run_and_a_second_run_skips_what_is_done(shop: Env, folder: Path) -> None:
    formula = "'=cmd|calc"
    rows = [row("RUN-1"), row("RUN-2", token="pm_card_declined"), row("RUN-3", quantity=0)]
    # What looks like a formula comes in as somebody's own ID, which is none.
    file = write(folder / "my run.csv", *rows, row("=cmd|1"), row("RUN-6", name=formula), "RUN-7,USD")

    first = starter("batch", "run", file, "--wait", env=shop)
    assert first.code == 0, first.err
    assert "https://ui.example.com/namespaces/default/workflows/batch-my-run/" in first.out
    again = starter("batch", "run", file, "--wait", "--json", env=shop).document

    counts = again["counts"]
    assert (again["status"], counts["valid"], counts["skipped"], counts["failed"]) == ("finished", 3, 2, 1)
    assert (counts["fulfilled"], counts["rejected"], counts["duplicate"]) == (0, 3, 0)
    assert starter("batch", "status", "my-run", "--json", env=shop).document == again
    assert "no batch nobody, neither" in starter("batch", "status", "nobody", env=shop).err

    out, rejects = folder / "out.csv", folder / "rejects.csv"
    written = starter(
        "batch", "outcome", "my-run", "-o", str(out), "--rejects", str(rejects), "--json", env=shop
    )
    assert written.document["by_status"] == {"fulfilled": 2, "failed": 1, "rejected": 3}
    with out.open(encoding="utf-8", newline="") as lines:
        outcome = list(csv.DictReader(lines))
    assert [line["first_line"] for line in outcome] == ["2", "3", "4", "5", "6", "7"]
    assert [line["status"] for line in outcome[:3]] == ["fulfilled", "failed", "rejected"]
    assert (outcome[1]["workflow_id"], outcome[1]["failed_step"]) == ("order-RUN-2", "payment")
    assert not any(cell.startswith("=") for line in outcome for cell in line.values())

    # The refused ones as they were; mended, they run.
    refused = rejects.read_text(encoding="utf-8").splitlines()
    assert refused[0] == f"{HEADER},reject_reason"
    assert [line.partition(",")[0] for line in refused[1:]] == ["RUN-3", "'=cmd|1", "RUN-7"]
    unmended = starter("batch", "plan", str(rejects), "--json", env=shop).document
    assert (unmended["invalid"], unmended["orders"]) == (3, 0)
    refused[1] = refused[1].replace(",0,29.99", ",1,29.99")
    rejects.write_text("\n".join(refused), encoding="utf-8")
    mended = starter("batch", "plan", str(rejects), "--json", env=shop).document
    assert (mended["by_status"], mended["invalid"]) == ({"new": 1}, 2)


def test_a_batch_is_paused_widened_resumed_and_retried(shop: Env, folder: Path) -> None:
    # The first one is held for a person, and keeps the only place in the window until then.
    rows = [f"{row('STEER-0').replace('97201', '00005')},1h", *(f"{row(f'STEER-{n}')}," for n in (1, 2, 3))]
    file = write(folder / "steered.csv", *rows, header=f"{HEADER},hold_on_failure")
    started = starter("batch", "run", file, "--window", "1", "--json", env=shop).document
    assert (started["workflow_id"], started["started"]) == ("batch-steered", True)

    assert starter("batch", "pause", "steered", env=shop).code == 0
    assert starter("batch", "status", "steered", "--json", env=shop).document["status"] == "paused"
    found = starter("batch", "run", file, "--json", env=shop)
    assert not found.document["started"]
    assert starter("batch", "window", "steered", "20", env=shop).code == 0
    assert starter("batch", "resume", "steered", env=shop).code == 0
    listed_at_last(shop, "STEER-0")
    assert starter("retry", "STEER-0", env=shop).code == 0
    assert starter("batch", "run", file, "--wait", "--json", env=shop).document["status"] == "finished"

    retried = starter("batch", "retry", "steered", "--wait", "--json", env=shop).document
    assert (retried["counts"]["skipped"], retried["counts"]["fulfilled"]) == (4, 0)
    ended = starter("batch", "pause", "steered", env=shop)
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)


def test_a_batch_is_cancelled_with_its_orders(shop: Env, folder: Path) -> None:
    file = write(folder / "stopped.csv", *(row(f"HALT-{number}") for number in range(200)))
    assert starter("batch", "run", file, "--window", "1", env=shop).code == 0

    said = starter("batch", "cancel", "stopped", "--orders", "--json", env=shop)
    assert (said.code, said.document["name"]) == (0, "stopped")
    assert "are being cancelled" in said.document["said"]

    stopped: dict[str, Any] = {}

    def is_over() -> bool:
        stopped.update(starter("batch", "status", "stopped", "--json", env=shop).document)
        return stopped["status"] == "cancelled"

    wait_until(is_over, PATIENCE_SECONDS, "the batch to end")
    counts = stopped["counts"]
    ended = sum(counts[name] for name in ("fulfilled", "cancelled", "not_started"))
    assert (counts["valid"], ended, counts["running"]) == (200, 200, 0)
    assert counts["not_started"] > 0
    assert (stopped["seconds_left"], stopped["orders_expected"]) == (0, 200)


def test_json_lines_are_rejected_and_mended_too(shop: Env, folder: Path) -> None:
    order = json.loads((ROOT / "examples" / "orders.json").read_text(encoding="utf-8"))[0]
    bad = {**order, "order_id": "LINE-1", "currency": "dollars"}
    file = folder / "lines.jsonl"
    file.write_text(f"{json.dumps(bad)}\n[]\n", encoding="utf-8")
    # As on a terminal: a bar while it runs.
    shown = starter("batch", "run", str(file), "--wait", env={**shop, "TTY_COMPATIBLE": "1"})
    assert shown.code == 0
    assert "━" in shown.out
    assert "batch lines: finished" in shown.out

    rejects = folder / "lines-rejected.jsonl"
    assert starter("batch", "outcome", "lines", "--rejects", str(rejects), env=shop).code == 0
    first, second = rejects.read_text(encoding="utf-8").splitlines()
    assert "currency" in json.loads(first)["reject_reason"]
    assert second == "[]"
    rejects.write_text(first.replace("dollars", "USD"), encoding="utf-8")
    mended = starter("batch", "plan", str(rejects), "--json", env=shop).document
    assert (mended["by_status"], mended["invalid"]) == ({"new": 1}, 0)
